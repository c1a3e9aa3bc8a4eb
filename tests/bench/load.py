"""The load: connections that ask one thing after the other, on uvloop, as bytes.

Counts and times are bounded, and so is where it goes: loopback.
"""

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

LIMIT = 60.0
"""Seconds after which connections that did not open or answer end a measurement."""


@dataclass(frozen=True)
class Sample:
    """What happened in one measurement; times of answers are in seconds."""

    count: int
    seconds: float
    times: tuple[float, ...]


class Asker(asyncio.Protocol):
    """One connection: sends a request when the one before has its whole answer."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.idle: asyncio.Future[None] = loop.create_future()
        self.times: list[float] = []
        self._requests: Iterator[bytes] = iter(())
        self._until = 0.0
        self._left = 0
        self._sent = 0.0
        self._head = b""
        self._missing = -1
        """Bytes of the answer that are still to come; -1 before its head."""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.connected.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.idle.done():
            self.idle.set_exception(ConnectionError("the proxy closed the connection"))

    def ask(self, requests: Iterator[bytes], most: int, until: float) -> "asyncio.Future[None]":
        """Send ``most`` requests, none after ``until``; the future is done after the last answer."""
        self.idle = asyncio.get_running_loop().create_future()
        self._requests, self._left, self._until = requests, most, until
        self.times = []
        self._next()
        return self.idle

    def close(self) -> None:
        """Let go of the connection."""
        self.idle.cancel()
        self._transport.abort()

    def _refused(self, answer: bytes) -> None:
        """An answer that is not a good one ends the measurement."""
        text = answer[:700].decode("latin-1")
        if not self.idle.done():
            self.idle.set_exception(RuntimeError(f"a request was answered: {text}"))
        self._transport.abort()

    def _next(self) -> None:
        self._sent = time.perf_counter()
        if not self._left or self._sent > self._until:
            self.idle.set_result(None)
            return
        self._left -= 1
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            data = self._head + data if self._head else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            if data[9:12] not in (b"200", b"201"):
                self._refused(data)
                return
            self._missing = length_of(data[:end]) - (len(data) - end - 4)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = -1
            self.times.append(time.perf_counter() - self._sent)
            self._next()


def length_of(head: bytes) -> int:
    """The Content-Length of an answer's head."""
    return int(head.lower().partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0])


async def connect(port: int, tls: ssl.SSLContext, count: int) -> list[Asker]:
    """Open connections, a few at once."""
    loop = asyncio.get_running_loop()
    askers: list[Asker] = []
    for first in range(0, count, 8):
        opened = await asyncio.wait_for(
            asyncio.gather(
                *(
                    loop.create_connection(
                        Asker, "127.0.0.1", port, ssl=tls, server_hostname="localhost"
                    )
                    for _ in range(min(8, count - first))
                )
            ),
            LIMIT,
        )
        askers += [asker for _, asker in opened]
    return askers


async def ask(
    askers: Sequence[Asker], requests: Sequence[Sequence[bytes]], most: int, seconds: float
) -> Sample:
    """Each connection asks its own requests, in turn, until ``most`` are sent in all."""
    began = time.perf_counter()
    share = max(1, most // len(askers))
    await asyncio.wait_for(
        asyncio.gather(
            *(
                asker.ask(cycle(own), share, began + seconds)
                for asker, own in zip(askers, requests, strict=True)
            )
        ),
        LIMIT,
    )
    took = time.perf_counter() - began
    times = [each for asker in askers for each in asker.times]
    return Sample(len(times), took, tuple(times))
