"""Sessions in the chain: what their events and the session log say, and which are refused."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.reading import event_of
from auditproxy.apis.session import StreamEvent
from auditproxy.files.alerts import read_rules
from auditproxy.sessions import rules
from auditproxy.sessions.wire.channels import ChannelReader
from auditproxy.sessions.wire.frames import BINARY, PING, frame
from auditproxy.tunnel.protocols import websocket_accept
from tests.conformance.client import Answer, read_answer
from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, Script
from tests.fakes.waiting import steady, until
from tests.fakes.websocket import masked

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
EXEC = (
    "/api/v1/namespaces/team/pods/box/exec?command=sh&command=-c&command=x&stdout=true&stdin=true"
)
URLENCODED = "application/x-www-form-urlencoded"
RUN = "/api/v1/nodes/n1/proxy/run/team/box/main?cmd=ls%20-l"
POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: InputOutput, onFailure: %s}]
"""
OF_A_NAMESPACE = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules:
- {namespaces: [team], resources: [{resources: [pods/exec]}], record: Output, onFailure: Deny}
"""
SHORT_POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: InputOutput, maximumDuration: 200ms}]
"""
LAST = "ResponseComplete"
STATUS = b'{"metadata":{},"status":"Success"}'


def switched(protocol: bytes = b"v5.channel.k8s.io", more: bytes = b"") -> bytes:
    """The head of a 101."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n%s\r\n"
        % (websocket_accept(KEY), protocol, more)
    )


def alerts_of(found: "Stage") -> set[str]:
    """The shipped rules that the events fire."""
    engine = AlertEngine(read_rules("builtin").rules)
    events = map(event_of, found.proxy.events)
    return {alert.name for event in events for alert in engine.take(event, 0)}


def exec_request(target: str = EXEC, *headers: str) -> bytes:
    """A request for an exec over WebSocket."""
    return request(
        "GET",
        target,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY.decode()}",
        "Sec-WebSocket-Protocol: v5.channel.k8s.io",
        *headers,
    )


@dataclass
class Stage:
    """The proxy, the upstream and the files."""

    proxy: RunningProxy
    upstream: FakeUpstream
    folder: Path

    async def lines(self) -> list[dict[str, Any]]:
        """The session log, once nothing more is written to it."""
        path = self.folder / "sessions.log"
        await steady(lambda: path.stat().st_size, "the session log", looks=50)
        return [json.loads(line) for line in path.read_text().splitlines()]

    def annotations(self, stage: str = "ResponseComplete") -> dict[str, str]:
        """Annotations of sessions in the event of this stage."""
        (event,) = (event for event in self.proxy.events if event["stage"] == stage)
        return {
            key.removeprefix("auditproxy.io/session-"): value
            for key, value in event.get("annotations", {}).items()
            if key.startswith("auditproxy.io/session-")
        }

    def files(self) -> list[str]:
        """Names of recordings."""
        folder = self.folder / "recordings"
        return [path.name for path in folder.iterdir() if path.name[0] != "."]

    async def begin(self, asked: bytes | None = None) -> "Client":
        """A session whose 101 has come."""
        client = await self.ask(asked or exec_request())
        assert client.answer.status == 101
        return client

    async def ask(self, asked: bytes) -> "Client":
        """Send a request and read the head of its answer."""
        reader, writer = await self.proxy.connect()
        writer.write(asked)
        async with asyncio.timeout(5):
            return Client(reader, writer, await read_answer(reader, "GET"))


@dataclass
class Client:
    """One end of a session."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: Answer

    async def rest(self) -> bytes:
        """Everything up to the end."""
        async with asyncio.timeout(5):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def stage(
    folder: Path,
    reply: bytes | Script,
    *,
    on_failure: str = "Allow",
    policy: str = "",
    **flags: Any,
) -> AsyncIterator[Stage]:
    """A proxy that records everything; the upstream answers with ``reply``, or does what it says."""

    async def answering(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(reply if isinstance(reply, bytes) else b"")

    script = answering if isinstance(reply, bytes) else reply

    (folder / "recordings").mkdir(mode=0o700)
    (folder / "recording.yaml").write_text(policy or POLICY % on_failure)
    settings = {
        "sessions_recording_config_file": str(folder / "recording.yaml"),
        "sessions_recording_dir": str(folder / "recordings"),
        "sessions_recording_min_free_space": 0,
        "sessions_log_path": str(folder / "sessions.log"),
        "audit_redact": "none",
        **flags,
    }
    async with FakeUpstream(script) as upstream:
        async with proxy_before(upstream.port, folder, **settings) as proxy:
            yield Stage(proxy, upstream, folder)


async def test_session(tmp_path: Path) -> None:
    """The start is in ResponseStarted, the end in ResponseComplete; both are lines of the log."""
    words = frame(BINARY, b"\x01out") + frame(BINARY, b"\x03" + STATUS)
    async with stage(tmp_path, switched()) as found:
        client = await found.begin(exec_request(EXEC + "&container=main"))
        client.writer.write(masked(BINARY, b"\x00input"))
        upstream = found.upstream.connections[0]
        await upstream.read(len(masked(BINARY, b"\x00input")))
        upstream.send(words + frame(8, b"\x03\xe8"))
        upstream.transport.close()
        assert await client.rest() == words + frame(8, b"\x03\xe8")
        client.writer.close()
        await found.proxy.until_events(3)
        started = found.annotations("ResponseStarted")
        assert started["command"] == '["sh","-c","x"]'
        assert (started["container"], started["tty"]) == ("main", "false")
        ended = found.annotations()
        assert ended["id"] == started["id"]
        assert (ended["exit-code"], ended["bytes-in"], ended["bytes-out"]) == ("0", "5", "3")
        assert ended["duration"].endswith("s")
        assert ended["recording"].startswith(f"{started['recording']} sha256:")
        first, given, last = await found.lines()
        assert (first["type"], given["type"], last["type"]) == (
            "SessionStarted",
            "Input",
            "SessionEnded",
        )
        assert first["objectRef"] == {
            "resource": "pods",
            "namespace": "team",
            "name": "box",
            "apiVersion": "v1",
            "subresource": "exec",
        }
        assert (first["user"]["username"], first["container"]) == ("admin", "main")
        assert first["auditID"] == found.proxy.events[0]["auditID"]
        assert last["exitCode"] == 0


@pytest.mark.parametrize("on_failure", ["Allow", "Deny"])
async def test_what_comes_behind_a_flood(tmp_path: Path, on_failure: str) -> None:
    """It is passed and recorded: pings without end are no reason to read no further."""
    flood = masked(PING, b"") * 50_000 + masked(BINARY, b"\x00hidden")
    words = frame(BINARY, b"\x01out") + frame(BINARY, b"\x03" + STATUS)
    async with stage(tmp_path, switched(), on_failure=on_failure) as found:
        client = await found.begin()
        client.writer.write(flood)
        upstream = found.upstream.connections[0]
        await upstream.read(len(flood))
        client.writer.write(masked(BINARY, b"\x00 too"))
        # What is held until the flood was read: it comes once it was.
        await upstream.read(len(masked(BINARY, b"\x00 too")))
        upstream.send(words + frame(8, b"\x03\xe8"))
        upstream.transport.close()
        assert await client.rest() == words + frame(8, b"\x03\xe8")
        client.writer.close()
        await found.proxy.until_events(3)
        ended = found.annotations()
        assert (ended["exit-code"], ended["bytes-in"], ended["bytes-out"]) == ("0", "10", "3")
        assert "Cut" not in ended["recording"]
        kinds = [line["type"] for line in await found.lines()]
        assert kinds == ["SessionStarted", "Input", "SessionEnded"]


async def test_client_that_leaves(tmp_path: Path) -> None:
    """The reason is ours where the container gives none."""
    async with stage(tmp_path, switched()) as found:
        client = await found.begin()
        client.writer.close()
        await found.proxy.until_events(3)
        assert "exit-code" not in found.annotations()
        assert found.annotations()["reason"]
        assert (await found.lines())[-1]["reason"] == found.annotations()["reason"]


async def test_impersonation(tmp_path: Path) -> None:
    """Both users are in the lines."""
    async with stage(tmp_path, switched()) as found:
        client = await found.begin(exec_request(EXEC, "Impersonate-User: jane"))
        client.writer.close()
        await found.proxy.until_events(3)
        assert (await found.lines())[0]["impersonatedUser"]["username"] == "jane"


async def test_upstream_that_does_not_switch(tmp_path: Path) -> None:
    """Nothing is left of what did not take place: no file, no line, no annotation."""
    async with stage(tmp_path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno") as found:
        client = await found.ask(exec_request())
        assert client.answer.status == 404
        await found.proxy.until_events(2)
        await until(lambda: found.files() == [], "the file is removed")
        assert (await found.lines()) == []
        assert found.annotations() == {}


async def test_redacted_command(tmp_path: Path) -> None:
    """What requestURI does not show, the annotation and the log do not show either."""
    redaction = tmp_path / "redaction.yaml"
    redaction.write_text(
        'apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\nqueryParameters: ["command"]\n'
    )
    async with stage(
        tmp_path,
        switched(),
        audit_redact=str(redaction),
    ) as found:
        client = await found.begin()
        client.writer.close()
        await found.proxy.until_events(3)
        command = json.loads(found.annotations()["command"])
        assert len(command) == 3
        assert not {"sh", "-c", "x"} & set(command)
        assert (await found.lines())[0]["command"] == command


async def test_redacted_run(tmp_path: Path) -> None:
    """The kubelet has its command in another parameter, and in a form."""
    redaction = tmp_path / "redaction.yaml"
    redaction.write_text(
        'apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\nqueryParameters: ["cmd"]\n'
    )
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with stage(tmp_path, answer, audit_redact=str(redaction)) as found:
        asked = request("POST", RUN, f"Content-Type: {URLENCODED}", body=b"cmd=cat+/etc/shadow")
        assert (await found.proxy.ask(asked)).status == 200
        await found.proxy.until_events(3)
        command = json.loads(found.annotations()["command"])
        assert len(command) == 2
        assert not {"ls", "-l", "cat", "/etc/shadow"} & set(command)


async def test_without_annotations(tmp_path: Path) -> None:
    """A flag leaves them out; the log has all of it."""
    async with stage(tmp_path, switched(), sessions_annotations=False) as found:
        client = await found.begin()
        client.writer.close()
        await found.proxy.until_events(3)
        assert found.annotations() == {}
        assert [line["type"] for line in (await found.lines())] == [
            "SessionStarted",
            "SessionEnded",
        ]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (switched(b"v9.channel.k8s.io"), "is not a stream protocol"),
        (switched(more=b"Sec-WebSocket-Extensions: x\r\n"), "WebSocket extension"),
    ],
)
async def test_protocol_that_cannot_be_read(tmp_path: Path, reply: bytes, reason: str) -> None:
    """Deny: the 101 never reaches the client, and a Status says why."""
    async with stage(tmp_path, reply, on_failure="Deny") as found:
        client = await found.ask(exec_request())
        assert client.answer.status == 503
        message = json.loads(client.answer.body)["message"]
        assert message.startswith("this session must be recorded, and it cannot be: ")
        assert reason in message
        await found.upstream.connections[0].wait_closed()
        await found.proxy.until_events(3)
        assert [code for _, code in found.proxy.stages()] == [None, 503, 503]
        assert "cannot be read" in found.annotations("ResponseStarted")["reason"]
        # The upstream had begun it: what may have run is not forgotten.
        types = [line["type"] for line in (await found.lines())]
        assert types == ["SessionStarted", "RecordingStopped", "SessionEnded"]
        assert found.annotations()["recording"].endswith("(Cut)")
        assert found.proxy.metric("auditproxy_sessions_refused_total", reason="unreadable") == 1
        # It may have run, and the client was refused.
        assert {"ExecIntoPod", "SessionRefused"} <= alerts_of(found)


