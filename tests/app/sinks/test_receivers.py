"""Receivers under a whole proxy: real requests, a cluster that loses a server, files that change."""

import asyncio
import json
import signal
import ssl
from dataclasses import replace
from pathlib import Path

from nats.js.api import StreamConfig

from auditproxy.app.proxy import Proxy, build
from auditproxy.app.sinks.receivers import open_receivers
from auditproxy.files.files import read_files
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from tests.fakes.authority import CLIENT, Authority
from tests.fakes.backends import event, value
from tests.fakes.hostilenats import HostileNats, nothing
from tests.fakes.kafkabroker import LOST, FakeBroker
from tests.fakes.natsservers import (
    jetstream,
    needs_nats_server,
    one_server,
    stored,
    three_servers,
)
from tests.fakes.options import options
from tests.fakes.processes import started
from tests.fakes.proxy import EVERYTHING, TOKENS, request, write_files
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until


def settings(folder: Path, **more: object) -> Options:
    """Those of a proxy in a folder that sends to a receiver."""
    files = write_files(1, folder, policy=EVERYTHING, tokens=TOKENS)
    return options(**files, **{"cert_dir": str(folder), **more})


async def until_written(proxy: Proxy, plugin: str, count: int) -> None:
    """Until a receiver has acknowledged so many events."""
    name = "auditproxy_audit_events_written_total"
    await until(
        lambda: value(proxy.metrics, name, plugin=plugin) >= count, "all events are acknowledged"
    )


async def delivered(proxy: Proxy, name: str) -> bool:
    """The outcome of one event of this ID."""
    outcome = proxy.backend.process_events((event(name),))
    return outcome if isinstance(outcome, bool) else await outcome


async def leave_in_the_spool(chosen: Options, names: str) -> None:
    """Start a proxy with a receiver that is away, give it events, and stop it: none is lost."""
    proxy = await build(chosen, listener_tls=False)
    await proxy.start()
    proxy.backend.process_events(tuple(map(event, names)))
    await proxy.close()
    assert proxy.metrics.audit.undelivered() == {}


async def resume(chosen: Options, plugin: str) -> None:
    """Start the next one, which has an event of its own, d, and wait until four are acknowledged."""
    proxy = await build(chosen, listener_tls=False)
    await proxy.start()
    proxy.backend.process_events((event("d"),))
    await until_written(proxy, plugin, 4)
    await proxy.close()


@needs_nats_server
async def test_requests_reach_the_stream(tmp_path: Path) -> None:
    """Log and stream have the same events; /readyz and metrics say how NATS fares; exit code 0."""
    async with (
        one_server(tmp_path) as server,
        jetstream(server) as stream,
        FakeUpstream(replying(*[answer(200, b"ok")] * 20)) as upstream,
    ):
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        flags = (
            f"--audit-nats-servers={server.url}",
            "--audit-nats-mode=blocking-strict",
            "--audit-nats-initial-backoff=0s",
        )
        async with started(upstream.port, tmp_path, *flags) as proxy:
            await proxy.until_said("and the subject audit.events of NATS (blocking-strict)")
            for _ in range(5):
                assert (await proxy.ask(request())).status == 200
            await proxy.until_shown("/readyz?verbose", b"audit-nats: accepting events")
            await proxy.until_shown(
                "/metrics", b'auditproxy_audit_events_written_total{plugin="nats"} 10.0'
            )
            await server.stop()
            assert (await proxy.ask(request(), seconds=30)).status == 500
            await server.start()

            async def served() -> bool:
                return (await proxy.ask(request(), seconds=30)).status == 200

            await until(served, "requests are served again")
            proxy.process.send_signal(signal.SIGTERM)
            # One request was refused, because its event was lost.
            assert await proxy.ended(15) == 3
            logged = proxy.events()
        async with jetstream(server) as again:
            found = await stored(again, "AUDIT")
    kept = {json.dumps(each, sort_keys=True) for each in found}
    assert len(kept) == len(found)
    assert kept <= {json.dumps(each, sort_keys=True) for each in logged}
    assert len([each for each in found if each["stage"] == "ResponseComplete"]) >= 6


