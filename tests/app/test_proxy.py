"""Running: the process as an operator starts and stops it, and the files it leaves."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditproxy.app.proxy import build, check
from auditproxy.capture.decoding import DecodeQueue
from tests.conformance.client import Answer, read_answer
from tests.e2e.cluster import free_ports
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, EventCollector, request, write_files
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.files.test_files import POLICY


@dataclass
class Started:
    """A proxy as a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    health_port: int
    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Its audit log."""
        return self.folder / "audit.log"

    def events(self) -> list[dict[str, object]]:
        """Every event in the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def until_said(self, text: str) -> None:
        """Wait for an operator's line."""
        assert self.process.stderr is not None
        async with asyncio.timeout(45):
            while not any(text in line for line in self.lines):
                line = await self.process.stderr.readline()
                assert line, f"ended without saying {text!r}: {self.lines}"
                self.lines.append(line.decode())

    async def until_ready(self) -> None:
        """Wait until it serves, without hearing it say so."""
        async with asyncio.timeout(45):
            while True:
                with contextlib.suppress(OSError):
                    if (await self.health("/readyz")).status == 200:
                        return

    async def ended(self, seconds: float = 10.0) -> int:
        """Wait for its end; the exit code. What it says meanwhile is kept."""
        async with asyncio.timeout(seconds):
            if self.process.stderr is not None:
                self.lines += (await self.process.stderr.read()).decode().splitlines()
            return await self.process.wait()

    async def until_written(self, count: int) -> None:
        """Wait until so many events have been written since the start."""
        expected = f'auditproxy_audit_events_written_total{{plugin="log"}} {count}.0'.encode()
        async with asyncio.timeout(10):
            while expected not in (await self.health("/metrics")).body:
                pass

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection over TLS, whose certificate is the self-signed one."""
        context = ssl.create_default_context(cafile=str(self.folder / "certs" / "auditproxy.crt"))
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname="localhost"
        )

    async def ask(self, raw: bytes, seconds: float = 10.0) -> Answer:
        """One request on a connection of its own."""
        reader, writer = await self.connect()
        try:
            writer.write(raw)
            async with asyncio.timeout(seconds):
                return await read_answer(reader, "GET")
        finally:
            writer.close()

    async def health(self, target: str) -> Answer:
        """One request to the health port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.health_port)
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(10):
                return await read_answer(reader, "GET")
        finally:
            writer.close()


def limit_open_files(number: int) -> None:
    """Lower both limits of this process, for good."""
    if number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@contextlib.asynccontextmanager
async def started(
    upstream_port: int, folder: Path, *more: str, open_files: int = 0, **streams: int
) -> AsyncIterator[Started]:
    """``auditproxy serve`` as a process; killed at the end if it still runs.

    ``open_files`` is its limit of them, 0 ours; ``streams`` may have ``stdout`` and ``stderr``.
    """
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tokens.csv").write_text('admin-token,admin,1,"system:masters"\n')
    (folder / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{upstream_port}"}}
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    port, health_port = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auditproxy",
        "serve",
        f"--kubeconfig={folder}/kubeconfig",
        f"--audit-policy-file={folder}/policy.yaml",
        f"--audit-log-path={folder}/audit.log",
        f"--token-auth-file={folder}/tokens.csv",
        f"--cert-dir={folder}/certs",
        "--bind-address=127.0.0.1",
        "--upstream-check-period=0",
        f"--secure-port={port}",
        f"--health-bind-address=127.0.0.1:{health_port}",
        *more,
        stderr=streams.get("stderr", asyncio.subprocess.PIPE),
        stdout=streams.get("stdout", asyncio.subprocess.DEVNULL),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: limit_open_files(open_files),
    )
    running = Started(process, port, health_port, folder)
    try:
        await running.until_ready() if "stderr" in streams else await running.until_said(
            "serving on"
        )
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_serve_and_stop(tmp_path: Path) -> None:
    """Start-up lines tell each default; requests leave events; SIGTERM ends with code 0."""
    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        async with started(upstream.port, tmp_path) as proxy:
            said = "".join(proxy.lines)
            assert "self-signed certificate" in said
            assert "the upstream is kubeconfig" in said
            assert f"audit events go to {tmp_path}/audit.log (blocking)" in said
            assert (await proxy.health("/readyz")).body == b"ok"
            assert (await proxy.ask(request())).body == b"ok"
            await proxy.until_written(2)
            proxy.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(45):
                assert await proxy.process.wait() == 0
            assert [event["stage"] for event in proxy.events()] == [
                "RequestReceived",
                "ResponseComplete",
            ]


async def test_watch_is_ended_with_its_event(tmp_path: Path) -> None:
    """An open watch at SIGTERM has its ResponseComplete in the log when the process is gone."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await connection.wait_closed(20)

    async with FakeUpstream(script) as upstream, started(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(10):
            await reader.readuntil(b"hi")
        proxy.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(45):
            assert await proxy.process.wait() == 0
        assert [event["stage"] for event in proxy.events()] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
        writer.close()


async def test_stop_within_heavy_bodies(tmp_path: Path) -> None:
    """B1: bodies that take minutes to decode do not hold up a stop, and no event is lost by it."""
    body = b"spec: [" + b"1," * 900_000 + b"1]\n"
    target = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    raw = request("POST", target, "Content-Type: application/yaml", body=body)

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(201, b"{}", b"Connection: close"))

    async with (
        FakeUpstream(script) as upstream,
        started(upstream.port, tmp_path, "--shutdown-audit-grace-period=1s") as proxy,
    ):
        answers = await asyncio.gather(*(proxy.ask(raw) for _ in range(20)))
        assert [got.status for got in answers] == [201] * 20
        proxy.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await proxy.process.wait() == 0
        events = [e for e in proxy.events() if e["stage"] == "ResponseComplete"]
        assert len(events) == 20
        omitted = "auditproxy.io/request-object-omitted"
        assert all(omitted in e["annotations"] for e in events)  # type: ignore[operator]


async def test_second_signal(tmp_path: Path) -> None:
    """A second signal ends at once, with code 1."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.wait_closed(30)

    async with FakeUpstream(script) as upstream, started(upstream.port, tmp_path) as proxy:
        pending = asyncio.create_task(proxy.ask(request()))
        await upstream.until(lambda: bool(upstream.connections))
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("a second signal ends at once")
        proxy.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await proxy.process.wait() == 1
        pending.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await pending