async def test_protocol_that_cannot_be_read_and_may_run(tmp_path: Path) -> None:
    """Allow: bytes pass; what could not be read is said, and a shutdown is announced as ever."""
    async with stage(tmp_path, switched(b"v9.channel.k8s.io")) as found:
        client = await found.begin()
        found.upstream.connections[0].send(frame(BINARY, b"\x01out"))
        async with asyncio.timeout(5):
            assert await client.reader.readexactly(6) == frame(BINARY, b"\x01out")
        closing = asyncio.create_task(found.proxy.proxy.close())
        assert b"shutting down" in await client.rest()
        client.writer.close()
        await closing
        annotations = found.annotations()
        assert annotations["bytes-out"] == "6"
        assert annotations["recording"].endswith(" (Cut)")
        assert [line["type"] for line in (await found.lines())] == [
            "SessionStarted",
            "RecordingStopped",
            "SessionEnded",
        ]


async def test_shutdown(tmp_path: Path) -> None:
    """The client reads why in its own protocol; the recording is finished."""
    async with stage(tmp_path, switched()) as found:
        client = await found.begin()
        closing = asyncio.create_task(found.proxy.proxy.close())
        assert b"auditproxy is shutting down" in await client.rest()
        client.writer.close()
        await closing
        (name,) = found.files()
        assert name.endswith(".cast")
        assert (await found.lines())[-1]["recording"]["state"] == "Complete"


