"""Which reader a 101 gets."""

import struct

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortOpened,
    Resized,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.channels import ChannelReader
from auditproxy.sessions.wire.forwarded import ForwardReader
from auditproxy.sessions.wire.forwardedchannels import ForwardedChannelReader
from auditproxy.sessions.wire.frames import BINARY, TEXT, frame
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sessions.wire.reader import SessionReader
from auditproxy.sessions.wire.streams import StreamReader
from auditproxy.sessions.wire.tunnelled import TunnelReader
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked

EXEC, ATTACH = SessionKind.EXEC, SessionKind.ATTACH
FORWARD, UNKNOWN = SessionKind.PORT_FORWARD, SessionKind.UNKNOWN


def websocket(protocol: bytes | None, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The head of a 101 to WebSocket."""
    head = [(b"Connection", b"Upgrade"), (b"upgrade", b"WebSocket"), *more]
    return head if protocol is None else [*head, (b"Sec-Websocket-Protocol", protocol)]


def spdy(protocol: bytes) -> list[tuple[bytes, bytes]]:
    """The head of a 101 to SPDY."""
    return [(b"UPGRADE", b"spdy/3.1"), (b"X-Stream-Protocol-Version", protocol)]


@pytest.mark.parametrize(
    ("head", "kind", "expected"),
    [
        (websocket(b"v5.channel.k8s.io"), EXEC, ChannelReader),
        (websocket(b"v5.channel.k8s.io"), UNKNOWN, ChannelReader),
        (websocket(b"v5.channel.k8s.io"), FORWARD, ChannelReader),
        (websocket(b"v4.channel.k8s.io"), ATTACH, ChannelReader),
        (websocket(b"v4.channel.k8s.io"), FORWARD, ForwardedChannelReader),
        (websocket(b"v4.channel.k8s.io"), UNKNOWN, ChannelReader),
        (websocket(b"v4.base64.channel.k8s.io"), EXEC, ChannelReader),
        (websocket(b"v4.base64.channel.k8s.io"), FORWARD, ForwardedChannelReader),
        (websocket(b"channel.k8s.io"), EXEC, ChannelReader),
        (websocket(b"base64.channel.k8s.io"), EXEC, ChannelReader),
        (websocket(b""), EXEC, ChannelReader),
        (websocket(b" "), FORWARD, ForwardedChannelReader),
        (websocket(None), EXEC, ChannelReader),
        (websocket(b"SPDY/3.1+portforward.k8s.io"), FORWARD, TunnelReader),
        (websocket(b"SPDY/3.1+portforward.k8s.io"), UNKNOWN, TunnelReader),
        (spdy(b"v4.channel.k8s.io"), EXEC, StreamReader),
        (spdy(b"v5.channel.k8s.io"), EXEC, StreamReader),
        (spdy(b"v3.channel.k8s.io"), UNKNOWN, StreamReader),
        (spdy(b"v2.channel.k8s.io"), ATTACH, StreamReader),
        (spdy(b"channel.k8s.io"), EXEC, StreamReader),
        (spdy(b"portforward.k8s.io"), FORWARD, ForwardReader),
        # The 101 decides, whatever the request was for.
        (spdy(b"portforward.k8s.io"), EXEC, ForwardReader),
        (spdy(b"v4.channel.k8s.io"), FORWARD, StreamReader),
    ],
)
def test_readers(
    head: list[tuple[bytes, bytes]], kind: SessionKind, expected: type[SessionReader]
) -> None:
    """Every stream protocol of Kubernetes has one."""
    assert isinstance(open_reader(head, kind), expected)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ([], EXEC),
        ([(b"Upgrade", b"h2c")], EXEC),
        (websocket(b""), UNKNOWN),
        (websocket(None), UNKNOWN),
        (websocket(b"graphql-ws"), UNKNOWN),
        (websocket(b"v3.channel.k8s.io"), EXEC),
        (websocket(b"v5.base64.channel.k8s.io"), EXEC),
        (websocket(b"SPDY/3.1+graphql.k8s.io"), FORWARD),
        (websocket(b"v5.channel.k8s.io", (b"Sec-WebSocket-Extensions", b"x")), EXEC),
        (spdy(b""), EXEC),
        (spdy(b"v9.channel.k8s.io"), EXEC),
        (websocket(b"x" * 5000), EXEC),
    ],
)
def test_no_reader(head: list[tuple[bytes, bytes]], kind: SessionKind) -> None:
    """What cannot be read says why, in a short line."""
    refused = open_reader(head, kind)
    assert isinstance(refused, Unreadable)
    assert 0 < len(refused.reason) < 200


def opened(head: list[tuple[bytes, bytes]], kind: SessionKind, **streams: bool) -> SessionReader:
    """A reader that there is."""
    reader = open_reader(head, kind, clock=None, **streams)
    assert not isinstance(reader, Unreadable)
    return reader


TYPED: list[StreamEvent] = [Carried(Channel.STDIN, b"a")]


def test_what_was_asked_for() -> None:
    """An input that the request does not open is not read; of unknown kinds all is."""
    raw = masked(BINARY, b"\0a")
    head = websocket(b"v4.channel.k8s.io")
    assert opened(head, EXEC, stdin=True).from_client(raw) == TYPED
    assert opened(head, EXEC).from_client(raw) == []
    assert opened(head, UNKNOWN).from_client(raw) == TYPED


@pytest.mark.parametrize(
    ("protocol", "streams", "types"),
    [
        (b"v4.channel.k8s.io", {"stdin": True}, ("stdin", "error")),
        (b"v4.channel.k8s.io", {"stdin": True, "stdout": True, "stderr": True, "tty": True},
         ("stdin", "stdout", "error", "resize")),
        (b"v2.channel.k8s.io", {"stdin": True, "stdout": True, "tty": True},
         ("stdin", "stdout", "error")),
        (b"v4.channel.k8s.io", {"stdin": True, "stdout": True, "stderr": True},
         ("stdin", "stdout", "stderr", "error")),
        # v1 knows no resize: it is replied to and does not count.
        (b"channel.k8s.io", {"stdin": True}, ("stdin", "resize", "error")),
    ],
)  # fmt: skip
def test_when_it_starts(protocol: bytes, streams: dict[str, bool], types: tuple[str, ...]) -> None:
    """With as many streams as the server waits for."""
    reader = opened(spdy(protocol), EXEC, **streams)
    client, server = Client(), Client()
    seen: list[StreamEvent] = []
    for number, kind in enumerate(types):
        assert seen == []
        stream = 2 * number + 1
        assert reader.from_client(client.open(stream, {"streamtype": kind})) == []
        if kind == "stdin":
            assert reader.from_client(client.data(stream, b"a")) == []
        seen += reader.from_server(server.reply(stream))
    assert seen == TYPED


@pytest.mark.parametrize(
    ("protocol", "opcode", "message", "outcome"),
    [
        (b"v5.channel.k8s.io", BINARY, b'\3{"status":"Success"}', Outcome(0)),
        (b"v4.channel.k8s.io", BINARY, b'\3{"status":"Success"}', Outcome(0)),
        (b"v4.base64.channel.k8s.io", TEXT, b"3eyJzdGF0dXMiOiJTdWNjZXNzIn0=", Outcome(0)),
        (b"channel.k8s.io", BINARY, b"\3failed", Outcome(None, message="failed")),
        (b"base64.channel.k8s.io", TEXT, b"3ZmFpbGVk", Outcome(None, message="failed")),
        (b"", BINARY, b"\3failed", Outcome(None, message="failed")),
    ],
)
def test_outcomes(protocol: bytes, opcode: int, message: bytes, outcome: Outcome) -> None:
    """JSON from v4 on, text before."""
    reader = opened(websocket(protocol), EXEC)
    assert reader.from_server(frame(opcode, message)) == [outcome]


def test_the_outcome_of_an_attach() -> None:
    """It has no exit code when its streams end."""
    reader = opened(websocket(b"v5.channel.k8s.io"), ATTACH)
    assert reader.from_server(frame(BINARY, b'\3{"status":"Success"}')) == [Outcome(None)]


def test_port_forward() -> None:
    """The ports of the channels are on the wire."""
    reader = opened(websocket(b"v4.channel.k8s.io"), FORWARD)
    raw = frame(BINARY, b"\0" + struct.pack("<H", 80))
    assert reader.from_server(raw) == [PortOpened(0, 80)]


def test_sizes_of_an_attach() -> None:
    """What is attached to may have a terminal, whatever was asked for; of exec the request says."""
    raw = masked(BINARY, b'\4{"Width":100,"Height":30}')
    head = websocket(b"v4.channel.k8s.io")
    assert opened(head, ATTACH, stdin=True).from_client(raw) == [Resized(100, 30)]
    assert opened(head, EXEC, stdin=True).from_client(raw) == []


def test_streams_of_an_attach() -> None:
    """Whether the server starts with one more is not known: of input there may be one stream."""
    client, server = Client(), Client()
    reader = opened(spdy(b"v4.channel.k8s.io"), ATTACH, stdin=True, stdout=True)
    for number, kind in enumerate(("error", "stdout", "stdin", "resize")):
        assert reader.from_client(client.open(2 * number + 1, {"streamtype": kind})) == []
        assert reader.from_server(server.reply(2 * number + 1)) == []
    assert reader.from_client(client.data(5, b"id")) == [Carried(Channel.STDIN, b"id")]
    assert reader.from_client(client.data(7, b'{"Width":9,"Height":8}')) == [Resized(9, 8)]
    assert reader.from_client(client.open(9, {"streamtype": "stdin"})) == [
        Unreadable(True, "the client opened a second stream for input")
    ]
    assert reader.from_client(client.data(5, b"more")) == []
