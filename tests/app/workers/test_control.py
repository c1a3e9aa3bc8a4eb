"""What the parent of workers and a worker say to each other."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.app.workers.control import LONGEST_MESSAGE, ControlChannel


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[tuple[ControlChannel, ControlChannel]]:
    """Both ends."""
    first, second = socket.socketpair()
    ends = await ControlChannel.of(first), await ControlChannel.of(second)
    try:
        yield ends
    finally:
        for end in ends:
            end.close()


@given(
    messages=st.lists(
        st.tuples(st.sampled_from(("metrics", "state", "stop")), st.binary(max_size=2000)),
        max_size=20,
    )
)
def test_messages(messages: list[tuple[str, bytes]]) -> None:
    """They come as they were sent, and then the end."""

    async def run() -> None:
        async with pair() as (ours, theirs), asyncio.timeout(10):
            for kind, content in messages:
                ours.tell(kind, content)
            ours.close()
            for message in messages:
                assert await theirs.receive() == message
            assert await theirs.receive() is None

    asyncio.run(run())


async def test_large_message() -> None:
    """More than a socket holds is sent while it is read."""
    content = bytes(3_000_000)
    async with pair() as (ours, theirs), asyncio.timeout(10):
        _, message = await asyncio.gather(ours.send("metrics", content), theirs.receive())
        assert message == ("metrics", content)


async def test_nobody_is_there() -> None:
    """What is sent to a process that has ended is lost, without an error."""
    async with pair() as (ours, theirs), asyncio.timeout(10):
        theirs.close()
        for _ in range(3):
            await ours.send("state", b"x" * 100_000)
        assert await ours.receive() is None
        ours.close()
        ours.tell("stop")


@pytest.mark.parametrize(
    "garbage", [b"hello\n", b"x -1\n", b"x %d\n" % (LONGEST_MESSAGE + 1), b"x" * 70 + b" 1\ny"]
)
async def test_garbage(garbage: bytes) -> None:
    """What no process of ours sends is an error."""
    raw, its = socket.socketpair()
    theirs = await ControlChannel.of(its)
    with raw:
        raw.sendall(garbage)
        async with asyncio.timeout(10):
            with pytest.raises(ValueError):
                await theirs.receive()
    theirs.close()


async def test_cut_message() -> None:
    """A message that its sender did not finish is none."""
    raw, its = socket.socketpair()
    theirs = await ControlChannel.of(its)
    with raw:
        raw.sendall(b"metrics 10\nabc")
    async with asyncio.timeout(10):
        assert await theirs.receive() is None
    theirs.close()
