"""Lines of the session log, and annotations of a session's events."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.session import (
    RecordingReference,
    Session,
    SessionEventType,
    SessionKind,
)
from auditproxy.apis.user import UserInfo
from auditproxy.serializer.json import encode
from auditproxy.sessions.lines import (
    LONGEST_COMMAND,
    SessionLines,
    annotations_at_end,
    annotations_at_start,
)

PREFIX = "auditproxy.io/session-"
STARTED = 1_795_000_000_123_456_789


def session(**changes: Any) -> Session:
    """An exec in shop/web-0."""
    members = {
        "id": "s1",
        "audit_id": "a1",
        "kind": SessionKind.EXEC,
        "started": STARTED,
        "user": UserInfo(username="alice"),
        "source_ips": ("10.0.0.7",),
        "object_ref": ObjectReference(
            resource="pods", namespace="shop", name="web-0", subresource="exec"
        ),
        "namespace": "shop",
        "pod": "web-0",
        "container": "app",
        "command": ("sh", "-c", "id"),
        "tty": True,
        **changes,
    }
    return Session(**members)


def at_start(recording: str = "", **changes: Any) -> dict[str, str]:
    """The annotations from ResponseStarted on, without their prefix."""
    found = annotations_at_start(session(**changes), recording)
    return {key.removeprefix(PREFIX): value for key, value in found}


def at_end(**changes: Any) -> dict[str, str]:
    """The annotations of ResponseComplete, without their prefix."""
    members = {
        "exit_code": None,
        "reason": "",
        "bytes_in": 3,
        "bytes_out": 5,
        "missing": 0,
        "seconds": 1.23456,
        "recording": None,
        **changes,
    }
    found = annotations_at_end(**members)
    return {key.removeprefix(PREFIX): value for key, value in found}


class TestLines:
    """Lines of the session log."""

    def test_a_line(self) -> None:
        """It says who, where and in which session, and what happened; nothing that is empty."""
        line = SessionLines(session()).line(SessionEventType.COMMAND, STARTED, line="id")
        assert json.loads(encode(line)) == {
            "kind": "SessionEvent",
            "apiVersion": "auditproxy.io/v1alpha1",
            "type": "Command",
            "timestamp": "2026-11-18T11:06:40.123456Z",
            "sessionID": "s1",
            "auditID": "a1",
            "session": "exec",
            "user": {"username": "alice"},
            "sourceIPs": ["10.0.0.7"],
            "objectRef": {
                "resource": "pods",
                "namespace": "shop",
                "name": "web-0",
                "subresource": "exec",
            },
            "container": "app",
            "command": ["sh", "-c", "id"],
            "tty": True,
            "line": "id",
        }

    def test_an_impersonated_user(self) -> None:
        """Both users are there."""
        lines = SessionLines(session(impersonated_user=UserInfo(username="bob")))
        found = json.loads(encode(lines.line(SessionEventType.STARTED, STARTED)))
        assert found["user"] == {"username": "alice"}
        assert found["impersonatedUser"] == {"username": "bob"}

    @given(st.text(), st.lists(st.text()))
    def test_one_line_each(self, line: str, command: list[str]) -> None:
        """Whatever was entered or asked for, a line is one line of valid JSON."""
        lines = SessionLines(session(command=tuple(command)))
        raw = encode(lines.line(SessionEventType.COMMAND, STARTED, line=line))
        assert b"\n" not in raw
        assert json.loads(raw)["line"] == line


class TestAtStart:
    """Annotations from ResponseStarted on."""

    def test_all(self) -> None:
        """The command is a JSON list."""
        assert at_start("/r/x.cast") == {
            "id": "s1",
            "command": '["sh","-c","id"]',
            "container": "app",
            "tty": "true",
            "recording": "/r/x.cast",
        }

    def test_nothing_that_is_empty(self) -> None:
        """An attach to the only container, not recorded."""
        assert at_start(command=(), container="", tty=False) == {"id": "s1", "tty": "false"}

    def test_a_long_command_is_cut(self) -> None:
        """It is bounded, and says that it is not whole."""
        found = at_start(command=("x" * 2 * LONGEST_COMMAND,))["command"]
        assert found.startswith('["xxx')
        assert found.endswith("x...TRUNCATED")
        assert len(found) == LONGEST_COMMAND + len("...TRUNCATED")


class TestAtEnd:
    """Annotations of ResponseComplete."""

    def test_an_exit(self) -> None:
        """Bytes, seconds and the exit code; 0 is one."""
        assert at_end(exit_code=0) == {
            "bytes-in": "3",
            "bytes-out": "5",
            "duration": "1.235s",
            "exit-code": "0",
        }

    def test_another_end(self) -> None:
        """Without an exit code there is the reason."""
        found = at_end(reason="the client left")
        assert found["reason"] == "the client left"
        assert "exit-code" not in found

    def test_a_recording(self) -> None:
        """Path and digest; a state only where it is not whole."""
        whole = RecordingReference(path="/r/x.cast", state="Complete", sha256="ab", bytes=7)
        cut = RecordingReference(path="/r/x.cast", state="Cut", sha256="ab", bytes=7)
        failed = RecordingReference(path="/r/x.cast.part", state="Failed", sha256="", bytes=7)
        assert at_end(recording=whole)["recording"] == "/r/x.cast sha256:ab"
        assert at_end(recording=cut)["recording"] == "/r/x.cast sha256:ab (Cut)"
        assert at_end(recording=failed)["recording"] == "/r/x.cast.part (Failed)"