async def test_sighup_reopens_the_log(tmp_path: Path) -> None:
    """After a rename and SIGHUP events go to a new file."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request())
        await proxy.until_written(2)
        proxy.log.rename(tmp_path / "moved")
        proxy.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            while b'reopened_total{reason="signal"}' not in (await proxy.health("/metrics")).body:
                pass
        await proxy.ask(request())
        await proxy.until_written(4)
        assert len(proxy.events()) == 2
        assert len((tmp_path / "moved").read_text().splitlines()) == 2


async def test_full_disk(tmp_path: Path) -> None:
    """A log on a full device: requests work, events are counted as lost, and it is told once."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, "--audit-log-path=/dev/full") as proxy,
    ):
        for _ in range(3):
            assert (await proxy.ask(request())).status == 200
        # A device is written on a thread, and the last event after its answer.
        lost = b'auditproxy_audit_events_dropped_total{plugin="log",reason="disk-full"} 6.0'
        async with asyncio.timeout(10):
            while lost not in (metrics := (await proxy.health("/metrics")).body):
                pass
        assert b'apiserver_audit_error_total{plugin="log"} 6.0' in metrics
        await proxy.until_said("Error in audit plugin 'log' affecting 1 audit events")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.stderr is not None
        rest = (await proxy.process.stderr.read()).decode()
        # What was counted since the first line is told at the end, with their number.
        assert rest.count("Error in audit plugin") == 1
        assert "affecting 5 audit events: no space left on device" in rest
        assert "stopped; audit events were not delivered: 6 of log: disk-full" in rest
        assert await proxy.process.wait() == 3


async def test_full_disk_strict(tmp_path: Path) -> None:
    """blocking-strict on a full device: 500, and nothing goes upstream."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(
            upstream.port,
            tmp_path,
            "--audit-log-path=/dev/full",
            "--audit-log-mode=blocking-strict",
        ) as proxy,
    ):
        got = await proxy.ask(request())
        assert got.status == 500
        assert b"failed to store audit event" in got.body
        assert upstream.connections == []


async def test_a_crash_while_stopping(tmp_path: Path) -> None:
    """What a step of the stop raises does not keep the backend from delivering what it has."""

    class Closing(EventCollector):
        closed = False

        async def shutdown(self, grace: float) -> None:
            self.closed = True

    class Crashing(DecodeQueue):
        async def stop(self, grace: float) -> int:
            raise MemoryError

    async with FakeUpstream(replying(answer(200, b"ok"))) as upstream:
        flags = write_files(upstream.port, tmp_path, policy=EVERYTHING, tokens=TOKENS)
        backend = Closing()
        proxy = await build(options(**flags), sink=backend)
        await proxy.start()
        proxy.handler.shared.decoding = Crashing()
        with pytest.raises(MemoryError):
            await proxy.close()
        assert backend.closed


@pytest.mark.parametrize(
    ("flags", "texts"),
    [
        (("--no-such-flag",), ("unknown flag: --no-such-flag",)),
        (("--audit-policy-file=/nope",), ("loading audit policy file", "/nope")),
        (("--kubeconfig=/nope",), ("/nope",)),
        (("--audit-log-path=/dev/null/x",), ("--audit-log-path",)),
        (
            ("--audit-policy-file=/nope", "--token-auth-file=/nada", "--secure-port=0"),
            ("/nope", "/nada", "--secure-port"),
        ),
        (("--audit-webhook-config-file=x",), ("--audit-webhook-config-file",)),
    ],
)
async def test_bad_configuration(
    tmp_path: Path, flags: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    """Every fault is printed, the code is 2, and no port was opened."""
    (tmp_path / "kubeconfig").write_text(
        '{"apiVersion":"v1","kind":"Config","current-context":"c",'
        '"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],'
        '"clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],'
        '"users":[{"name":"u","user":{}}]}'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auditproxy",
        "serve",
        f"--kubeconfig={tmp_path}/kubeconfig",
        f"--cert-dir={tmp_path}/certs",
        "--bind-address=127.0.0.1",
        *flags,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    assert process.returncode == 2, err.decode()
    for text in texts:
        assert text in err.decode()
    assert "Traceback" not in err.decode()


def test_check(tmp_path: Path) -> None:
    """--check-config's faults, without making anything."""
    found = check(
        options(
            kubeconfig=str(tmp_path / "no"),
            cert_dir=str(tmp_path / "certs"),
            tls_cert_file=str(tmp_path / "x.crt"),
            tls_private_key_file=str(tmp_path / "x.key"),
        )
    )
    assert len(found) == 2
    assert not (tmp_path / "certs").exists()
