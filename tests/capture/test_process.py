"""The process that decodes: the same events as without it, whatever becomes of it."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.apis.user import UserInfo
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.encode import json_line
from auditproxy.audit.redaction.decoding import builtin_redactor
from auditproxy.audit.submitted import PROTOBUF
from auditproxy.capture import messages, process
from auditproxy.capture.copies import CaptureLimits, CaptureRoom, Copy
from auditproxy.capture.messages import Part, Task
from auditproxy.capture.process import (
    DecodeProcess,
    Given,
    NoProcessError,
    ProcessEndedError,
    Sent,
)
from auditproxy.capture.recording import RecordingConfiguration
from auditproxy.capture.worker import NICE, TaskRecording
from auditproxy.serializer.protobuf.decoder import Decoder
from tests.capture import decoders
from tests.fakes.waiting import until
from tests.fakes.wire import block, envelope

KEY = b"k" * 32
MEMORY = 1 << 30
NICEST = 19
"""Linux has no more."""
JSON = "application/json"
SECRETS = RequestInfo(
    is_resource_request=True,
    path="/api/v1/namespaces/n/secrets",
    verb="create",
    api_prefix="api",
    api_version="v1",
    namespace="n",
    resource="secrets",
)
PODS = msgspec.structs.replace(SECRETS, resource="pods", path="/api/v1/namespaces/n/pods")
DEAR = 1 << 30
CONFIGURATION = RecordingConfiguration(builtin_redactor(KEY), Decoder(), True, 1 << 20)
ROOM = CaptureRoom(CaptureLimits(memory=1 << 30, files=0))


def configured(types: Decoder) -> RecordingConfiguration:
    """A configuration with another decoder."""
    return RecordingConfiguration(CONFIGURATION.redactor, types, True, 1 << 20)


def copied(body: bytes, limit: int = 1 << 30) -> Copy:
    """A copy of a body."""
    copy = ROOM.new(limit)
    copy.add(body)
    return copy


def context_of(info: RequestInfo, level: Level, user: str = "u") -> AuditContext:
    """The context of a request that was decided."""
    context = AuditContext("id", 0)
    context.begin(
        RequestAuditConfig(level),
        info=info,
        request_uri="/",
        user=UserInfo(username=user, groups=("g",)),
        source_ips=("10.0.0.1",),
        user_agent="",
        redactor=CONFIGURATION.redactor,
    )
    return context


def captured_of(request_type: str, answer_type: str, code: int) -> Captured:
    """What was captured besides the bodies."""
    return Captured(
        request_content_type=request_type,
        request_complete=True,
        request_limit=1 << 20,
        code=code,
        content_type=answer_type,
        response_complete=True,
    )


def line(context: AuditContext) -> bytes:
    """The last event of a request."""
    event = context.event(Stage.RESPONSE_COMPLETE, 0)
    assert event is not None
    return json_line(event)


def done_here(
    given: Given, configuration: RecordingConfiguration = CONFIGURATION
) -> tuple[bytes, Any]:
    """The event without a process, and the bounds that were met."""
    bodies = [b"" if sent is None else sent.copy.take() or b"" for sent in _sent(given)]
    parts = [None if sent is None else sent.part() for sent in _sent(given)]
    context, captured = given.context.fork(), replace(given.captured)
    task = Task(context, given.info, captured, given.long_running, *parts)
    reply = TaskRecording(task, configuration, *bodies).reply()
    return line(context), reply.reasons


def _sent(given: Given) -> tuple[Sent | None, Sent | None]:
    return given.request, given.response


def done_there(
    process: DecodeProcess, given: Given, configuration: RecordingConfiguration = CONFIGURATION
) -> tuple[bytes, Any]:
    """The same by way of a process."""
    done = process.record(given, configuration)
    context = given.context.fork()
    context.apply(done.changes, done.request_object, done.response_object)
    return line(context), done.reasons


def pod(size: int = 10, types: str = PROTOBUF) -> Given:
    """A request for the process: a pod as protobuf."""
    body = envelope("v1", "Pod", block(1, block(1, b"n" * size)))
    return Given(
        context_of(PODS, Level.REQUEST_RESPONSE),
        PODS,
        captured_of(JSON, types, 200),
        long_running=False,
        request=None,
        response=Sent(copied(body), DEAR),
    )


@pytest.fixture(scope="module")
def shared() -> Iterator[DecodeProcess]:
    """One process for many tasks."""
    made = DecodeProcess(MEMORY)
    yield made
    made.close()


@pytest.fixture
def own() -> Iterator[DecodeProcess]:
    """A process of one test."""
    made = DecodeProcess(MEMORY)
    yield made
    made.close()


TEXTS = st.text(alphabet=st.characters(), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.builds(
    lambda kind, data, more: {
        "kind": kind,
        "apiVersion": "v1",
        "metadata": {"name": "s", "namespace": "n", "annotations": {"a": "token-0123456789"}},
        **data,
        **more,
    },
    st.sampled_from(["Secret", "Status", "SecretList", "Pod"]),
    st.fixed_dictionaries(
        {},
        optional={
            "data": st.dictionaries(TEXTS, st.just("dG9rZW4tMDEyMzQ1Njc4OQ=="), max_size=3),
            "message": st.just("a token-0123456789 was refused"),
            "reason": TEXTS,
            "items": st.lists(VALUES, max_size=3),
        },
    ),
    st.dictionaries(TEXTS, VALUES, max_size=2),
)
BODIES = st.binary(max_size=40) | OBJECTS.map(lambda value: json.dumps(value).encode())


@settings(max_examples=150, deadline=None)
@given(
    info=st.sampled_from([SECRETS, PODS]),
    verb=st.sampled_from(["create", "update", "patch", "get", "list", "delete"]),
    name=st.sampled_from(["s", "\udcff", ""]),
    level=st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE]),
    code=st.sampled_from([200, 201, 400, 403, 404, 500]),
    kinds=st.tuples(*[st.sampled_from([JSON, "application/yaml", PROTOBUF, "text/plain"])] * 2),
    bodies=st.tuples(BODIES, BODIES),
    costs=st.tuples(st.sampled_from([1, DEAR]), st.sampled_from([1, DEAR])),
)
@example(SECRETS, "patch", "s", Level.REQUEST_RESPONSE, 201, (JSON, JSON), (b"", b"{}"), (1, 1))
def test_same_events(
    shared: DecodeProcess,
    info: RequestInfo,
    verb: str,
    name: str,
    level: Level,
    code: int,
    kinds: tuple[str, str],
    bodies: tuple[bytes, bytes],
    costs: tuple[int, int],
) -> None:
    """Whatever the bodies are, an event has the same bytes with the process as without it."""
    info = msgspec.structs.replace(info, verb=verb, name=name)
    given = Given(
        context_of(info, level, user=f"u{name}"),
        info,
        captured_of(*kinds, code),
        long_running=False,
        request=Sent(copied(bodies[0]), costs[0]),
        response=Sent(copied(bodies[1]), costs[1]),
    )
    assert done_there(shared, given) == done_here(given)


def test_missing_and_dropped_bodies(shared: DecodeProcess) -> None:
    """A body that is not there is noted as without a process; the other one is recorded."""
    dropped = copied(b"x" * 100, limit=10)
    given = Given(
        context_of(PODS, Level.REQUEST_RESPONSE),
        PODS,
        captured_of(JSON, JSON, 201),
        long_running=False,
        request=Sent(dropped, DEAR),
        response=Sent(copied(b'{"kind":"Pod"}'), DEAR),
    )
    found, _ = done_there(shared, given)
    assert found == done_here(given)[0]
    event = json.loads(found)
    omitted = event["annotations"]["auditproxy.io/request-object-omitted"]
    assert omitted == "too large: 100 bytes"
    assert event["responseObject"] == {"kind": "Pod"}


def test_bodies_of_files_and_reasons(shared: DecodeProcess, tmp_path: Path) -> None:
    """A body that is in a file goes through it; a bound that it meets comes back."""
    room = CaptureRoom(CaptureLimits(memory=1 << 19, files=1 << 26, folder=str(tmp_path)))
    copy = room.new(1 << 26)
    text = b"kind: Pod\nx: [" + b"1," * 300_000 + b"1]\n"
    for start in range(0, len(text), 1 << 16):
        copy.add(text[start : start + (1 << 16)])
        room._writer.submit(lambda: None).result(10)
    assert room.in_files > 1 << 18
    given = Given(
        context_of(PODS, Level.REQUEST_RESPONSE),
        PODS,
        captured_of("application/yaml", JSON, 201),
        long_running=False,
        request=Sent(copy, DEAR),
        response=None,
    )
    found, reasons = done_there(shared, given)
    assert reasons == ("nodes",)
    # Not compared with what this process would do: traced, it has no time for as many values.
    assert b"more than 250000 values to read" in found
    copy.release()
    room.close()


def test_configurations(shared: DecodeProcess) -> None:
    """Each task has its own configuration, however often they change; a key is its marker's."""
    body = json.dumps({"kind": "Secret", "apiVersion": "v1", "data": {"p": "c2VjcmV0"}}).encode()
    for key in (b"a" * 32, b"b" * 32, b"c" * 32, b"a" * 32):
        redactor = builtin_redactor(key)
        configuration = RecordingConfiguration(redactor, Decoder(), True, 1 << 20)
        context = context_of(SECRETS, Level.REQUEST_RESPONSE)
        context.redactor = redactor
        given = Given(
            context,
            SECRETS,
            captured_of(JSON, JSON, 201),
            long_running=False,
            request=Sent(copied(body), DEAR),
            response=Sent(copied(body), DEAR),
        )
        found, _ = done_there(shared, given, configuration)
        assert found == done_here(given, configuration)[0]
        assert redactor.marker(b"secret").encode() in found or b"hmac-sha256:" in found
        assert key not in messages.pack_task(
            Task(context, SECRETS, given.captured, False, Part(0, "", 1), None), configuration
        )


