"""Sessions to be recorded, and folders that hold recordings."""

import tarfile
from pathlib import Path
from typing import Any

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    Record,
    Session,
    SessionKind,
    StreamEvent,
)
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.recordings.store import RecordingStore
from auditproxy.recordings.usage import RecordingLimits
from auditproxy.sessions.castreader import Cast, read_cast
from tests.fakes.clocks import Clock

STARTED = 1_700_000_000_123_456_789

_SESSION = Session(
    id="5e5510f1d",
    audit_id="0c1f",
    kind=SessionKind.EXEC,
    started=STARTED,
    user=UserInfo(username="alice", groups=("dev",)),
    source_ips=("192.0.2.1",),
    user_agent="kubectl/v1.37",
    object_ref=ObjectReference(resource="pods", subresource="exec", namespace="team-a", name="box"),
    namespace="team-a",
    pod="box",
    container="main",
    command=("sh", "-c", "ls"),
    stdin=True,
    stdout=True,
    stderr=True,
    tty=True,
)


def a_session(**changes: Any) -> Session:
    """alice in team-a/box, with ``changes``."""
    return msgspec.structs.replace(_SESSION, **changes)


class Counted:
    """Hears what happens to recordings."""

    def __init__(self) -> None:
        self.written = 0
        self.stopped_ones: list[tuple[str, str]] = []
        self.removed_ones: list[tuple[str, int]] = []

    def wrote(self, size: int) -> None:
        """So many bytes were written."""
        self.written += size

    def stopped(self, state: str, reason: str) -> None:
        """A recording ended before its session."""
        self.stopped_ones.append((state, reason))

    def removed(self, reason: str, size: int) -> None:
        """A finished recording was removed."""
        self.removed_ones.append((reason, size))


class Stores:
    """A store with clocks, counts and lines that a test can look at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wall = Clock()
        self.monotonic = Clock()
        self.counted = Counted()
        self.lines: list[str] = []

    def new(self, limits: RecordingLimits | None = None, **rest: Any) -> RecordingStore:
        """Another store of the folder, recovered."""
        store = RecordingStore(
            self.folder,
            limits or RecordingLimits(),
            self.lines.append,
            wall=self.wall,
            monotonic=self.monotonic,
            observer=self.counted,
            **rest,
        )
        store.recover()
        return store

    def files(self) -> list[str]:
        """Names of recordings."""
        return sorted(path.name for path in self.folder.iterdir() if path.name[0] != ".")


def read_recording(path: str | Path) -> Cast:
    """A recording, without a fault."""
    cast = read_cast(Path(path).read_bytes().splitlines(keepends=True))
    assert cast.faults() == []
    return cast


def three_recordings(folder: Path) -> list[Path]:
    """alice's shell, bob's copy a day later, and a port-forward that is still being written."""
    store = Stores(folder).new()
    shell = store.open(a_session(command=("bash",)), Record.OUTPUT, moment=0, columns=9, rows=9)
    shell.take(SECOND, [Carried(Channel.STDOUT, b"$ ls\r\nfile\x1b]52;c;aGk=\a\r\n")])
    shell.command(SECOND, "ls \x1b[31m", ["prompt?"])
    shell.command(2 * SECOND, None, ["hidden"])
    shell.take(75 * SECOND, [Carried(Channel.STDOUT, b"$ ex"), Carried(Channel.STDIN, b"\r")])
    shell.take(76 * SECOND, [Carried(Channel.STDOUT, b"it\r\n")])
    paths = [Path(shell.finish(76 * SECOND, Outcome(3, "NonZeroExitCode")).path)]
    copy = store.open(
        a_session(
            id="c0b1",
            audit_id="0c20",
            started=STARTED + 24 * 3600 * SECOND,
            user=UserInfo(username="bob"),
            impersonated_user=UserInfo(username="carol"),
            command=("tar", "cf", "-", "/etc/hosts"),
            pod="box-2",
            stdin=False,
            tty=False,
        ),
        Record.OUTPUT,
        moment=0,
    )
    member = tarfile.TarInfo("etc/\x1bhosts")
    member.size = 5
    content = member.tobuf() + b"x" * 512 + bytes(1024)
    copy.take(SECOND, [Carried(Channel.STDOUT, content)])
    paths.append(Path(copy.finish(SECOND, Outcome(0)).path))
    forward = store.open(
        a_session(
            id="f0a4",
            kind=SessionKind.PORT_FORWARD,
            started=STARTED + 48 * 3600 * SECOND,
            namespace="team-b",
            command=(),
            tty=False,
        ),
        Record.METADATA,
        moment=0,
    )
    events: list[StreamEvent] = [
        PortOpened(0, 80),
        PortCarried(0, True, 9),
        PortClosed(0, "no\x1b"),
    ]
    forward.take(SECOND, events)
    forward.flush()
    return [*paths, Path(forward.path)]