@needs_nats_server
async def test_a_cluster_that_loses_a_server(tmp_path: Path) -> None:
    """The one that we are connected to is killed under load: nothing is lost, nothing is twice."""
    count = 3000
    async with three_servers(tmp_path) as servers:
        async with jetstream(*servers) as stream:
            config = StreamConfig("AUDIT", subjects=["audit.>"], num_replicas=3)

            async def made() -> bool:
                try:
                    await stream.add_stream(config)
                except Exception:
                    return False
                return True

            await until(made, "the cluster takes a stream", seconds=20)
        chosen = settings(
            tmp_path,
            audit_nats_servers=tuple(server.url for server in servers),
            # A new leader may take some seconds on a busy machine.
            audit_nats_initial_backoff=2_000_000_000,
            audit_nats_batch_max_size=100,
            audit_nats_batch_max_wait=0,
        )
        metrics = Metrics()
        (opened,) = open_receivers(chosen, read_files(chosen), metrics, lambda text: None)

        def written() -> float:
            return value(metrics, "auditproxy_audit_events_written_total", plugin="nats")

        async def load() -> list[bool]:
            groups = [
                tuple(event(str(n)) for n in range(at, at + 50)) for at in range(0, count, 50)
            ]
            outcomes = []
            for group in groups:
                outcomes.append(await opened.deliverer.deliver(group))
                if len(outcomes) == len(groups) // 3:
                    await servers[0].stop()
            return outcomes

        async with asyncio.timeout(40):
            assert all(await load())
        assert written() == count
        await opened.deliverer.shutdown()
        async with jetstream(*servers[1:]) as stream:
            found = await stored(stream, "AUDIT")
    assert [each["auditID"] for each in found] == [str(number) for number in range(count)]


async def test_a_hanging_server_and_a_stop(tmp_path: Path) -> None:
    """Batches that nobody acknowledges end with the grace period, each event counted."""
    async with HostileNats(nothing) as server:
        chosen = settings(
            tmp_path,
            audit_nats_servers=(f"nats://127.0.0.1:{server.port}",),
            audit_nats_batch_max_wait=0,
        )
        proxy = await build(chosen, listener_tls=False)
        assert str(proxy.backend) == "buffered<nats>"
        proxy.backend.process_events(tuple(map(event, "abc")))
        await until(lambda: server.published, "they are on their way")
        await proxy.backend.shutdown(0.1)
        assert proxy.metrics.audit.undelivered() == {("nats", "shutdown"): 3}
        await proxy.close()


@needs_nats_server
async def test_credentials_that_change(tmp_path: Path) -> None:
    """A token that is replaced in its file counts from the next delivery on; no restart."""
    token = tmp_path / "token"
    token.write_text("old")
    async with (
        one_server(tmp_path, authorization={"token": "new"}) as server,
        jetstream(server, token="new") as stream,
    ):
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        chosen = settings(
            tmp_path,
            audit_nats_servers=(server.url,),
            audit_nats_token_file=str(token),
            audit_nats_initial_backoff=0,
            audit_nats_mode="blocking-strict",
        )
        proxy = await build(chosen, listener_tls=False)

        assert not await delivered(proxy, "a")
        assert proxy.metrics.audit.undelivered() == {("nats", "unauthorized"): 1}
        token.write_text("new")
        await proxy.reloader.poll(settle=False)
        assert await delivered(proxy, "a")
        await proxy.backend.shutdown(5.0)
        await proxy.close()


