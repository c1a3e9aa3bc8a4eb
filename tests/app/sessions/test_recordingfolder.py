"""What a killed proxy left in the folder of recordings: lines first, then names."""

import hashlib
import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.session import Record
from auditproxy.app.sessions.recordingfolder import open_store
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.options import SessionOptions
from auditproxy.recordings.names import stem
from auditproxy.sessions.asciicast import header_line
from auditproxy.supervision.sessionlog import SessionLog
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.recorded import Counted, a_session
from tests.fakes.rotating import Clocks, rotating


class Opening:
    """Opens the same folder again and again, with the same log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "recordings", folder / "sessions.log"
        self.folder.mkdir(mode=0o700)
        self.reports: list[str] = []

    def open(self, *faults: int, disk: Disk | None = None) -> None:
        """As a start does, with a disk that has such faults."""
        log = SessionLog(
            rotating(self.log, Clocks()),
            metrics=SessionMetrics(CollectorRegistry()),
            report=self.reports.append,
        )
        open_store(
            SessionOptions(
                recording_dir=str(self.folder),
                recording_min_free_space=0,
                log_path=str(self.log),
            ),
            log,
            self.reports.append,
            observer=Counted(),
            disk=disk or FaultyDisk(*faults),
        )

    def left(self, number: int) -> Path:
        """A recording as kill -9 leaves it."""
        session = a_session(id=f"s{number}")
        path = self.folder / f"{stem(session)}.cast.part"
        path.write_bytes(header_line(session, Record.OUTPUT, 80, 24))
        return path

    def names(self) -> list[str]:
        """Of all recordings."""
        return sorted(path.name for path in self.folder.glob("*.cast*"))

    def ends(self) -> list[tuple[str, str]]:
        """Paths and digests of the lines."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [(line["recording"]["path"], line["recording"]["sha256"]) for line in lines]


class Killed(BaseException):
    """The end of a process, at any place."""


class KillingDisk(Disk):
    """Ends the process where the log is to be synced."""

    def sync(self, descriptor: int) -> None:
        """It comes to nothing."""
        raise Killed


def test_killed_before_the_disk_has_the_lines(tmp_path: Path) -> None:
    """No recording has its name: the next start finds all, and what the log has is not repeated."""
    opening = Opening(tmp_path)
    parts = [opening.left(number) for number in range(3)]
    with pytest.raises(Killed):
        opening.open(disk=KillingDisk())
    assert opening.names() == [part.name for part in parts]
    log = opening.log.read_bytes().splitlines(keepends=True)
    assert len(log) == 3
    opening.log.write_bytes(b"".join(log[:2]))
    opening.open()
    assert opening.names() == [part.name.removesuffix(".part") for part in parts]
    assert [path for path, _ in opening.ends()] == [
        str(part).removesuffix(".part") for part in parts
    ]


def test_a_log_that_the_disk_does_not_have(tmp_path: Path) -> None:
    """The recording has no name, and operators read it. The next start finds the same content, and
    gives it its name: the log has its line.
    """
    opening = Opening(tmp_path)
    part = opening.left(1)
    opening.open(EIO)
    assert opening.reports == [
        "session log: input/output error",
        f"--session-recording-dir {opening.folder}: 1 recording of a proxy that was killed is "
        "marked as unfinished",
        f"--session-log-path {opening.log}: the ends of 1 session of a proxy that was killed could "
        "not be written; the next start writes them, and gives the recordings their names",
    ]
    assert opening.names() == [part.name]
    other = opening.left(2)
    opening.open()
    paths = [str(path).removesuffix(".part") for path in (part, other)]
    assert opening.names() == [Path(path).name for path in paths]
    assert opening.ends() == [
        (path, hashlib.sha256(Path(path).read_bytes()).hexdigest()) for path in paths
    ]


def test_a_line_that_is_lost_with_the_machine(tmp_path: Path) -> None:
    """The log is as the disk had it, and has no line: it is written again."""
    opening = Opening(tmp_path)
    part = opening.left(1)
    opening.open(EIO)
    opening.log.unlink()
    opening.open()
    (end,) = opening.ends()
    assert end[0] == str(part).removesuffix(".part")
    opening.open()
    assert opening.ends() == [end]


@pytest.mark.parametrize("is_longer", [True, False])
def test_a_line_of_before(tmp_path: Path, *, is_longer: bool) -> None:
    """Of one that was longer there is a line: that is of another content."""
    opening = Opening(tmp_path)
    part = opening.left(1)
    opening.open(EIO)
    content = part.read_bytes()
    if is_longer:
        part.write_bytes(content[:-20])
    opening.open()
    digests = [digest for _, digest in opening.ends()]
    assert len(set(digests)) == len(digests) == (2 if is_longer else 1)
    (path,) = opening.folder.glob("*.cast")
    assert digests[-1] == hashlib.sha256(path.read_bytes()).hexdigest()
