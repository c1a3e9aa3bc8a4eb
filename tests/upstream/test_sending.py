"""upstream/sending.py: a request at once, or its body as it comes, in its framing, as fast as it is taken, and closed in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from auditproxy.upstream.messages import UpstreamRequest, UpstreamRequestError
from auditproxy.upstream.sending import SMALL_BODY, RequestSending
from tests.fakes.waiting import turns

HEAD = b"PUT / HTTP/1.1\r\n\r\n"


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.aborted = False

    @property
    def data(self) -> bytes:
        """All of it, but the head."""
        return b"".join(self.writes).removeprefix(HEAD)

    def write(self, data: Any) -> None:
        """Keep it."""
        self.writes.append(bytes(data))

    def abort(self) -> None:
        """Note it."""
        self.aborted = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed


class Body:
    """A body in pieces; it may fail, and says whether it was closed."""

    def __init__(self, pieces: Sequence[bytes], fault: Exception | None = None) -> None:
        self.left = list(pieces)
        self.fault = fault
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await turns()
        if self.left:
            return self.left.pop(0)
        if self.fault is not None:
            raise self.fault
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Note that it is closed."""
        self.closed = True


class Sending:
    """A request that is sent on a new connection, and what goes wrong."""

    def __init__(self, body: Any, length: int | None) -> None:
        self.written = Written()
        self.of = RequestSending(asyncio.get_running_loop())
        self.request = UpstreamRequest(method=b"PUT", target=b"/", body=body, content_length=length)
        self.faults: list[Exception] = []

    def begin(self) -> "asyncio.Task[None] | None":
        """Begin to send it."""
        return self.of.begin(self.written, HEAD, self.request, self.faults.append)

    async def whole(self) -> None:
        """Send all of it."""
        task = self.begin()
        assert task is not None
        await task


@pytest.mark.parametrize(
    ("body", "writes"),
    [
        (None, [HEAD]),
        (b"", [HEAD]),
        (b"abc", [HEAD + b"abc"]),
        (b"x" * SMALL_BODY, [HEAD + b"x" * SMALL_BODY]),
        (b"x" * (SMALL_BODY + 1), [HEAD, b"x" * (SMALL_BODY + 1)]),
    ],
)
async def test_all_at_once(body: bytes | None, writes: list[bytes]) -> None:
    """What is here is written at once, a small body with its head, and needs no task."""
    sending = Sending(body, None)
    assert sending.begin() is None
    assert sending.written.writes == writes
    assert sending.of.is_whole


@pytest.mark.parametrize(
    ("pieces", "length", "wire"),
    [
        ((b"ab", b"", b"c"), None, b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        ((b"x" * 17,), None, b"11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"),
        ((), None, b"0\r\n\r\n"),
        ((b"ab", b"", b"c"), 3, b"abc"),
        ((), 0, b""),
    ],
)
async def test_framing(pieces: tuple[bytes, ...], length: int | None, wire: bytes) -> None:
    """Chunks without a length, the bytes themselves with one."""
    body = Body(pieces)
    sending = Sending(body, length)
    await sending.whole()
    assert sending.written.data == wire
    assert sending.of.is_whole
    assert body.closed
    assert sending.faults == []


@pytest.mark.parametrize(
    ("pieces", "length", "wire"), [((b"ab",), 3, b"ab"), ((b"ab", b"cd"), 3, b"ab")]
)
async def test_other_lengths(pieces: tuple[bytes, ...], length: int, wire: bytes) -> None:
    """T099: a body that is not as long as announced is an error, and never longer on the wire."""
    body = Body(pieces)
    sending = Sending(body, length)
    await sending.whole()
    (fault,) = sending.faults
    assert isinstance(fault, UpstreamRequestError)
    assert str(fault) == "the body is not as long as announced"
    assert sending.written.data == wire
    assert not sending.of.is_whole
    assert body.closed


@pytest.mark.parametrize("length", [None, 5])
async def test_faults_of_the_body(length: int | None) -> None:
    """What the body raises is told, and no end of it is written."""
    fault = ValueError("its own")
    body = Body((b"ab",), fault)
    sending = Sending(body, length)
    await sending.whole()
    assert sending.faults == [fault]
    assert sending.written.data in (b"ab", b"2\r\nab\r\n")
    assert not sending.of.is_whole
    assert body.closed


@pytest.mark.parametrize("length", [None, 3])
async def test_closed_meanwhile(length: int | None) -> None:
    """On a transport that is closing nothing more is written, and the request is not whole."""
    body = Body((b"a", b"b", b"c"))
    sending = Sending(body, length)
    sending.written.closed = True
    await sending.whole()
    assert sending.written.data == b""
    assert not sending.of.is_whole
    assert body.closed


async def test_back_pressure() -> None:
    """While the transport is full no piece is taken from the body but the one at hand."""
    body = Body((b"a", b"b", b"c"))
    sending = Sending(body, 3)
    sending.of.wake()
    sending.of.is_paused = True
    sent = sending.begin()
    assert sent is not None
    await turns(20)
    assert (sending.written.data, body.left) == (b"", [b"b", b"c"])
    sending.of.is_paused = False
    sending.of.wake()
    sending.of.wake()
    await sent
    assert sending.written.data == b"abc"
    sending.of.wake()


async def test_cancelled_while_it_waits() -> None:
    """A sending that is cancelled closes the body, and nothing may follow on its connection."""
    body = Body((b"a", b"b"))
    sending = Sending(body, None)
    sending.of.is_paused = True
    sent = sending.begin()
    assert sent is not None
    await turns(20)
    sent.cancel()
    await asyncio.wait((sent,))
    assert sent.cancelled()
    assert body.closed
    assert sending.written.aborted
    assert sending.faults == []
    sending.of.wake()