WATCH = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"


async def switching_or_watching(connection: FakeConnection) -> None:
    """A 101 for an upgrade, and for anything else a watch that does not end."""
    head, _ = await connection.read_request()
    connection.send(switched() if b"Upgrade" in head else WATCH)


async def test_session_grace_period(tmp_path: Path) -> None:
    """T263: a stop waits for sessions and tells their terminals; watches end meanwhile."""
    flags: dict[str, Any] = {"serving_session_grace": 600 * 10**9}
    async with stage(tmp_path, switching_or_watching, **flags) as found:
        client = await found.begin(exec_request(EXEC + "&tty=true"))
        watch, writer = await found.proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(10):
            await watch.readuntil(b"hi")
        closing = asyncio.create_task(found.proxy.proxy.close())
        async with asyncio.timeout(10):
            notice = await client.reader.readuntil(b"at the latest, as the proxy restarts")
            assert b"auditproxy: this session ends in 600 s" in notice
            await watch.read()
        (upstream,) = (one for one in found.upstream.connections if b"/exec" in one.received)
        # The session goes on, in both directions, until it ends by itself.
        client.writer.write(masked(BINARY, b"\x00still here"))
        await upstream.until(lambda: upstream.received.endswith(masked(BINARY, b"\x00still here")))
        upstream.send(frame(BINARY, b"\x01so am I"))
        async with asyncio.timeout(10):
            await client.reader.readuntil(b"so am I")
        assert not closing.done()
        upstream.send(frame(BINARY, b"\x03" + STATUS) + frame(8, b"\x03\xe8"))
        upstream.transport.close()
        assert b"shutting down" not in await client.rest()
        client.writer.close()
        async with asyncio.timeout(10):
            await closing
        ends = {event["verb"]: event for event in found.proxy.events if event["stage"] == LAST}
        assert ends["watch"]["annotations"]["auditproxy.io/ended"] == "the proxy was shut down"
        annotations = ends["get"]["annotations"]
        assert "auditproxy.io/ended" not in annotations
        assert annotations["auditproxy.io/session-exit-code"] == "0"


