"""Running: the process as an operator starts and stops it, and the files it leaves."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app.proxy import build, check
from auditproxy.capture.decoding import DecodeQueue
from tests.fakes.options import options
from tests.fakes.processes import started
from tests.fakes.proxy import EVERYTHING, TOKENS, EventCollector, request, write_files
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying


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
    """T265: A second signal exits at once, with code 1."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.wait_closed(30)

    async with FakeUpstream(script) as upstream, started(upstream.port, tmp_path) as proxy:
        pending = asyncio.create_task(proxy.ask(request()))
        await upstream.until(lambda: bool(upstream.connections))
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("a second signal exits at once")
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
        await proxy.until_shown("/metrics", b'reopened_total{reason="signal"}')
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
        metrics = await proxy.until_shown("/metrics", lost)
        assert b'apiserver_audit_error_total{plugin="log"} 6.0' in metrics
        await proxy.until_said("lost 1 audit event (audit plugin 'log')")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.stderr is not None
        rest = (await proxy.process.stderr.read()).decode()
        # What was counted since the first line is told at the end, with their number.
        assert rest.count("audit plugin '") == 1
        assert "lost 5 audit events (audit plugin 'log'): no space left on device; make" in rest
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
        proxy = await build(options(**flags), listener_tls=False, sink=backend)
        await proxy.start()
        proxy.handler.shared.decoding = Crashing()
        with pytest.raises(MemoryError):
            await proxy.close()
        assert backend.closed


@pytest.mark.parametrize(
    ("flags", "texts"),
    [
        (("--no-such-flag",), ("unknown flag: --no-such-flag",)),
        (("--audit-policy-file=/nope",), ("--audit-policy-file /nope cannot be read",)),
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
    with pytest.raises(Unusable) as caught:
        check(
            options(
                kubeconfig=str(tmp_path / "no"),
                cert_dir=str(tmp_path / "certs"),
                tls_cert_file=str(tmp_path / "x.crt"),
                tls_private_key_file=str(tmp_path / "x.key"),
            )
        )
    assert len(caught.value.faults) == 3
    assert not (tmp_path / "certs").exists()
