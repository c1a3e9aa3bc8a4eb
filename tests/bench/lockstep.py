"""One proxy whose calls are counted, and a client and an upstream that go in step with it.

The proxy has the main thread, its event loop and the profile; client and upstream are blocking
sockets of one other thread, whose calls are not counted. That thread moves only while the proxy
waits for a socket, so that each piece of input finds the proxy at rest, whatever else the machine
does. The loop's clock stands still: no timer falls due within a run.
"""

import asyncio
import gc
import selectors
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from auditproxy.app.proxy import build
from tests.bench.settings import Files, write_kubeconfig
from tests.bench.traffic import header_value
from tests.fakes.options import options

DEADLINE = 20.0
"""Seconds after which a side that does not come ends the run."""

ProfileFunction = Callable[[FrameType, str, Any], object]


UNCOUNTED = asyncio.TimerHandle.__lt__.__code__
"""How often timers are compared within asyncio's heap depends on when each falls due."""


class Counts:
    """Calls of Python functions and of functions in C so far; the profile function of a run."""

    def __init__(self) -> None:
        self.python = 0
        self.c = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code is UNCOUNTED:
            return
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.c += 1


class RestingSelector(selectors.DefaultSelector):
    """A selector that shows when its loop waits for a socket, and profiles all but itself.

    A turn of the loop is one Python call. A loop that would wait for a timer waits for a socket.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resting = threading.Event()
        self.profile: ProfileFunction | None = None
        """What the thread of the loop is profiled with from its next turn on."""
        self.turns = 0
        """Calls of ``sys.setprofile`` that the profile has seen, one each turn."""
        self._is_profiled = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait without a profile."""
        sys.setprofile(None)
        self.turns += self._is_profiled
        waits = timeout is None or timeout > 0
        if waits:
            self.resting.set()
        try:
            return super().select(None if waits else timeout)
        finally:
            self.resting.clear()
            self._is_profiled = self.profile is not None
            sys.setprofile(self.profile)

    def rest(self) -> None:
        """Wait in another thread until the loop waits for a socket."""
        if not self.resting.wait(DEADLINE):
            raise TimeoutError("the proxy did not come to rest")


class StandingLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, with a clock that stands still."""

    def time(self) -> float:
        """Always the same."""
        return 1000.0


@dataclass(frozen=True)
class Step:
    """One request, and the answer that the upstream gives to it, of its audit id."""

    request: bytes
    answer: Callable[[str], bytes]


def receive(peer: ssl.SSLSocket, buffered: bytearray) -> tuple[bytes, bytes]:
    """Head and body of a message that has a Content-Length or no body."""
    while (end := buffered.find(b"\r\n\r\n")) < 0:
        more(peer, buffered)
    head = bytes(buffered[:end])
    length = int(header_value(head, b"content-length") or 0)
    while len(buffered) < end + 4 + length:
        more(peer, buffered)
    body = bytes(buffered[end + 4 : end + 4 + length])
    del buffered[: end + 4 + length]
    return head, body


def more(peer: ssl.SSLSocket, buffered: bytearray) -> None:
    """Receive what is there, at least a byte."""
    piece = peer.recv(1 << 16)
    if not piece:
        raise ConnectionError("the proxy closed the connection")
    buffered += piece


class Driver:
    """The client and the upstream, on their thread."""

    def __init__(
        self, files: Files, listener: socket.socket, selector: RestingSelector, *, certificate: bool
    ) -> None:
        self._listener = listener
        self._selector = selector
        self._client_tls = files.client_context(certificate=certificate)
        self._upstream_tls = files.upstream_context()
        self._client: ssl.SSLSocket | None = None
        self._upstream: ssl.SSLSocket | None = None
        self._buffered = bytearray(), bytearray()

    def connect(self, port: int) -> None:
        """Connect to the proxy."""
        plain = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = self._client_tls.wrap_socket(plain, server_hostname="localhost")

    def accept(self) -> ssl.SSLSocket:
        """The proxy's connection to the upstream."""
        plain, _ = self._listener.accept()
        plain.settimeout(DEADLINE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._upstream_tls.wrap_socket(plain, server_side=True)

    def take(self, step: Step) -> bytes:
        """One request and its answer; returns the answer's head. The proxy rests before and after."""
        assert self._client is not None
        self._selector.rest()
        self._client.sendall(step.request)
        if self._upstream is None:
            self._upstream = self.accept()
        head, _ = receive(self._upstream, self._buffered[0])
        self._selector.rest()
        self._upstream.sendall(step.answer(header_value(head, b"audit-id").decode("latin-1")))
        answered, _ = receive(self._client, self._buffered[1])
        self._selector.rest()
        return answered

    def close(self) -> None:
        """Let go of both connections."""
        for peer in (self._client, self._upstream):
            if peer is not None:
                peer.close()


@contextmanager
def without_collections() -> Iterator[None]:
    """No cycles are collected meanwhile: what is freed when would not be the same each time."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def count(
    files: Files,
    warm_up: Sequence[Step],
    steps: Sequence[Step],
    *,
    certificate: bool,
    profile: ProfileFunction | None = None,
    **flags: Any,
) -> list[tuple[int, int]]:
    """Python and C calls of each of ``steps``, after ``warm_up``, all on one connection.

    ``profile`` sees the calls too, to say whose they are. Raises RuntimeError for an answer
    other than 200.
    """
    selector = RestingSelector()
    counts = Counts()
    found: list[tuple[int, int]] = []
    crashes: list[BaseException] = []

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        counts(frame, event, argument)
        assert profile is not None
        profile(frame, event, argument)

    def drive(driver: Driver, port: int, done: Callable[[], object]) -> None:
        try:
            driver.connect(port)
            for step in warm_up:
                accepted(driver.take(step))
            selector.profile = counts if profile is None else seen
            for step in steps:
                before = counts.python, counts.c - selector.turns
                accepted(driver.take(step))
                found.append((counts.python - before[0], counts.c - selector.turns - before[1]))
        except BaseException as crash:
            crashes.append(crash)
        finally:
            selector.profile = None
            driver.close()
            done()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE)
            write_kubeconfig(files, listener.getsockname()[1])
            proxy = await build(options(**files.flags, **flags), listener_tls=True)
            await proxy.start()
            done = asyncio.Event()
            driver = Driver(files, listener, selector, certificate=certificate)
            thread = threading.Thread(
                target=drive,
                args=(driver, proxy.port, lambda: loop.call_soon_threadsafe(done.set)),
                daemon=True,
            )
            with without_collections():
                thread.start()
                await done.wait()
            thread.join()
            await proxy.close()

    with asyncio.Runner(loop_factory=lambda: StandingLoop(selector)) as runner:
        runner.run(run())
    if crashes:
        raise crashes[0]
    return found


def accepted(head: bytes) -> None:
    """Raise RuntimeError unless a request was answered 200."""
    if not head.startswith(b"HTTP/1.1 200"):
        first = head.split(b"\r\n", 1)[0]
        raise RuntimeError(f"the proxy answered {first!r}")
