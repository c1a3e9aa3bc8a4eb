"""The end of a session whose proxy was killed, from its recording."""

import json
from pathlib import Path

import pytest

from auditproxy.alerts.reading import read_line
from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    Record,
    RecordingReference,
    SessionKind,
)
from auditproxy.apis.units import SECOND
from auditproxy.app.sessions.killedsessions import KILLED, TAIL, end_of_killed, logged_ends
from auditproxy.serializer.json import encode
from auditproxy.sessions.asciicast import header_line, note_lines
from auditproxy.sessions.castnotes import UnfinishedNote
from tests.fakes.recorded import Stores, a_session


def reference(path: Path) -> RecordingReference:
    """What the repair says of a file."""
    return RecordingReference(path=str(path), state="Unfinished", sha256="ab", bytes=7)


def test_by_its_header(tmp_path: Path) -> None:
    """Who, where and what are those of the session's other lines."""
    session = a_session()
    path = tmp_path / "x.cast"
    end = note_lines("3.000000", UnfinishedNote())
    path.write_bytes(header_line(session, Record.OUTPUT, 80, 24) + end)
    found = reference(path)
    line = end_of_killed(found, SECOND)
    assert (line.type, line.reason, line.recording) == ("SessionEnded", KILLED, found)
    assert line.timestamp == "1970-01-01T00:00:01.000000Z"
    assert (line.session_id, line.audit_id, line.session) == ("5e5510f1d", "0c1f", "exec")
    assert (line.user, line.source_ips, line.tty) == (session.user, session.source_ips, True)
    assert (line.command, line.container, line.duration_seconds) == (("sh", "-c", "ls"), "main", 3)
    assert line.object_ref is not None
    assert (line.object_ref.resource, line.object_ref.subresource) == ("pods", "exec")
    assert (line.object_ref.namespace, line.object_ref.name) == ("team-a", "box")


def test_by_its_end(tmp_path: Path) -> None:
    """One that has it says what it says; how much the recording is worth is there as well."""
    recording = Stores(tmp_path).new().open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(Channel.STDIN, b"abc")])
    recording.gap(2, 5)
    path = recording.finish(3 * SECOND, Outcome(1, "Error")).path
    found = RecordingReference(path=path, sha256="ab", bytes=7)
    line = end_of_killed(found, SECOND)
    assert line.recording == RecordingReference(path=path, state="Cut", sha256="ab", bytes=7)
    assert (line.exit_code, line.reason, line.duration_seconds) == (1, "Error", 3)
    assert (line.bytes_in, line.bytes_out, line.missing_bytes) == (3, 0, 5)
    assert line.flags == ("repaired",)


def test_what_is_not_known(tmp_path: Path) -> None:
    """A recording that cannot be read has no user and no duration, and the line claims neither."""
    line = end_of_killed(reference(tmp_path / "2023-11-14T22-13-20.123456Z_a_b_c_d.cast"), SECOND)
    shown = json.loads(encode(line))
    assert (shown["sessionID"], shown["auditID"], shown["flags"]) == ("d", "c", ["repaired"])
    assert not {"user", "durationSeconds", "bytesIn", "exitCode"} & shown.keys()
    assert read_line(encode(line)) == (line,)


def line_of(name: str, kind: str = "SessionEnded", sha256: str = "ab") -> bytes:
    """A line of a session log, with what is read of it."""
    recording = {"path": f"/r/{name}", "sha256": sha256}
    return json.dumps({"type": kind, "recording": recording}).encode() + b"\n"


def test_logged_ends(tmp_path: Path) -> None:
    """Names that the last lines of a log have; whatever else is there is passed over."""
    log = tmp_path / "sessions.log"
    other = b'{"type": "SessionEnded", "recording": 1}\n{"SessionEnded"\n{"type": "SessionEnded"}\n'
    log.write_bytes(line_of("a.cast") + other + line_of("b.cast", "SessionStarted"))
    assert logged_ends(str(log)).digests == {"a.cast": {"ab"}}
    log.write_bytes(line_of("old.cast") + b"x" * TAIL + b"\n" + line_of("new.cast"))
    assert logged_ends(str(log)).digests == {"new.cast": {"ab"}}


@pytest.mark.parametrize("path", ["", "-", "/dev/null", "/absent", "/"])
def test_logs_that_say_nothing(path: str) -> None:
    """What is not a file has no lines that could be read again."""
    assert logged_ends(path).digests == {}


def test_whether_an_end_is_logged(tmp_path: Path) -> None:
    """By its name; of one that was cut with its content too, which had been longer."""
    log = tmp_path / "sessions.log"
    log.write_bytes(
        line_of("a.cast", sha256="cd") + line_of("b.cast") + line_of("b.cast", sha256="")
    )
    ends = logged_ends(str(log))
    for name, is_logged, is_logged_unfinished in (
        ("a.cast", True, False),
        ("b.cast", True, True),
        ("c.cast", False, False),
    ):
        found = RecordingReference(path=f"/other/{name}", sha256="ab", bytes=7)
        assert ends.has(found) is is_logged
        assert ends.has(reference(Path(found.path))) is is_logged_unfinished


def test_through_a_node(tmp_path: Path) -> None:
    """The object is the node."""
    session = a_session(node="n1")
    recording = Stores(tmp_path).new().open(session, Record.OUTPUT, moment=0)
    line = end_of_killed(reference(Path(recording.finish(1).path)), 0)
    assert line.object_ref is not None
    assert (line.object_ref.resource, line.object_ref.name) == ("nodes", "n1")


@pytest.mark.parametrize("content", [b"", b"?\n", b'{"version": 2}\n'])
@pytest.mark.parametrize("name", ["x.cast", "T_a_b_c_d.cast", "x"])
def test_whatever_the_file_is(tmp_path: Path, content: bytes, name: str) -> None:
    """A file of somebody else gets a line too."""
    path = tmp_path / name
    path.write_bytes(content)
    assert end_of_killed(reference(path), 0).session is SessionKind.UNKNOWN


def test_encrypted(tmp_path: Path) -> None:
    """The name has the namespace, the pod and the IDs."""
    path = tmp_path / "2026-11-28T02-13-20.123456Z_shop_web-0_0c1f_5e55.cast.age.tar"
    path.write_bytes(b"")
    line = end_of_killed(reference(path), 0)
    assert (line.session_id, line.audit_id) == ("5e55", "0c1f")
    assert line.object_ref is not None
    assert (line.object_ref.namespace, line.object_ref.name) == ("shop", "web-0")
