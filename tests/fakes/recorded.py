"""Sessions to be recorded, and folders that hold recordings."""

from pathlib import Path
from typing import Any

import msgspec

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import Session, SessionKind
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
