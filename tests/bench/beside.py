"""``python -m tests.bench.beside``: what a large LIST takes from requests beside it, whatever else runs.

A LIST of 100 MiB is decoded on a thread, then in a process, and its line is written to a file, on
the spot or beside. Meanwhile the main thread takes turns as the event loop does: a little work, then
a call that gives the interpreter away. For each turn the time is taken that it neither ran nor
waited for a core (/proc's schedstat): it waited for the interpreter. That does not depend on how
busy the machine is, while latencies do.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Event, Level, RequestAuditConfig, Stage
from auditproxy.app.process import share_interpreter
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.encode import json_line, json_parts
from auditproxy.audit.submitted import PROTOBUF
from auditproxy.capture.copies import CaptureLimits, CaptureRoom, Copy
from auditproxy.capture.messages import Part, Task
from auditproxy.capture.process import DecodeProcess, Given, Sent
from auditproxy.capture.recording import RecordingConfiguration
from auditproxy.capture.worker import TaskRecording
from auditproxy.serializer.protobuf.decoder import Decoder
from tests.bench.traffic import Traffic
from tests.bench.upstream import large_list

PIECE = 1 << 18
INFO = RequestInfo(
    is_resource_request=True,
    path="/api/v1/configmaps",
    verb="list",
    api_prefix="api",
    api_version="v1",
    resource="configmaps",
)
CONFIGURATION = RecordingConfiguration(None, Decoder(), True, 1 << 27)
WORK = range(2000)


class Turns:
    """The turns of a thread that has work to do all the time."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        """Milliseconds that each turn waited for the interpreter."""
        self._schedule = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", 0)

    def take(self, until: Callable[[], bool]) -> None:
        """Take turns until something is so."""
        then = self._now()
        while not until():
            sum(WORK)
            now = self._now()
            wall, scheduled = now[0] - then[0], now[1] - then[1]
            self.waits.append(max(0, wall - scheduled) / 1e6)
            then = now

    def _now(self) -> tuple[int, int]:
        """Nanoseconds since some time, and of them those of running and of waiting for a core."""
        waiting = int(os.pread(self._schedule, 100, 0).split()[1])
        return time.monotonic_ns(), time.thread_time_ns() + waiting


def beside(work: Callable[[], object]) -> str:
    """What turns take beside something on another thread, in words."""
    thread = threading.Thread(target=work)
    turns = Turns()
    thread.start()
    turns.take(lambda: not thread.is_alive())
    waits = sorted(turns.waits)
    late = sum(wait > 1.0 for wait in waits)
    return (
        f"waited {sum(waits):7.1f} ms in {len(waits):6} turns, "
        f"{100 * late / len(waits):5.2f} % of them over 1 ms, at most {waits[-1]:6.1f} ms"
    )


def context() -> AuditContext:
    """A context for the LIST."""
    made = AuditContext("id", 0)
    made.begin(
        RequestAuditConfig(Level.REQUEST_RESPONSE),
        info=INFO,
        request_uri=INFO.path,
        user=None,
        source_ips=(),
        user_agent="",
    )
    return made


def captured() -> Captured:
    """What is known of its answer."""
    return Captured(code=200, content_type=PROTOBUF, response_complete=True)


def on_a_thread(copy: Copy) -> Event:
    """Decode as it is done on a thread."""
    filled = context()
    part = Part(copy.size, "", copy.size)
    task = Task(filled, INFO, captured(), False, None, part)
    TaskRecording(task, CONFIGURATION, b"", copy.take() or b"").reply()
    return event_of(filled)


def in_a_process(process: DecodeProcess, copy: Copy) -> Event:
    """Have it decoded."""
    given = Given(context(), INFO, captured(), False, None, Sent(copy, copy.size))
    done = process.record(given, CONFIGURATION)
    filled = context()
    filled.apply(done.changes, done.request_object, done.response_object)
    return event_of(filled)


def event_of(filled: AuditContext) -> Event:
    """The event of the LIST."""
    event = filled.event(Stage.RESPONSE_COMPLETE, 0)
    assert event is not None
    assert event.response_object is not None
    return event


def main(rounds: int) -> None:
    """Measure and print."""
    share_interpreter()
    body = large_list(Traffic(1))
    process = DecodeProcess(4 << 30)
    room = CaptureRoom(CaptureLimits(memory=1 << 30))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        for _ in range(rounds):
            events: list[Event] = []
            for name, decode in (
                ("decoded on a thread", on_a_thread),
                ("decoded in a process", lambda copy: in_a_process(process, copy)),
            ):
                copy = room.new(1 << 28)
                for start in range(0, len(body), PIECE):
                    copy.add(body[start : start + PIECE])
                said = beside(lambda: events.append(decode(copy)))  # noqa: B023
                print(f"{name:26} {said}", flush=True)
                copy.release()
            assert json_line(events[0]) == json_line(events[1])
            event = events.pop()
            for name, write in (
                ("written as a whole", lambda: os.write(log.fileno(), json_line(event))),  # noqa: B023
                ("written in parts", lambda: os.writev(log.fileno(), json_parts(event))),  # noqa: B023
            ):
                print(f"{name:26} {beside(write)}", flush=True)
    process.close()
    room.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.beside")
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