async def test_session_that_begins_at_a_stop(tmp_path: Path) -> None:
    """One that was asked for before the stop is waited for, and reads of the stop when it begins."""
    answers = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        await answers.wait()
        connection.send(switched())

    flags: dict[str, Any] = {"serving_session_grace": 600 * 10**9}
    async with stage(tmp_path, script, **flags) as found:
        reader, writer = await found.proxy.connect()
        writer.write(exec_request(EXEC + "&tty=true"))
        await found.upstream.until(lambda: len(found.upstream.connections) == 1)
        upstream = found.upstream.connections[0]
        await upstream.until(lambda: b"\r\n\r\n" in upstream.received)
        closing = asyncio.create_task(found.proxy.proxy.close())
        await until(lambda: found.proxy.proxy._serving._listener is None, "the stop begins")
        answers.set()
        async with asyncio.timeout(10):
            await reader.readuntil(b"at the latest, as the proxy restarts")
        writer.close()
        async with asyncio.timeout(10):
            await closing


@pytest.mark.parametrize("kept", [True, False])
async def test_session_grace_period_is_over(tmp_path: Path, kept: bool) -> None:
    """T266: what is left of sessions is ended, and events, log and client have the reason."""
    flags: dict[str, Any] = {"serving_session_grace": 200_000_000}
    if not kept:
        flags |= {"sessions_recording_config_file": "", "sessions_log_path": ""}
    async with stage(tmp_path, switched(), **flags) as found:
        client = await found.begin(exec_request(EXEC + "&tty=true"))
        closing = asyncio.create_task(found.proxy.proxy.close())
        assert b"auditproxy is shutting down" in await client.rest()
        client.writer.close()
        async with asyncio.timeout(10):
            await closing
        why = "the proxy was shut down, which waited 0.2 s for this session"
        (last,) = (event for event in found.proxy.events if event["stage"] == LAST)
        assert last["annotations"]["auditproxy.io/ended"] == why
        if kept:
            assert found.annotations()["reason"] == why
            assert (await found.lines())[-1]["reason"] == why


