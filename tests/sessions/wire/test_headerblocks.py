"""Header blocks: the dictionary, one context for all, and what the receiver refuses."""

import struct
import zlib

import pytest

from auditproxy.sessions.wire.headerblocks import (
    DICTIONARY,
    MAXIMUM_BLOCK,
    MAXIMUM_HEADERS,
    HeaderBlockError,
    HeaderBlocks,
)
from tests.fakes.spdy import Client


def raw_block(*texts: bytes, count: int | None = None) -> bytes:
    """A block that is not packed; names and values in turn."""
    raw = struct.pack(">I", len(texts) // 2 if count is None else count)
    return raw + b"".join(struct.pack(">I", len(text)) + text for text in texts)


def packed(raw: bytes) -> bytes:
    """The first block of a direction."""
    packer = zlib.compressobj(zdict=DICTIONARY)
    return packer.compress(raw) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_dictionary() -> None:
    """The draft names the dictionary by its Adler-32; kubectl's first block begins with it."""
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2
    assert len(DICTIONARY) == 1423
    assert packed(raw_block())[2:6] == bytes.fromhex("e3c6a7c2")


def test_one_context() -> None:
    """A block is understood only behind the ones before it."""
    client, blocks = Client(), HeaderBlocks()
    first, second = client.block({"streamtype": "error"}), client.block({"streamtype": "data"})
    assert blocks.read(first) == {"streamtype": "error"}
    assert blocks.read(second) == {"streamtype": "data"}
    with pytest.raises(HeaderBlockError):
        HeaderBlocks().read(second)


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (raw_block(), {}),
        (raw_block(b"a", b"b", b"c", b""), {"a": "b", "c": ""}),
        # http.Header.Get returns the first of several values, and of headers that repeat.
        (raw_block(b"streamtype", b"stdin\0error"), {"streamtype": "stdin"}),
        (raw_block(b"a", b"1", b"a", b"2"), {"a": "1"}),
        (raw_block(b"a", b"\xff"), {"a": "�"}),
    ],
)
def test_blocks(raw: bytes, headers: dict[str, str]) -> None:
    """What a block says."""
    assert HeaderBlocks().read(packed(raw)) == headers


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0",
        raw_block(b"A", b"b"),
        raw_block(b"a", b"b", count=2),
        raw_block(b"a", b"b")[:-1],
        raw_block(b"a", b"b") + b"x",
        raw_block(b"a", b"x" * (MAXIMUM_BLOCK - 12)),
        raw_block(count=MAXIMUM_HEADERS + 1),
        struct.pack(">II", 1, 0xFFFFFFFF),
    ],
)
def test_what_is_refused(raw: bytes) -> None:
    """A block that the receiver refuses, or that is larger than this reader's limit."""
    with pytest.raises(HeaderBlockError):
        HeaderBlocks().read(packed(raw))


def test_the_largest_block() -> None:
    """The limit itself is read."""
    assert HeaderBlocks().read(packed(raw_block(b"a", b"x" * (MAXIMUM_BLOCK - 13))))


def test_a_small_block_that_inflates_without_end() -> None:
    """A few KiB that become 64 MiB are not inflated."""
    bomb = packed(bytes(64 * 1024 * 1024))
    with pytest.raises(HeaderBlockError):
        HeaderBlocks().read(bomb)
