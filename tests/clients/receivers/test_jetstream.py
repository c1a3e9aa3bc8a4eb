"""Publishing to NATS JetStream: real servers, and such as nobody would run."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from auditproxy.clients.receivers import jetstream as jetstreams
from auditproxy.clients.receivers import natsclient
from auditproxy.clients.receivers.jetstream import JetStreamReceiver
from auditproxy.clients.receivers.natstarget import NatsCredentials
from auditproxy.sockets.tasks import spawn
from auditproxy.tls.client import client_context
from tests.fakes.hostilenats import HostileNats, forbid, garbage, huge, no_json, nothing, reset
from tests.fakes.natsservers import jetstream, needs_nats_server, one_server, stored
from tests.fakes.publishing import fault, records, target
from tests.fakes.waiting import until


@needs_nats_server
async def test_each_event_is_stored_once(tmp_path: Path) -> None:
    """In order, under its own name; what is published again is dropped by the stream."""
    async with one_server(tmp_path) as server, jetstream(server) as stream:
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        receiver = JetStreamReceiver(target(server.port, stream="AUDIT"))
        sent = records(*map(str, range(3000)))
        await receiver.publish(sent)
        await receiver.publish(sent[1000:])
        found = await stored(stream, "AUDIT")
        message = await stream.get_msg("AUDIT", seq=1)
        await receiver.close()
    assert [each["auditID"] for each in found] == [each.name.audit_id for each in sent]
    assert message.headers is not None
    assert message.headers["Nats-Msg-Id"] == sent[0].name.text
    assert sent[0].name.text.startswith("0/ResponseComplete/")


@needs_nats_server
async def test_without_a_stream(tmp_path: Path) -> None:
    """Nobody takes the subject, or another stream than the one that is to."""
    async with one_server(tmp_path) as server, jetstream(server) as stream:
        receiver = JetStreamReceiver(target(server.port))
        error = await fault(receiver, records("a"))
        assert (error.reason, error.is_poison) == ("no-stream", False)
        assert str(error).endswith(": no stream takes subject audit.events")
        await receiver.close()
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        other = JetStreamReceiver(target(server.port, stream="OTHER"))
        error = await fault(other, records("a"))
        assert (error.reason, error.is_poison) == ("refused", False)
        await other.close()
        assert (await stream.stream_info("AUDIT")).state.messages == 0


@needs_nats_server
async def test_too_large(tmp_path: Path) -> None:
    """What a stream or a server will never take is told apart; the connection goes on."""
    async with one_server(tmp_path, max_payload=65536) as server, jetstream(server) as stream:
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"], max_msg_size=2048))
        receiver = JetStreamReceiver(target(server.port))
        for size in (4096, 65536, 65536 - len(records("a", body=b'""')[0].line) + 2):
            error = await fault(receiver, records("a", body=b'"%b"' % (b"x" * (size - 2))))
            assert (error.reason, error.is_poison) == ("too-large", True)
        await receiver.publish(records("b"))
        await receiver.close()
        assert [each["auditID"] for each in await stored(stream, "AUDIT")] == ["b"]
        assert server.said.count("auditproxy") <= 2


@needs_nats_server
async def test_a_full_stream(tmp_path: Path) -> None:
    """One that discards new messages when it is full may have room later."""
    async with one_server(tmp_path) as server, jetstream(server) as stream:
        full = StreamConfig("AUDIT", subjects=["audit.>"], max_msgs=2, discard=DiscardPolicy.NEW)
        await stream.add_stream(full)
        receiver = JetStreamReceiver(target(server.port))
        await receiver.publish(records("a", "b"))
        error = await fault(receiver, records("c"))
        assert (error.reason, error.is_poison) == ("refused", False)
        await stream.purge_stream("AUDIT")
        await receiver.publish(records("c"))
        await receiver.close()


SCENES = [
    (HostileNats(greeting=b"", on_publish=nothing), "timeout"),
    (HostileNats(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n"), "bad-answer"),
    (HostileNats(greeting=b"INFO {{{\r\n"), "bad-answer"),
    (HostileNats(greeting=b"INFO " + b"x" * 200_000), "bad-answer"),
    (HostileNats(after_connect=b"-ERR 'Authorization Violation'\r\n"), "unauthorized"),
    (HostileNats(nothing), "timeout"),
    (HostileNats(reset), "disconnected"),
    (HostileNats(garbage), "disconnected"),
    (HostileNats(no_json), "bad-answer"),
    (HostileNats(huge), "disconnected"),
    (HostileNats(forbid), "forbidden"),
]


@pytest.mark.parametrize(("server", "reason"), SCENES)
async def test_hostile_servers(
    server: HostileNats, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends in a fault with a word of ours, in time, and leaves nothing behind."""
    monkeypatch.setattr(natsclient, "CONNECT_TIMEOUT", 0.3)
    before = asyncio.all_tasks()
    async with server:
        receiver = JetStreamReceiver(target(server.port), timeout=0.6)
        error = await fault(receiver, records("a", "b"))
        assert error.reason == reason
        assert not error.is_poison
        assert f"127.0.0.1:{server.port}" in str(error)
        await receiver.close()
    await until(lambda: asyncio.all_tasks() <= before, "all tasks have ended")