async def test_run(tmp_path: Path) -> None:
    """The kubelet's run is an ordinary request: noted where it may be, refused where it may not."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with stage(tmp_path, answer) as found:
        assert (await found.proxy.ask(request("POST", RUN))).status == 200
        await found.proxy.until_events(3)
        annotations = found.annotations()
        assert annotations["command"] == '["ls","-l"]'
        assert "recording" not in annotations
        assert [line["type"] for line in (await found.lines())] == [
            "SessionStarted",
            "SessionEnded",
        ]
        assert (await found.lines())[0]["node"] == "n1"
        assert found.proxy.metric("auditproxy_sessions_open", kind="exec") == 0


@pytest.mark.parametrize(
    ("method", "content_type", "command", "doubt"),
    [
        ("POST", URLENCODED, ["cat", "/etc/shadow"], "the query another one"),
        ("PUT", f"{URLENCODED}; charset=utf-8", ["cat", "/etc/shadow"], "the query another one"),
        ("POST", "multipart/form-data; boundary=b", None, "a form in the request's body"),
        ("PUT", "Multipart/Form-Data; boundary=x", None, "a form in the request's body"),
        ("POST", "application/json", ["ls", "-l"], ""),
        ("GET", URLENCODED, ["ls", "-l"], ""),
    ],
)
async def test_run_with_a_form(
    tmp_path: Path, method: str, content_type: str, command: list[str] | None, doubt: str
) -> None:
    """Older kubelets run the form's command: that of the query is not said to have run."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    body = b"cmd=cat+/etc/shadow"
    async with stage(tmp_path, answer) as found:
        asked = request(method, RUN, f"Content-Type: {content_type}", body=body)
        assert (await found.proxy.ask(asked)).status == 200
        assert found.upstream.connections[0].received.endswith(b"\r\n\r\n" + body)
        await found.proxy.until_events(3)
        shown = found.annotations().get("command")
        assert (shown and json.loads(shown)) == command
        ended = (await found.lines())[-1]
        assert ended.get("command") == command
        for reason in (ended["reason"], found.annotations()["reason"]):
            assert reason.startswith("the request was answered")
            assert doubt in reason
            assert bool(doubt) is (";" in reason)


