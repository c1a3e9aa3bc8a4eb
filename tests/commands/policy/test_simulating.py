"""auditproxy policy simulate: as text and as JSON."""

import gzip
import json
from pathlib import Path

import pytest

from tests.fakes.loggedevents import line
from tests.fakes.policies import policy_text, resources, run

PODS = "/api/v1/namespaces/shop/pods"
BODY = {"requestObject": {"kind": "Pod"}, "level": "Request"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy, one in use, and a log of half a day."""
    (tmp_path / "new.yaml").write_bytes(
        policy_text(
            "level: None, " + resources("events"),
            resources("pods"),
            "level: Request, verbs: [update]",
            head="omitStages: [RequestReceived]\n",
        )
    )
    (tmp_path / "used.yaml").write_bytes(
        policy_text("level: None, nonResourceURLs: ['*']", "level: Request, verbs: [update]", "")
    )
    (tmp_path / "audit.log").write_bytes(
        line(PODS, stage="RequestReceived")
        + line(PODS, stageTimestamp="2026-01-01T12:00:00.000000Z")
        + line("/api/v1/events", auditID="b")
        + line(f"{PODS}/x", "update", auditID="c", **BODY)
        + line("/api/v1/nodes/x", "update", auditID="d")
        + line("/version", "get", auditID="e")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text(folder: Path) -> None:
    """By rule, what would change, and what is not known."""
    code, out, err = run("simulate", "new.yaml", "audit.log")
    assert (code, err) == (0, "")
    size = (folder / "audit.log").stat().st_size
    lines = out.splitlines()
    assert lines[0] == f"6 events, {size / 1024:.1f} KiB in 12.0 h"
    assert [row.split()[:4] for row in lines[2:9]] == [
        ["RULE", "LEVEL", "REQUESTS", "EVENTS"],
        ["rules[0]", "None", "1", "0"],
        ["rules[1]", "Metadata", "2", "2"],
        ["rules[2]", "Request", "1", "1"],
        ["no", "rule", "None", "1"],
        ["together", "5", "3", lines[7].split()[3]],
        ["the", "log", "5", "6"],
    ]
    assert "Events of requests that would not be recorded any more:" in lines
    assert "Events of requests with a lower level:" in lines
    assert any(row.split()[:5] == ["Request", "Metadata", "update", "pods", "1"] for row in lines)
    assert [row for row in lines if row.startswith("note: ")] == [
        "note: amounts of a day are extrapolated from 12.0 h",
        "note: 1 body not in the log, and none of the same resource and verb: counted as 0 bytes",
        "note: requests that were not recorded are not in the log: what is new is not all shown",
        "note: omitManagedFields is not simulated: bodies are counted as the log has them",
        "note: 1 RequestReceived event of other requests would be omitted",
    ]


def test_a_higher_level_with_fewer_events(folder: Path) -> None:
    """The level rises and RequestReceived goes: both numbers are shown, before and after."""
    (folder / "audit.log").write_bytes(
        line(PODS, stage="RequestReceived") + line(PODS) + line(PODS, auditID="b")
    )
    (folder / "new.yaml").write_bytes(
        policy_text("level: Request", head="omitStages: [RequestReceived]\n")
    )
    _, out, _ = run("simulate", "new.yaml", "audit.log")
    heading, columns, row = out.partition("Events of requests with a higher level:")[2].split(
        "\n", 3
    )[:3]
    assert heading == ""
    assert columns.split() == ["BEFORE", "AFTER", "REQUEST", "EVENTS", "BYTES", "EXAMPLE"]
    before, after = (folder / "audit.log").stat().st_size, 2 * len(line(PODS))
    assert before > after
    assert f" 3 -> 2  {before} B -> " in row
    change = json.loads(run("simulate", "new.yaml", "audit.log", "-o", "json")[1])["changes"][0]
    assert (change["change"], change["events"], change["eventsAfter"]) == ("more", 3, 2)
    assert change["bytesBefore"] == before
    assert change["bytesBefore"] + change["bytes"] == change["bytesAfter"]


def test_against(folder: Path) -> None:
    """The policy in use: what it hides, and that it cannot have written this log."""
    assert folder.is_dir()
    code, out, _ = run("simulate", "builtin", "audit.log", "--against=used.yaml")
    assert code == 0
    assert "Events of requests that the policy in use does not record:" in out
    assert "not in the log, those of rules[0] among them: what is new is not all shown" in out
    assert "another policy than --against: 2 events would not be as they are" in out
    assert "1 RequestReceived event" not in out


def test_json(folder: Path) -> None:
    """One object."""
    assert folder.is_dir()
    code, out, _ = run("simulate", "new.yaml", "audit.log", "-o", "json")
    assert code == 0
    found = json.loads(out)
    assert found["log"] | {"bytes": 0} == {
        "events": 6,
        "bytes": 0,
        "first": "2026-01-01T00:00:00.000000Z",
        "last": "2026-01-01T12:00:00.000000Z",
        "seconds": 43200.0,
        "unreadableLines": 0,
    }
    assert [rule["rule"] for rule in found["rules"]] == [0, 1, 2, None]
    second = found["rules"][1]
    assert second["bytesPerDay"] == 2 * second["bytes"]
    assert second | {"bytes": 0, "bytesPerDay": 0} == {
        "rule": 1,
        "level": "Metadata",
        "requests": 2,
        "events": 2,
        "bytes": 0,
        "bytesPerDay": 0,
        "eventsEstimated": 0,
        "bodiesEstimated": 0,
        "bodiesUnknown": 0,
    }
    assert {
        "change": "lost",
        "before": "Metadata",
        "after": "None",
        "verb": "list",
        "resource": "events",
        "apiGroup": "",
        "events": 1,
        "eventsAfter": 0,
        "bytes": -len(line("/api/v1/events")),
        "bytesBefore": len(line("/api/v1/events")),
        "bytesAfter": 0,
        "example": "bob: list /api/v1/events",
    } in found["changes"]
    assert found["stagesOmitted"] == {"RequestReceived": 1}
    assert found["notes"]


def test_many_groups(folder: Path) -> None:
    """The largest, and how many more there are."""
    (folder / "audit.log").write_bytes(
        b"".join(line(f"/apis/x.io/v1/r{number}", auditID=str(number)) for number in range(20))
    )
    _, out, _ = run("simulate", "used.yaml", "audit.log")
    assert "further group" not in out
    (folder / "none.yaml").write_bytes(policy_text("level: None"))
    _, out, _ = run("simulate", "none.yaml", "audit.log")
    assert "and 5 further groups; -o json has them\n" in out
    assert "note: the log spans no time, so amounts of a day are not known\n" in out
    assert "list r0.x.io" in out


def test_groups_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in none of the groups is counted."""
    monkeypatch.setattr("auditproxy.audit.policy.simulation.counting.MAXIMUM_GROUPS", 1)
    (folder / "none.yaml").write_bytes(policy_text("level: None"))
    _, out, _ = run("simulate", "none.yaml", "audit.log")
    assert "note: 4 events changed in still other groups\n" in out


def test_nothing_to_read(folder: Path) -> None:
    """A log without an event is a failure, and what was left out is said."""
    (folder / "audit.log").write_bytes(b"no event\n")
    code, out, err = run("simulate", "builtin", "audit.log")
    assert (code, out) == (1, "")
    assert err == (
        "auditproxy: warning: 1 line is not an event and was left out: audit.log line 1: not JSON\n"
        "auditproxy: error: no event in audit.log; name an audit log\n"
    )


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "words", [("simulate", "new.yaml"), ("diff", "used.yaml", "new.yaml")], ids=["simulate", "diff"]
)
def test_damaged_log(folder: Path, words: tuple[str, ...], form: str) -> None:
    """What could be read is shown, and the exit code says that it is not all."""
    content = (folder / "audit.log").read_bytes()
    (folder / "cut.log.gz").write_bytes(gzip.compress(content)[:-8])
    code, out, err = run(*words, "cut.log.gz", f"--output={form}")
    assert (code, bool(out)) == (1, True)
    assert "cut.log.gz is a damaged packed file" in err