def test_faults_of_our_own(shared: DecodeProcess) -> None:
    """HD7: a fault costs the object and is told without content; the process goes on."""
    done = shared.record(pod(), configured(decoders.Failing()))
    assert len(done.faults) == 1
    assert done.faults[0].startswith("ZeroDivisionError at ")
    assert "secret" not in done.faults[0]
    before = shared.pid
    assert done_there(shared, pod()) == done_here(pod())
    assert shared.pid == before


@pytest.mark.parametrize(
    ("types", "how"),
    [(decoders.Leaving(), "it ended with code 7"), (decoders.Looping(), "it ended with signal")],
)
@pytest.mark.timeout(300)
def test_end_in_a_task(
    own: DecodeProcess, types: Decoder, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ends the process, or takes CPU without end, fails; the next one is done."""
    # A busy machine gives it little CPU: the bound of that comes first, however long it takes.
    monkeypatch.setattr(process, "WAIT", 240)
    assert done_there(own, pod()) == done_here(pod())
    before = own.pid
    with pytest.raises(ProcessEndedError, match=how):
        own.record(pod(), configured(types))
    assert not Path(f"/proc/{before}").exists()
    assert done_there(own, pod()) == done_here(pod())
    assert own.pid not in (0, before)


def test_memory_is_bounded() -> None:
    """A body that would take more memory than there may be costs its object, and nothing else."""
    own = DecodeProcess(300 << 20)
    done = own.record(pod(), configured(decoders.Hoarding()))
    assert [fault.split()[0] for fault in done.faults] == ["MemoryError"]
    assert done_there(own, pod()) == done_here(pod())
    own.close()


def test_what_it_is_given(own: DecodeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has one socket, no secret in its arguments or environment, bounds, and the core alone."""
    canary = secrets.token_hex(16)
    monkeypatch.setenv("CANARY", canary)
    with socket.socket() as listener, (Path(__file__)).open() as file:
        for descriptor in (listener.fileno(), file.fileno()):
            os.set_inheritable(descriptor, True)
        done = own.record(pod(), configured(decoders.Settled()))
        assert done.response_object is not None
        found = json.loads(bytes(done.response_object))
        assert found == {
            "core": 0,
            "data": MEMORY,
            "nice": min(os.nice(0) + 10, 19),
            "finder": "Turns",
            "oom": 1000,
            "modules": [],
        }
        folder = Path(f"/proc/{own.pid}")
        links = sorted(os.readlink(path) for path in (folder / "fd").iterdir())
    assert links[:3] == ["/dev/null"] * 3
    assert [link.partition(":")[0] for link in links[3:]] == ["socket"]
    for name in ("cmdline", "environ"):
        told = (folder / name).read_bytes()
        assert canary.encode() not in told
        assert KEY not in told
    assert set(_names((folder / "environ").read_bytes())) <= {
        "PYTHONPATH",
        *process.KEPT_ENVIRONMENT,
    }


def _names(environment: bytes) -> list[str]:
    return [entry.partition(b"=")[0].decode() for entry in environment.split(b"\0") if entry]


class Impostor(DecodeProcess):
    """In place of the process somebody replies with bytes of theirs."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(MEMORY)
        self.reply = reply

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()

        def answer() -> None:
            with theirs, contextlib.suppress(ConnectionError):
                theirs.recv(1 << 20)
                theirs.sendall(self.reply)
                theirs.shutdown(socket.SHUT_WR)
                while theirs.recv(1 << 20):
                    pass

        threading.Thread(target=answer, daemon=True).start()


HEAD = messages.HEAD.pack


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"x" * 100,
        HEAD(3, 0, -1, -1),
        HEAD(2, -5, -1, -1),
        HEAD(2, 1 << 60, -1, -1),
        HEAD(2, 2, -7, -1) + b"{}",
        HEAD(2, 2, 1 << 60, -1) + b"{}",
        HEAD(2, 2, -1, -1) + b"{}",
        HEAD(2, 6, -1, -1) + b"[" * 6,
        HEAD(2, 5, -1, -1) + b"\xff" * 5,
        HEAD(2, 100, -1, -1) + b"{}",
        HEAD(2, 13, -1, -1) + b'{"changes":1}',
    ],
)
def test_nonsense(reply: bytes) -> None:
    """What is not a reply to the task is taken for none, and repeated nowhere."""
    with pytest.raises(ProcessEndedError) as caught:
        Impostor(reply).record(pod(), CONFIGURATION)
    assert "changes" not in str(caught.value)


class Trickling(Impostor):
    """In place of the process somebody replies without end, and always in time for one call."""

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()

        def answer() -> None:
            with theirs, contextlib.suppress(OSError):
                theirs.recv(1 << 20)
                theirs.sendall(self.reply)
                while True:
                    theirs.sendall(b" ")
                    # Its pace: so slow that the reply would take hours.
                    gone.wait(0.01)

        gone = threading.Event()
        threading.Thread(target=answer, daemon=True).start()


def test_one_that_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: what a reply may take is bounded as a whole, not for each of its bytes."""
    monkeypatch.setattr(process, "WAIT", 1)
    monkeypatch.setattr(process, "WAIT_A_SECOND", 0)
    with pytest.raises(ProcessEndedError):
        Trickling(HEAD(2, messages.LONGEST_REPLY, -1, -1)).record(pod(), CONFIGURATION)


def test_one_that_hangs(own: DecodeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that neither replies nor ends is killed after a while."""
    done_there(own, pod())
    monkeypatch.setattr(process, "WAIT", 1)
    monkeypatch.setattr(process, "WAIT_A_SECOND", 0)
    os.kill(own.pid, signal.SIGSTOP)
    with pytest.raises(ProcessEndedError, match="did not reply as it should and was killed"):
        own.record(pod(), CONFIGURATION)
    assert done_there(own, pod()) == done_here(pod())


def test_killed_while_it_waits(own: DecodeProcess) -> None:
    """One that was ended between two tasks costs nothing: another is started."""
    done_there(own, pod())
    before = own.pid
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert done_there(own, pod()) == done_here(pod())
    assert own.pid != before


def test_stop_of_everything(own: DecodeProcess) -> None:
    """Signals that stop a group of processes leave its end to the proxy."""
    done_there(own, pod())
    before = own.pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(before, number)
    assert done_there(own, pod()) == done_here(pod())
    assert own.pid == before
    assert os.getpgid(before) != os.getpgid(0)


def test_it_goes_behind_the_proxy(own: DecodeProcess) -> None:
    """Its niceness counts beside the proxy, which it only does within one session.

    A suite that is run with a niceness of its own leaves less room for more.
    """
    done_there(own, pod())
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, own.pid) == min(ours + NICE, NICEST)
    assert os.getsid(own.pid) == os.getsid(0)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/nonexistent/python", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("/bin/false", "it ended with code 1"),
        ("/bin/echo", "it ended with code 0"),
    ],
)
def test_no_start(program: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started none has the task; it is tried again, and not each time."""
    told: list[str] = []
    now = [0.0]
    own = DecodeProcess(MEMORY, report=told.append, clock=lambda: now[0])
    with monkeypatch.context() as without:
        without.setattr(sys, "executable", program)
        for now[0] in (0.0, 59.9, 60.0):
            with pytest.raises(NoProcessError):
                own.record(pod(), CONFIGURATION)
    assert (
        told
        == [
            f"no process can be started to decode bodies: {why}; a thread decodes, and the next "
            "attempt is 60s from now or later"
        ]
        * 2
    )
    assert own.pid == 0
    now[0] = 119.9
    with pytest.raises(NoProcessError):
        own.record(pod(), CONFIGURATION)
    now[0] = 120.0
    assert done_there(own, pod()) == done_here(pod())
    assert len(told) == 2
    own.close()


def test_start_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that does not come to its first task is not waited for."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "WAIT", 1)
    monkeypatch.setattr(sys, "executable", str(program))
    told: list[str] = []
    own = DecodeProcess(MEMORY, report=told.append)
    with pytest.raises(NoProcessError):
        own.record(pod(), CONFIGURATION)
    assert "it did not reply as it should and was killed" in told[0]
    assert own.pid == 0


def test_killed_while_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop during a start leaves nothing behind, and is no fault."""
    told: list[str] = []
    own = DecodeProcess(MEMORY, report=told.append)

    def popen(*words: Any, **more: Any) -> Any:
        started = spawned(*words, **more)
        own.kill()
        return started

    spawned = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(ProcessEndedError, match="not wanted any more"):
        own.record(pod(), CONFIGURATION)
    pid = own.pid
    assert pid
    own.close()
    assert not Path(f"/proc/{pid}").exists()
    assert told == []


def test_closed(own: DecodeProcess) -> None:
    """After its end nothing is started any more."""
    done_there(own, pod())
    before = own.pid
    own.close()
    assert not Path(f"/proc/{before}").exists()
    with pytest.raises(ProcessEndedError):
        own.record(pod(), CONFIGURATION)
    assert own.pid == 0


ORPHAN = """
import sys
from tests.capture import decoders
from tests.capture.test_process import CONFIGURATION, DecodeProcess, MEMORY, configured, pod
process = DecodeProcess(MEMORY)
process.record(pod(), CONFIGURATION)
print(process.pid, flush=True)
process.record(pod(), configured(decoders.Looping()) if sys.argv[1] == "busy" else CONFIGURATION)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["busy", "idle"])
async def test_no_orphan(state: str) -> None:
    """A proxy that is killed takes the process with it, whether it works or waits."""
    proxy = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert proxy.stdout is not None
    pid = int(await asyncio.to_thread(proxy.stdout.readline))
    proxy.kill()
    proxy.wait()
    # Whoever inherits it may not have taken note of its end yet.
    await until(lambda: _is_gone(pid), "the process ends", seconds=20)
    proxy.communicate()


def _is_gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_two_threads_wait_for_two_processes() -> None:
    """A thread that waits for its process holds up no other."""
    first, second = DecodeProcess(MEMORY), DecodeProcess(MEMORY)
    done_there(first, pod())
    os.kill(first.pid, signal.SIGSTOP)
    waiting = threading.Thread(target=lambda: done_there(first, pod()), daemon=True)
    waiting.start()
    began = time.monotonic()
    assert done_there(second, pod()) == done_here(pod())
    assert waiting.is_alive()
    os.kill(first.pid, signal.SIGCONT)
    waiting.join(20)
    assert not waiting.is_alive()
    assert time.monotonic() > began
    first.close()
    second.close()