async def test_run_that_fails(tmp_path: Path) -> None:
    """The kubelet answers 500 where the command fails: it ran all the same."""
    answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"
    async with stage(tmp_path, answer) as found:
        assert (await found.proxy.ask(request("POST", RUN))).status == 500
        await found.proxy.until_events(3)
        assert found.annotations()["command"] == '["ls","-l"]'
        assert found.annotations()["reason"].startswith("the request failed")
        assert [line["type"] for line in (await found.lines())] == [
            "SessionStarted",
            "SessionEnded",
        ]


@pytest.mark.parametrize("on_failure", ["Allow", "Deny"])
async def test_streams_in_a_form_that_is_not_read(tmp_path: Path, on_failure: str) -> None:
    """Which streams there are is not known: Deny refuses it, Allow reads all of them."""
    headers = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 3")
    target = "/api/v1/nodes/n1/proxy/exec/team/box/main?command=sh&output=1"
    async with stage(tmp_path, switched(), on_failure=on_failure) as found:
        asked = exec_request(target, *headers).replace(b"GET ", b"POST ", 1) + b"--b"
        client = await found.ask(asked)
        if on_failure == "Deny":
            assert client.answer.status == 503
            assert b"a form in the request's body" in client.answer.body
            assert found.upstream.connections == []
            return
        assert client.answer.status == 101
        client.writer.write(masked(BINARY, b"\x00typed"))
        found.upstream.connections[0].send(frame(BINARY, b"\x01out"))
        async with asyncio.timeout(5):
            await client.reader.readexactly(6)
        client.writer.close()
        await found.proxy.until_events(3)
        assert found.annotations()["bytes-in"] == "5"
        assert found.annotations()["bytes-out"] == "3"


@pytest.mark.parametrize(
    "target", [RUN, RUN.replace("/run/", "/exec/").replace("cmd=", "command=")]
)
async def test_the_rule_of_a_namespace_holds_for_its_kubelets(tmp_path: Path, target: str) -> None:
    """What a kubelet is asked to run in a pod is the pod's, though the request has no namespace."""
    async with stage(tmp_path, switched(), policy=OF_A_NAMESPACE) as found:
        if "/run/" in target:
            answer = await found.proxy.ask(request("POST", target))
            assert answer.status == 503
            assert b"this session must be recorded" in answer.body
            assert found.upstream.connections == []
            return
        client = await found.begin(exec_request(target))
        client.writer.close()
        await found.proxy.until_events(3)
        assert len(found.files()) == 1
        lines = await found.lines()
        assert {line["objectRef"]["namespace"] for line in lines} == {"team"}
        assert {line["objectRef"]["subresource"] for line in lines} == {"exec"}
        assert {line["node"] for line in lines} == {"n1"}
        assert found.proxy.events[0]["objectRef"]["resource"] == "nodes"


async def test_run_that_must_be_recorded(tmp_path: Path) -> None:
    """It is refused before the upstream hears of it."""
    async with stage(tmp_path, b"", on_failure="Deny") as found:
        answer = await found.proxy.ask(request("POST", RUN))
        assert answer.status == 503
        assert b"the kubelet answers run like any request" in answer.body
        assert found.upstream.connections == []


async def test_folder_that_is_gone(tmp_path: Path) -> None:
    """Deny: 503 before the upstream hears of it."""
    async with stage(tmp_path, b"", on_failure="Deny") as found:
        (tmp_path / "recordings").rename(tmp_path / "moved")
        client = await found.ask(exec_request())
        assert client.answer.status == 503
        message = json.loads(client.answer.body)["message"]
        assert message.startswith("this session must be recorded, and it cannot be: the folder of")
        assert found.upstream.connections == []
        await found.proxy.until_events(3)
        assert alerts_of(found) == {"SessionRefused"}


