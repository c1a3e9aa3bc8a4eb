"""The end of a session whose proxy was killed, from its recording."""

from pathlib import Path

import pytest

from auditproxy.apis.session import Record, RecordingReference, SessionKind
from auditproxy.apis.units import SECOND
from auditproxy.app.killedsessions import KILLED, end_of_killed
from tests.fakes.recorded import Stores, a_session


def reference(path: Path) -> RecordingReference:
    """What the repair says of a file."""
    return RecordingReference(path=str(path), state="Unfinished", sha256="ab", bytes=7)


def test_by_its_header(tmp_path: Path) -> None:
    """Who, where and what are those of the session's other lines."""
    session = a_session()
    recording = Stores(tmp_path).new().open(session, Record.OUTPUT, moment=0)
    found = reference(Path(recording.finish(3 * SECOND).path))
    line = end_of_killed(found, SECOND)
    assert (line.type, line.reason, line.recording) == ("SessionEnded", KILLED, found)
    assert line.timestamp == "1970-01-01T00:00:01.000000Z"
    assert (line.session_id, line.audit_id, line.session) == ("5e5510f1d", "0c1f", "exec")
    assert (line.user, line.source_ips, line.tty) == (session.user, session.source_ips, True)
    assert (line.command, line.container, line.duration_seconds) == (("sh", "-c", "ls"), "main", 3)
    assert line.object_ref is not None
    assert (line.object_ref.resource, line.object_ref.subresource) == ("pods", "exec")
    assert (line.object_ref.namespace, line.object_ref.name) == ("team-a", "box")


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
