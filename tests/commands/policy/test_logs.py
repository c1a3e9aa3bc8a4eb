"""Lines of logs from files, patterns, gzip and standard input; what is broken is counted."""

import csv
import gzip
import io
import itertools
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.logged import LoggedEvent
from auditproxy.commands.policy import logs
from auditproxy.commands.policy.logs import LogEvents
from tests.fakes.loggedevents import line
from tests.fakes.policies import Text
from tests.fakes.trails import event, write
from tests.reading.cluster import cloudwatch
from tests.reading.saving import save


def ids(log: LogEvents) -> list[str]:
    """The IDs of its events."""
    return [event.audit_id for event, _ in log if isinstance(event, LoggedEvent)]


def read(*paths: object) -> LogEvents:
    """A log that has been read."""
    log = LogEvents([str(path) for path in paths], Text())
    list(log)
    return log


def test_files_and_patterns(tmp_path: Path) -> None:
    """In the order of the arguments; a pattern's files by their names; gzip by its first bytes."""
    (tmp_path / "audit-2.log").write_bytes(line(auditID="2"))
    (tmp_path / "audit-1.log").write_bytes(gzip.compress(line(auditID="1")) * 2)
    (tmp_path / "audit.log").write_bytes(line(auditID="3").rstrip() + b"\n\n")
    log = LogEvents([str(tmp_path / "audit.log"), str(tmp_path / "audit-*.log")], Text())
    assert ids(log) == ["3", "1", "1", "2"]
    assert (log.events, log.unreadable, log.lines) == (4, 0, 5)


def test_a_file_that_is_packed_meanwhile(tmp_path: Path) -> None:
    """Its packed form has the same events."""
    first, second = tmp_path / "audit-1.log", tmp_path / "audit-2.log"
    first.write_bytes(line(auditID="1"))
    second.write_bytes(line(auditID="2"))
    events = iter(LogEvents([str(tmp_path)], Text()))
    next(events)
    (tmp_path / "audit-2.log.gz").write_bytes(gzip.compress(second.read_bytes()))
    second.unlink()
    event, _ = next(events)
    assert isinstance(event, LoggedEvent)
    assert event.audit_id == "2"


def test_names_with_asterisks(tmp_path: Path) -> None:
    """A file that exists is no pattern."""
    (tmp_path / "a[1].log").write_bytes(line(auditID="x"))
    assert ids(LogEvents([str(tmp_path / "a[1].log")], Text())) == ["x"]


def test_sizes(tmp_path: Path) -> None:
    """Bytes of a line, with its end."""
    path = tmp_path / "log"
    path.write_bytes(line() + line())
    assert [size for _, size in LogEvents([str(path)], Text())] == [len(line())] * 2


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line(auditID="in"))))
    assert ids(LogEvents(["-"], Text())) == ["in"]


def test_broken_lines(tmp_path: Path) -> None:
    """Torn, foreign and binary lines are counted, and the first is named."""
    path = tmp_path / "log"
    path.write_bytes(line() + b"I0101 klog\n" + bytes(range(256)) + b"\n" + line()[:50])
    log = read(path)
    assert (log.events, log.unreadable) == (1, 4)
    assert log.first_unreadable == f"{path} line 2: not JSON"


def test_long_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too long is one that cannot be read, and the next is read."""
    monkeypatch.setattr(logs, "LONGEST_LINE", 600)
    path = tmp_path / "log"
    path.write_bytes(b"x" * 2000 + b"\n" + line() + b"y" * 600)
    log = read(path)
    assert (log.events, log.unreadable, log.lines) == (1, 2, 3)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(line() * 50)[:-8],
        gzip.compress(line()) + b"no gzip",
        gzip.compress(line()) + b"\x1f\x8b" + b"z" * 50,
        b"\x1f\x8b",
    ],
)
def test_damaged_gzip(tmp_path: Path, content: bytes) -> None:
    """What can be read is, and the file is named."""
    path, other = tmp_path / "log.gz", tmp_path / "log"
    path.write_bytes(content)
    other.write_bytes(line(auditID="after"))
    log = LogEvents([str(path), str(other)], Text())
    assert ids(log)[-1] == "after"
    assert log.damaged == [f"{path} is a damaged packed file, and was read up to there"]


def test_missing(tmp_path: Path) -> None:
    """A file that is not there, and an empty folder."""
    for path, why in ((tmp_path / "missing", "No such file"), (tmp_path / "*.log", "No such file")):
        with pytest.raises(Unusable, match=why):
            read(path)
    with pytest.raises(Unusable, match="has no files"):
        read(tmp_path)


def test_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody watches, and not more often than every few seconds."""
    monkeypatch.setattr(logs, "_EVERY", 1)
    path = tmp_path / "log"
    path.write_bytes(line() * 4)
    for is_terminal, shown in ((True, f"{path}: 2 lines\n{path}: 4 lines\n"), (False, "")):
        clock = itertools.count(0.0, 3.0)
        monkeypatch.setattr("time.monotonic", lambda clock=clock: next(clock))
        err = Text(is_terminal=is_terminal)
        list(LogEvents([str(path)], err))
        assert err.text == shown


def test_other_forms(tmp_path: Path) -> None:
    """What ``auditproxy events`` reads is read here: exports, folders, archives, saved trails."""
    made = [event(name=name, audit_id=name) for name in "abc"]
    (tmp_path / "cloudwatch.json").write_text(cloudwatch(made))
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "audit.log", made)
    rows = io.StringIO()
    csv.writer(rows).writerows(
        [["@timestamp", "@message"], *(["t", json.dumps(one)] for one in made)]
    )
    (tmp_path / "insights.csv").write_text(rows.getvalue())
    (tmp_path / "wrapped.log").write_text(
        "".join(json.dumps({"log": json.dumps(one)}) + "\n" for one in made)
    )
    (tmp_path / "audit.zst").write_bytes(
        zstandard.ZstdCompressor().compress((folder / "audit.log").read_bytes())
    )
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
        archive.add(folder, "logs")
    names = (
        "cloudwatch.json", "folder", "insights.csv", "wrapped.log", "audit.zst", "logs.tar.gz",
    )  # fmt: skip
    for path in (tmp_path / name for name in names):
        log = LogEvents([str(path)], Text())
        assert sorted(ids(log)) == ["a", "b", "c"], path
        assert (log.events, log.unreadable, log.damaged) == (3, 0, []), path
    log = LogEvents([str(save(tmp_path, made))], Text())
    assert sum(group.count for group, _ in log if isinstance(group, LoggedGroup)) == 3
    assert (log.events, log.unreadable, log.damaged) == (3, 0, [])


def test_what_is_no_event_in_them(tmp_path: Path) -> None:
    """It is counted, in lines and in documents."""
    wrapped = tmp_path / "wrapped.log"
    wrapped.write_text(
        json.dumps({"log": json.dumps(event())}) + "\n" + json.dumps({"log": "klog"}) + "\n"
    )
    log = read(wrapped)
    assert (log.events, log.unreadable) == (1, 1)
    assert log.first_unreadable.startswith(f"{wrapped} line 2: ")
    document = tmp_path / "events.json"
    document.write_text(
        json.dumps({"searchedLogStreams": [], "events": [7, {"message": "no event"}]})
    )
    log = read(document)
    assert (log.events, log.unreadable) == (0, 2)
    assert "is not an audit event" in log.first_unreadable