async def test_session_that_lasts_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets a notice, and then the reason as its Status; both events say it."""
    monkeypatch.setattr(rules, "SHORTEST_LIMIT", 0)
    short = tmp_path / "short.yaml"
    short.write_text(SHORT_POLICY)
    more = {"sessions_recording_config_file": str(short)}
    async with stage(tmp_path, switched(), **more) as found:
        client = await found.begin(exec_request(EXEC + "&tty=true"))
        got = await client.rest()
        client.writer.close()
        assert (
            b"\x01\r\nauditproxy: this session ends in 0 s, when its maximum duration is over\r\n"
            in got
        )
        reason = "auditproxy ended this session: its maximum duration is over"
        assert reason.encode() in got
        await found.proxy.until_events(3)
        assert found.annotations()["reason"] == reason
        assert (await found.lines())[-1]["reason"] == reason


async def test_nothing_is_followed(tmp_path: Path) -> None:
    """Without anything to follow them for, sessions are tunnels and no more."""
    nothing: dict[str, Any] = {
        "sessions_annotations": False,
        "sessions_recording_config_file": "",
        "sessions_recording_dir": "",
        "sessions_log_path": "",
    }
    async with stage(tmp_path, switched(), **nothing) as found:
        client = await found.begin()
        client.writer.close()
        await found.proxy.until_events(3)
        assert found.annotations() == {}
        assert found.proxy.metric("auditproxy_sessions_total", kind="exec", recorded="false") == 0


async def test_watch_over_websocket(tmp_path: Path) -> None:
    """It is a list that goes on, not a session."""
    async with stage(tmp_path, switched(b""), on_failure="Deny") as found:
        watch = exec_request("/api/v1/namespaces/team/pods?watch=1")
        client = await found.begin(watch)
        client.writer.close()
        await found.proxy.until_events(3)
        assert (await found.lines()) == []


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/nodes/n1/proxy/metrics",
        "/api/v1/nodes/n1",
        "/api/v1/namespaces/team/pods/box",
        "/api/v1/namespaces/team/pods/box/exec?command=ls",
    ],
)
async def test_other_requests(tmp_path: Path, target: str) -> None:
    """What asks for no session is none, and costs nothing of it, under Deny too."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with stage(tmp_path, answer, on_failure="Deny") as found:
        assert (await found.proxy.ask(request("GET", target))).status == 200
        assert (await found.lines()) == []
        assert found.annotations() == {}


@pytest.mark.parametrize("upgrade", ["websocket", "SPDY/3.1"])
async def test_run_with_an_upgrade(tmp_path: Path, upgrade: str) -> None:
    """A header of the client's makes no stream of it: it is refused all the same."""
    async with stage(tmp_path, b"", on_failure="Deny") as found:
        asked = request("POST", RUN, "Connection: Upgrade", f"Upgrade: {upgrade}")
        client = await found.ask(asked)
        assert client.answer.status == 503
        assert found.upstream.connections == []


async def test_run_that_the_upstream_refuses(tmp_path: Path) -> None:
    """It did not run: there is no session to speak of."""
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with stage(tmp_path, answer) as found:
        assert (await found.proxy.ask(request("POST", RUN))).status == 403
        await found.proxy.until_events(3)
        assert found.annotations() == {}
        assert (await found.lines()) == []


async def test_unrecorded_under_allow(tmp_path: Path) -> None:
    """The session runs; its events and the session log say that it is not recorded, and why."""
    async with stage(tmp_path, switched(more=b"")) as found:
        (tmp_path / "recordings").rename(tmp_path / "moved")
        client = await found.begin()
        client.writer.close()
        await found.proxy.until_events(3)
        assert found.annotations("ResponseStarted")["recording"].startswith("none: ")
        types = [line["type"] for line in (await found.lines())]
        assert types == ["SessionStarted", "RecordingStopped", "SessionEnded"]


