"""The terminal of exec -it: keys, echo and lines."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.pods.terminal import Terminal


async def type_keys(*pieces: bytes) -> tuple[bytes, bytes]:
    """Type until the end; what a program reads and what is shown."""
    keys = asyncio.StreamReader()
    shown = bytearray()

    async def write(data: bytes) -> None:
        shown.extend(data)

    for piece in pieces:
        keys.feed_data(piece)
    keys.feed_eof()
    terminal = Terminal(keys, write)
    async with asyncio.timeout(5):
        await terminal.run()
        return await terminal.stdin.read(), bytes(shown)


@pytest.mark.parametrize(
    ("keys", "read", "shown"),
    [
        (b"ls\r", b"ls\n", b"ls\r\n"),
        (b"ls\n", b"ls\n", b"ls\r\n"),
        (b"lx\x7fs\r", b"ls\n", b"lx\b \bs\r\n"),
        (b"\x08\x7fa\r", b"a\n", b"a\r\n"),
        ("é\x7fe\r".encode(), b"e\n", "é\b \be\r\n".encode()),
        (b"a\r\x04b\r", b"a\n", b"a\r\n"),
        (b"a\x04b\r", b"ab\n", b"ab\r\n"),
        (b"a\rxyz\x03b\r", b"a\n", b"a\r\nxyz^C\r\n"),
        (b"unfinished", b"unfinished", b"unfinished"),
        (b"", b"", b""),
    ],
)
async def test_keys(keys: bytes, read: bytes, shown: bytes) -> None:
    """Lines end by either key, can be edited, and are shown as they are typed."""
    assert await type_keys(keys) == (read, shown)


async def test_output() -> None:
    """A line feed goes back to the line's start."""
    shown = bytearray()

    async def write(data: bytes) -> None:
        shown.extend(data)

    await Terminal(asyncio.StreamReader(), write).out(b"a\nb\n")
    assert shown == b"a\r\nb\r\n"


@given(st.binary(max_size=40))
async def test_any_keys(keys: bytes) -> None:
    """Whatever is typed is taken, and what is read has no control keys of the terminal's own."""
    read, _ = await type_keys(keys)
    assert not set(read) & {3, 4, 8, 13, 127}