@needs_nats_server
async def test_a_spool(tmp_path: Path) -> None:
    """Events that NATS does not take yet are on the disk, and reach it when it does, in order."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    chosen = settings(
        tmp_path,
        audit_nats_servers=("nats://127.0.0.1:1",),
        audit_nats_spool_dir=str(spool),
        audit_nats_initial_backoff=0,
        audit_nats_batch_max_wait=0,
    )
    await leave_in_the_spool(chosen, "abc")
    async with one_server(tmp_path) as server, jetstream(server) as stream:
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        nats = replace(chosen.audit_nats, servers=(server.url,))
        await resume(replace(chosen, audit_nats=nats), "nats")
        assert [each["auditID"] for each in await stored(stream, "AUDIT")] == list("abcd")


async def test_kafka_behind_a_spool(tmp_path: Path) -> None:
    """Events wait on the disk for brokers, and reach them in order; one lost answer repeats none."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    async with FakeBroker(partitions=1) as broker:
        await broker.stop()
        chosen = settings(
            tmp_path,
            audit_kafka_brokers=(f"plaintext://127.0.0.1:{broker.port}",),
            audit_kafka_spool_dir=str(spool),
            audit_kafka_initial_backoff=0,
            audit_kafka_batch_max_wait=0,
        )
        await leave_in_the_spool(chosen, "abc")
        await broker.start()
        broker.faults = [LOST]
        await resume(chosen, "kafka")
    assert [each.key.decode() for each in broker.log] == list("abcd")
    assert [json.loads(each.value)["auditID"] for each in broker.log] == list("abcd")
    assert broker.repeated == 1


async def test_kafka_that_refuses_one_event(tmp_path: Path) -> None:
    """One that no broker takes is counted by its reason; those beside it arrive."""
    async with FakeBroker(partitions=1) as broker:
        chosen = settings(
            tmp_path,
            audit_kafka_brokers=(f"plaintext://127.0.0.1:{broker.port}",),
            audit_kafka_mode="blocking-strict",
            audit_kafka_initial_backoff=0,
        )
        proxy = await build(chosen, listener_tls=False)
        broker.faults = [10]
        for name, expected in (("a", False), ("b", True)):
            assert await delivered(proxy, name) is expected
        assert proxy.metrics.audit.undelivered() == {("kafka", "too-large"): 1}
        await proxy.backend.shutdown(5.0)
        await proxy.close()
    assert [each.key for each in broker.log] == [b"b"]


async def test_kafka_with_a_login(tmp_path: Path) -> None:
    """SCRAM over TLS with a client certificate; a password that is put right in its file counts
    from SIGHUP on, and no line has either."""
    authority = Authority("brokers")
    authority.write_leaf(tmp_path / "broker", "localhost")
    authority.write_leaf(tmp_path / "client", "audit-proxy", usages=CLIENT)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    password = tmp_path / "password"
    password.write_text("wrong-4711\n")
    broker = FakeBroker(users={"auditproxy": "right-0815"}, host="localhost")
    broker.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker.ssl.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")
    broker.ssl.load_verify_locations(tmp_path / "ca.crt")
    broker.ssl.verify_mode = ssl.CERT_REQUIRED
    async with broker, FakeUpstream(replying(*[answer(200, b"ok")] * 20)) as upstream:
        flags = (
            f"--audit-kafka-brokers=tls://localhost:{broker.port}",
            f"--audit-kafka-ca-file={tmp_path}/ca.crt",
            f"--audit-kafka-cert-file={tmp_path}/client.crt",
            f"--audit-kafka-key-file={tmp_path}/client.key",
            "--audit-kafka-username=auditproxy",
            f"--audit-kafka-password-file={password}",
            "--audit-kafka-mode=blocking-strict",
            "--audit-kafka-initial-backoff=0s",
        )
        async with started(upstream.port, tmp_path, *flags) as proxy:
            await proxy.until_said("serving on")
            assert (await proxy.ask(request(), seconds=30)).status == 500
            await proxy.until_said(
                "the brokers of Kafka do not accept our login; correct the user name or the "
                "password file"
            )
            assert not broker.logins
            password.write_text("right-0815\n")

            async def served() -> bool:
                proxy.process.send_signal(signal.SIGHUP)
                return (await proxy.ask(request(), seconds=30)).status == 200

            await until(served, "the new password is used", seconds=30)
            page = await proxy.until_shown("/readyz?verbose", b"audit-kafka: accepting events")
            proxy.process.send_signal(signal.SIGTERM)
            # Requests were refused, because their events were lost.
            assert await proxy.ended(30) == 3
    said = "".join(proxy.lines) + page.decode()
    assert "right-0815" not in said
    assert "wrong-4711" not in said
    assert "Traceback" not in said
    assert set(broker.logins) == {("SCRAM-SHA-512", "auditproxy")}
    assert broker.peers == {"audit-proxy"}
    assert {json.loads(each.value)["stage"] for each in broker.log} >= {"ResponseComplete"}