async def test_nobody_listens() -> None:
    """Each server is tried; the fault is that of the last."""
    async with HostileNats(reset) as gone:
        port = gone.port
    receiver = JetStreamReceiver(target(port, port))
    error = await fault(receiver, records("a"))
    assert (error.reason, str(error)) == (
        "unreachable",
        f"nats://127.0.0.1:{port}: connection refused",
    )


@needs_nats_server
async def test_the_next_server_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs, or refuses us, keeps no other from being used."""
    monkeypatch.setattr(natsclient, "CONNECT_TIMEOUT", 0.3)
    refusing = HostileNats(after_connect=b"-ERR 'Authorization Violation'\r\n")
    async with (
        HostileNats(greeting=b"") as hanging,
        refusing,
        one_server(tmp_path) as server,
        jetstream(server) as stream,
    ):
        await stream.add_stream(StreamConfig("AUDIT", subjects=["audit.>"]))
        receiver = JetStreamReceiver(target(hanging.port, refusing.port, server.port))
        await receiver.publish(records("a"))
        await receiver.publish(records("b"))
        await receiver.close()
        assert (hanging.connections, refusing.connections) == (1, 1)
        assert len(await stored(stream, "AUDIT")) == 2


async def test_tls_is_not_left_out() -> None:
    """A server, or who answers for it, that offers none gets no credentials."""
    async with HostileNats() as server:
        secret = NatsCredentials(user="proxy", password="secret")
        secured = replace(target(server.port), credentials=secret, ssl_context=client_context())
        receiver = JetStreamReceiver(secured)
        error = await fault(receiver, records("a"))
        assert (error.reason, str(error)) == (
            "tls",
            f"nats://127.0.0.1:{server.port} offers no TLS, which is required",
        )
        await receiver.close()
        assert server.said == b""


async def test_a_cancelled_delivery() -> None:
    """It ends at once, and the connection with it."""
    async with HostileNats(nothing) as server:
        receiver = JetStreamReceiver(target(server.port))
        task = spawn(receiver.publish(records("a")), "publish")
        await until(lambda: server.published, "the event is published")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await receiver.close()


def test_groups_are_bounded() -> None:
    """By number and by bytes; one that is larger goes alone."""
    many = records(*map(str, range(2 * jetstreams.MAXIMUM_UNACKNOWLEDGED + 1)))
    assert [len(each) for each in jetstreams._groups(many)] == [1024, 1024, 1]
    large = records("a", "b", "c", body=b'"%b"' % (b"x" * (5 << 20)))
    assert [len(each) for each in jetstreams._groups(large)] == [2, 1]
    assert jetstreams._groups([]) == []
