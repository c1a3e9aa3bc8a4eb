"""The process with its audit backends: a webhook over HTTPS, each mode's failures, the end."""

import asyncio
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.processes import started
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver, server_context
from tests.fakes.webhook import answer as reply


def webhook_flag(folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
    """The flag that names a receiver's kubeconfig."""
    path = folder / "webhook.yaml"
    path.write_text(json.dumps(kubeconfig(cluster, user)))
    return f"--audit-webhook-config-file={path}"


def events_of(receiver: Receiver) -> list[dict[str, Any]]:
    """Every event that the receiver took, in the order of its requests."""
    lists = [json.loads(one.body) for one in receiver.received]
    assert all(
        (each["kind"], each["apiVersion"]) == ("EventList", "audit.k8s.io/v1") for each in lists
    )
    return [item for each in lists for item in each["items"]]


def names(events: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    """What tells events apart, sorted."""
    return sorted((event["auditID"], event["stage"]) for event in events)


async def test_both_backends(tmp_path: Path) -> None:
    """T262, T263: a receiver that asks for our certificate and the log get every event of real
    requests, the last of an open watch among them; exit code 0.
    """
    for name, data in (("client.crt", CERTIFICATE), ("client.key", KEY)):
        (tmp_path / name).write_bytes(data)
    context, ca = server_context(tmp_path, tmp_path / "client.crt")

    async def script(connection: FakeConnection) -> None:
        while b"watch=1" not in await connection.read_head():
            connection.send(answer(200, b"ok"))
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await connection.wait_closed(20)

    async with FakeUpstream(script) as upstream, Receiver(context=context) as receiver:
        user = {"client-certificate": "client.crt", "client-key": "client.key"}
        cluster = {"server": receiver.url, "certificate-authority": str(ca)}
        async with started(upstream.port, tmp_path, webhook_flag(tmp_path, cluster, user)) as proxy:
            await proxy.until_said("audit.log (blocking) and the webhook of ")
            for _ in range(5):
                assert (await proxy.ask(request())).status == 200
            reader, writer = await proxy.connect()
            writer.write(request("GET", "/api/v1/pods?watch=1"))
            async with asyncio.timeout(10):
                await reader.readuntil(b"hi")
            proxy.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(15):
                assert await proxy.process.wait() == 0
            writer.close()
            logged = proxy.events()
        assert len(logged) == 13
        assert all(one.has_certificate for one in receiver.received)
        assert names(events_of(receiver)) == names(logged)


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict"])
async def test_failing_receiver(tmp_path: Path, mode: str) -> None:
    """blocking goes on; blocking-strict answers 500 and sends nothing upstream. Losses: exit 3."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        Receiver(*[reply(500)] * 100) as receiver,
        started(
            upstream.port,
            tmp_path,
            webhook_flag(tmp_path, {"server": receiver.url}),
            f"--audit-webhook-mode={mode}",
            "--audit-webhook-initial-backoff=1ms",
        ) as proxy,
    ):
        got = await proxy.ask(request())
        strict = mode == "blocking-strict"
        assert got.status == (500 if strict else 200)
        assert (b"failed to store audit event" in got.body) is strict
        assert len(upstream.connections) == (0 if strict else 1)
        await proxy.until_said("lost 1 audit event (audit plugin 'webhook')")
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("stopped; audit events were not delivered: ")
        async with asyncio.timeout(15):
            assert await proxy.process.wait() == 3
        # Five attempts for each event.
        assert len(receiver.received) == (5 if strict else 10)


async def test_receiver_is_down_at_the_end(tmp_path: Path) -> None:
    """T264, T266: a stop is bounded by its grace period; what was not sent is counted and told."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        Receiver(*[reply(503)] * 100) as receiver,
        started(
            upstream.port,
            tmp_path,
            webhook_flag(tmp_path, {"server": receiver.url}),
            "--shutdown-audit-grace-period=300ms",
        ) as proxy,
    ):
        assert (await proxy.ask(request())).status == 200
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("stopped; audit events were not delivered: 2 of webhook: shutdown")
        async with asyncio.timeout(15):
            assert await proxy.process.wait() == 3
        # The log has them all the same.
        assert len(proxy.events()) == 2


async def test_truncated_events(tmp_path: Path) -> None:
    """A limit that no event can keep drops it, counted as too large; the request goes on."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(
            upstream.port,
            tmp_path,
            "--audit-log-truncate-enabled",
            "--audit-log-truncate-max-event-size=10",
        ) as proxy,
    ):
        await proxy.until_said("audit.log (blocking, truncated)")
        assert (await proxy.ask(request())).status == 200
        metrics = (await proxy.health("/metrics")).body
        assert b'apiserver_audit_error_total{plugin="truncate"} 2.0' in metrics
        assert proxy.events() == []


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
async def test_jq_reads_both(tmp_path: Path) -> None:
    """jq finds the users in the log's lines and in the webhook's bodies."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        Receiver() as receiver,
    ):
        flag = webhook_flag(tmp_path, {"server": receiver.url})
        async with started(upstream.port, tmp_path, flag, "--audit-log-mode=batch") as proxy:
            assert (await proxy.ask(request())).status == 200
            proxy.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(15):
                assert await proxy.process.wait() == 0
            log = proxy.log.read_bytes()
        body = b"".join(one.body for one in receiver.received)
    for program, given in ((".user.username", log), (".items[].user.username", body)):
        process = await asyncio.create_subprocess_exec(
            *("jq", "-r", program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate(given)
        assert out.split() == [b"admin", b"admin"]


async def test_strict_on_a_full_disk(tmp_path: Path) -> None:
    """B7: blocking-strict on a full disk: requests are refused and /readyz says which backend
    and why, until an event is written again; the other modes stay ready and say it."""
    log = tmp_path / "audit.log"
    for mode in ("blocking-strict", "blocking"):
        log.unlink(missing_ok=True)
        log.symlink_to("/dev/full")
        async with (
            FakeUpstream(replying(answer(200, b"ok"))) as upstream,
            started(upstream.port, tmp_path, f"--audit-log-mode={mode}") as proxy,
        ):
            assert (await proxy.health("/readyz")).status == 200
            refused = (await proxy.ask(request())).status
            ready = await proxy.health("/readyz?verbose")
            told = b"info: audit-log: not accepting events: no space left on device"
            assert told in ready.body
            if mode == "blocking":
                assert (refused, ready.status) == (200, 200)
            else:
                assert (refused, ready.status) == (500, 500)
                assert b"[-]audit-log failed: no space left on device\n" in ready.body
                assert (await proxy.health("/livez")).status == 200
            log.unlink()
            log.touch()

            async def written() -> bool:
                return (await proxy.ask(request())).status == 200 and bool(proxy.events())

            await until(written, "a request is recorded again", seconds=20)
            ready = await proxy.health("/readyz?verbose")
            assert ready.status == 200
            assert b"info: audit-log: accepting events" in ready.body