async def test_refused_for_its_recording(tmp_path: Path) -> None:
    """The event of a refused session says what was asked, and why there is none."""
    async with stage(tmp_path, b"", on_failure="Deny") as found:
        (tmp_path / "recordings").rename(tmp_path / "moved")
        await found.ask(exec_request())
        await found.proxy.until_events(2)
        annotations = found.annotations()
        assert json.loads(annotations["command"]) == ["sh", "-c", "x"]
        assert annotations["recording"].startswith("none: ")
        assert "reason" not in annotations, "it was refused before it began"


async def test_only_sessions_need_a_recording(tmp_path: Path) -> None:
    """Of an upgrade elsewhere the upstream says first whether it is one: nothing is opened."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with stage(tmp_path, answer, on_failure="Deny") as found:
        (tmp_path / "recordings").rename(tmp_path / "moved")
        client = await found.ask(exec_request("/version"))
        assert client.answer.status == 200


async def test_fault_of_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs the rest of the recording, and not one byte of the tunnel."""

    def crash(reader: ChannelReader, data: bytes) -> list[StreamEvent]:
        raise ZeroDivisionError

    monkeypatch.setattr(ChannelReader, "from_server", crash)
    output = frame(BINARY, b"\x01one"), frame(BINARY, b"\x01two")
    async with stage(tmp_path, switched() + output[0]) as found:
        client = await found.begin()
        async with asyncio.timeout(5):
            assert await client.reader.readexactly(len(output[0])) == output[0]
            found.upstream.connections[0].send(output[1])
            assert await client.reader.readexactly(len(output[1])) == output[1]
        client.writer.close()
        await found.proxy.until_events(3)
        assert "RecordingStopped" in [line["type"] for line in (await found.lines())]
        assert found.annotations()["recording"].endswith("(Cut)")


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_withheld_body(tmp_path: Path, framing: str) -> None:
    """A command does not begin while its request does not end: the upstream hears nothing."""
    async with stage(tmp_path, switched(), on_failure="Deny") as found:
        _, writer = await found.proxy.connect()
        writer.write(exec_request(EXEC, framing))
        await found.proxy.until_events(1)
        await steady(lambda: len(found.upstream.connections), "what the upstream hears")
        assert found.upstream.connections == []
        writer.transport.abort()
        await found.proxy.until_events(3)
        assert (await found.lines()) == []
        await until(lambda: found.files() == [], "the recording is removed")


async def test_client_that_leaves_before_the_answer(tmp_path: Path) -> None:
    """Its command may run: the recording stays, and everything says why it is empty."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        await connection.wait_closed(10)

    async with stage(tmp_path, script, on_failure="Deny") as found:
        _, writer = await found.proxy.connect()
        writer.write(exec_request())
        await until(lambda: bool(found.upstream.connections), "the request")
        await found.upstream.connections[0].until(
            lambda: b"\r\n\r\n" in found.upstream.connections[0].received
        )
        writer.transport.abort()
        await found.proxy.until_events(3)
        types = [line["type"] for line in (await found.lines())]
        assert types == ["SessionStarted", "RecordingStopped", "SessionEnded"]
        assert "the command may have run" in (await found.lines())[1]["reason"]
        assert len(found.files()) == 1
        annotations = found.annotations()
        assert json.loads(annotations["command"]) == ["sh", "-c", "x"]
        assert "(Cut)" in annotations["recording"]
        assert "before its answer came" in found.annotations("ResponseStarted")["reason"]


@pytest.mark.parametrize(
    ("protocol", "is_session"), [(b"v5.channel.k8s.io", True), (b"binary.k8s.io", False)]
)
async def test_watch_that_is_none(tmp_path: Path, protocol: bytes, is_session: bool) -> None:
    """The 101 says whether it is a session; ?watch=1 does not."""
    target = "/apis/x.example.com/v1/namespaces/team/vms?watch=1"
    async with stage(tmp_path, switched(protocol), on_failure="Deny") as found:
        client = await found.begin(exec_request(target))
        client.writer.close()
        await found.proxy.until_events(3)
        assert bool(await found.lines()) is is_session
        assert len(found.files()) == is_session
