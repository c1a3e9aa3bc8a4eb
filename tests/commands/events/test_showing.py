"""One request whole."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.showing import run_show
from auditproxy.reading.trail.sources import trail_file
from tests.commands.events.how import shown
from tests.fakes.trails import COMPLETE, RECEIVED, event, write


def show(path: Path, audit_id: str, *logs: str, **settings: Any) -> str:
    """What is printed."""
    out, err = io.StringIO(), io.StringIO()
    assert run_show(audit_id, [trail_file(str(path))], logs, shown(**settings), out, err) == 0
    assert err.getvalue() == ""
    return out.getvalue()


def thing(replicas: int) -> dict[str, Any]:
    """An object as an answer has it."""
    return {"metadata": {"name": "web"}, "spec": {"replicas": replicas}}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a change and what was there before, and a secret."""
    patch: dict[str, Any] = {"audit_id": "patch-0001", "at": "11:00:00", "group": "apps"}
    return write(
        tmp_path / "audit.log",
        [
            event("get", "deployments", "web", group="apps", audit_id="read-0001", responseObject=thing(2)),
            event("patch", "deployments", "web", stage=RECEIVED, **patch),
            event(
                "patch", "deployments", "web", stage=COMPLETE, took=1.5,
                requestObject={"spec": {"replicas": 5}}, responseObject=thing(5),
                annotations={"authorization.k8s.io/decision": "allow", "x": "\x1b[2J"},
                sourceIPs=["198.51.100.1", "192.0.2.7"], **patch,
            ),
            event("create", "secrets", "s", audit_id="secret-0001", at="12:00:00", requestObject={"data": {"k": "aHVudGVyMg=="}}),
            event("create", "secrets", "s", audit_id="secret-0002", at="12:00:01"),
        ],
    )  # fmt: skip


def test_a_change(log: Path) -> None:
    """Who, what, when, why, each stage, each annotation, what changed, and the bodies."""
    text = show(log, "patch-0001")
    assert text.splitlines()[0] == "alice patched deployment/web -n shop (replicas 2 -> 5)"
    for part in (
        "User:       alice; groups system:authenticated\n",
        "From:       192.0.2.7 (it names 198.51.100.1)\n",
        "Took:       1.5s\n",
        "Result:     200, allowed\n",
        "\nStages:\n  2026-11-23T11:00:00Z  RequestReceived   +0ms\n"
        "  2026-11-23T11:00:01Z  ResponseComplete  +1.5s  200\n",
        "  authorization.k8s.io/decision: allow   (what the authorizer decided)\n",
        "  x: \\x1b[2J\n",
        "\nChanges:\n  spec.replicas 2 -> 5\n",
        "\nBody of the request:\n  spec:\n    replicas: 5\n",
    ):
        assert part in text


def test_as_json(log: Path) -> None:
    """The same for other programs."""
    value = json.loads(show(log, "patch-0001", output="json"))
    assert value["changes"] == ["spec.replicas 2 -> 5"]
    assert [one["stage"] for one in value["accounts"][0]] == [RECEIVED, COMPLETE]
    assert value["accounts"][0][1]["afterSeconds"] == 1.5
    assert value["requestObject"] == {"spec": {"replicas": 5}}


def test_secrets(log: Path) -> None:
    """Their values are hidden in either form."""
    for output in ("table", "json"):
        text = show(log, "secret-0001", output=output)
        assert "aHVudGVyMg" not in text
        assert "(hidden)" in text


def test_commands(log: Path, tmp_path: Path) -> None:
    """Of a session log, where one is given."""
    line = {
        "type": "Command",
        "auditID": "read-0001",
        "timestamp": "2026-11-23T10:05:31Z",
        "line": "ls \x1b",
    }
    (tmp_path / "sessions.log").write_text(json.dumps(line) + "\n")
    assert "$ ls \\x1b\n" in show(log, "read-0001", str(tmp_path / "sessions.log"))


def test_beginnings(log: Path) -> None:
    """Enough of an ID is enough, and what is not is said."""
    assert "deployment/web" in show(log, "read-0")
    for text, said in (
        ("secret-000", "several audit IDs begin with"),
        ("nothing", "no event has the audit ID"),
        ("read", "its first 6 characters or more"),
        ("read-*", "its first 6 characters or more"),
    ):
        with pytest.raises(Unusable, match=said):
            show(log, text)


def test_long_bodies(tmp_path: Path) -> None:
    """The terminal gets some of it, JSON all."""
    made = event("create", audit_id="long-0001", requestObject={"spec": list(range(1000))})
    path = write(tmp_path / "audit.log", [made])
    assert "and 601 more lines" in show(path, "long-0001")
    assert len(json.loads(show(path, "long-0001", output="json"))["requestObject"]["spec"]) == 1000


def test_empty_annotation(tmp_path: Path) -> None:
    """One without a value has nothing that could be explained."""
    annotations = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
    path = write(
        tmp_path / "a.log",
        [event("get", "pods", "p", audit_id="empty-0001", annotations=annotations)],
    )
    text = show(path, "empty-0001")
    assert "  authorization.k8s.io/reason: (empty)\n" in text
    assert "decision: allow   (what the authorizer decided)\n" in text
