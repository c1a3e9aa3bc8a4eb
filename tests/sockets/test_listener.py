"""The listener: addresses, failures of single connections, and no descriptors."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from auditproxy.health.server import RESERVED
from auditproxy.sockets.listener import (
    Listener,
    bind,
    fault_text,
    fault_word,
    fix_of_binding,
    listen,
    reserve,
)
from tests.conformance.client import read_answer
from tests.fakes.health import serving
from tests.fakes.waiting import until

BOTH_LOOPS = True


@contextlib.contextmanager
def all_descriptors_taken() -> Iterator[None]:
    """No descriptor is free: those below the limit are taken, and the limit is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    highest = max(map(int, os.listdir("/proc/self/fd"))) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in taken:
            os.close(each)


def open_descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def given_back(client: socket.socket, before: int) -> bool:
    """Whether the client's descriptor is closed and as many are open as before."""
    return client.fileno() < 0 and open_descriptors() == before


async def test_probes_when_no_descriptor_is_left() -> None:
    """B2: the descriptors that are kept back serve probes when others have taken all there are,
    and are taken back once a probe has gone."""
    faults: list[OSError] = []
    async with serving(accepting_failed=faults.append) as (_, port):
        for _ in range(RESERVED + 2):
            before = open_descriptors()
            client = socket.socket()
            client.setblocking(False)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            with all_descriptors_taken():
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
                reader, writer = await asyncio.open_connection(sock=client)
                writer.write(b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                async with asyncio.timeout(5):
                    assert (await read_answer(reader, "GET")).body == b"ok"
                    assert await reader.read() == b""
            writer.close()
            # The client's descriptor, closed later, would serve the next probe instead of ours.
            await until(partial(given_back, client, before), "the descriptors are given back")
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
        assert not faults


class FailingSocket(socket.socket):
    """A listening socket whose ``accept`` fails as told before it does its work."""

    failures: list[int]

    def accept(self) -> tuple[socket.socket, object]:
        """Fail once for each number left."""
        if self.failures:
            number = self.failures.pop()
            raise OSError(number, os.strerror(number))
        return super().accept()


async def listening(failures: list[int], faults: list[OSError]) -> tuple[Listener, socket.socket]:
    """A listener whose first accepts fail, and a client of it."""
    bound = FailingSocket()
    bound.failures = failures
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def serve(connection: socket.socket) -> None:
        connection.close()
        accepted.set_result(None)

    listener = Listener(bound, serve, faults.append)
    client = socket.create_connection(bound.getsockname())
    async with asyncio.timeout(5):
        await accepted
    return listener, client


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EHOSTUNREACH])
async def test_a_connection_that_failed_before(number: int) -> None:
    """B2: what went wrong with one connection is no reason to keep the next one waiting."""
    faults: list[OSError] = []
    listener, client = await listening([number], faults)
    assert not faults
    listener.close()
    client.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_pauses_and_goes_on(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: what concerns all connections is told, and accepting goes on after a pause."""
    monkeypatch.setattr("auditproxy.sockets.listener.PAUSE", 0.01)
    faults: list[OSError] = []
    listener, client = await listening([number, number], faults)
    assert [fault_word(fault) for fault in faults] == [errno.errorcode[number]] * 2
    listener.close()
    listener.close()
    client.close()


def test_fault_text() -> None:
    """B2: one line with the port and the cause, and for descriptors what to raise."""
    text = fault_text(OSError(errno.ENOBUFS, "No buffer space available"), "--secure-port")
    assert text == (
        "accepting connections on --secure-port pauses for a second: No buffer space available"
    )
    text = fault_text(OSError(errno.EMFILE, "Too many open files"), "--secure-port")
    assert text.endswith(
        "Too many open files; raise the limit of open files (ulimit -n, LimitNOFILE=) "
        "or lower --max-connections"
    )


def test_bind() -> None:
    """All interfaces share one free port; a port in use is an error that leaves nothing open."""
    everywhere = bind("", 0)
    assert len({each.getsockname()[1] for each in everywhere}) == 1
    families = {each.family for each in everywhere}
    assert families == {socket.AF_INET, socket.AF_INET6} or len(everywhere) == 1
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", everywhere[0].getsockname()[1])
    for each in everywhere:
        each.close()
    with pytest.raises(OSError, match="assign"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
async def test_reserved(host: str) -> None:
    """A reserved address refuses until it listens, and then has one queue for all that accept."""
    with reserve(host, 0) as bound:
        port = bound.getsockname()[1]
        to = "127.0.0.1" if host == "::" else host
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((to, port))
        bound.listen(8)
        others = bound.dup()
        with socket.create_connection((to, port), timeout=10):
            # The one that is closed takes no connection along.
            bound.close()
            with others:
                others.settimeout(10)
                others.accept()[0].close()


async def test_reserved_twice() -> None:
    """An address on which somebody listens cannot be had."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        with pytest.raises(OSError, match="in use"):
            reserve("127.0.0.1", there.getsockname()[1])


def test_reserved_at_once() -> None:
    """Of two starts at the same time one has the address, before either of them listens."""
    with reserve("127.0.0.1", 0) as first:
        with pytest.raises(OSError, match="in use"):
            reserve("127.0.0.1", first.getsockname()[1])


def test_reserved_behind_another() -> None:
    """Connections of a process that has ended, and are still closing, keep no address from the next."""
    with reserve("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        listen((bound,))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            # The side that closes first is the one that waits.
            bound.accept()[0].close()
            assert client.recv(1) == b""
    with reserve("127.0.0.1", port) as again:
        listen((again,))


async def test_leaving() -> None:
    """A listener that leaves finishes what it has begun and takes nothing else from the queue."""
    gate = asyncio.Event()
    served: list[socket.socket] = []

    async def serve(accepted: socket.socket) -> None:
        await gate.wait()
        served.append(accepted)

    faults: list[OSError] = []
    with reserve("127.0.0.1", 0) as bound:
        bound.listen(8)
        others = bound.dup()
        listener = Listener(bound, serve, faults.append, at_once=1)
        address = others.getsockname()
        with others, socket.create_connection(address):
            await until(lambda: asyncio.all_tasks() - {asyncio.current_task()}, "it is accepted")
            leaving = asyncio.create_task(listener.leave())
            with socket.create_connection(address):
                others.settimeout(10)
                others.accept()[0].close()
                assert not leaving.done()
                gate.set()
                async with asyncio.timeout(10):
                    await leaving
        listener.close()
    assert len(served) == 1
    served[0].close()
    assert faults == []


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (OSError(errno.EADDRINUSE, "x"), "choose another, or stop the process that listens there"),
        (
            OSError(errno.EADDRNOTAVAIL, "x"),
            "give an address of this machine, or 0.0.0.0 for all of them",
        ),
        (
            PermissionError(errno.EACCES, "x"),
            "choose a port above 1023, or give the process the capability CAP_NET_BIND_SERVICE",
        ),
        (socket.gaierror(-2, "x"), "give an address of this machine, or a name that has one"),
    ],
)
def test_fix_of_binding(error: OSError, fix: str) -> None:
    """What helps depends on why the address cannot be had."""
    assert fix_of_binding(error) == fix
