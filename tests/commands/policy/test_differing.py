"""auditproxy policy diff: groups of requests, with what changes."""

import json
from pathlib import Path

import pytest

from tests.fakes.loggedevents import line
from tests.fakes.policies import policy_text, run

PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two policies and a log."""
    (tmp_path / "a.yaml").write_bytes(policy_text("level: Request, verbs: [update, delete]", ""))
    (tmp_path / "b.yaml").write_bytes(
        policy_text(
            "verbs: [update], omitStages: [RequestReceived]",
            "level: Request, verbs: [delete], omitManagedFields: true",
            "verbs: [list]",
            "level: None, nonResourceURLs: ['/livez*']",
        )
    )
    (tmp_path / "audit.log").write_bytes(
        line(PODS)
        + line(f"{PODS}/x", "update", auditID="b")
        + line(f"{PODS}/y", "update", auditID="c")
        + line("/apis/apps/v1/deployments/x", "delete", auditID="d")
        + line("/livez", "get", auditID="e")
        + line("/version", "get", auditID="f")
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text(folder: Path) -> None:
    """The largest group first."""
    assert folder.is_dir()
    code, out, err = run("diff", "a.yaml", "b.yaml", "audit.log")
    assert (code, err) == (0, "")
    head, empty, headings, *rows = out.splitlines()
    assert (head, empty) == ("5 of 6 requests are decided differently", "")
    assert headings.split() == ["FIRST", "SECOND", "CHANGE", "REQUEST", "REQUESTS", "EXAMPLE"]
    assert [" ".join(row.split()) for row in rows] == [
        "rules[0] rules[0] Request -> Metadata, -RequestReceived update pods 2 bob: update "
        f"{PODS}/x",
        "rules[0] rules[1] -managedFields delete deployments.apps 1 bob: delete "
        "/apis/apps/v1/deployments/x",
        "rules[1] rules[3] Metadata -> None get /livez 1 bob: get /livez",
        "rules[1] no rule Metadata -> None get /version 1 bob: get /version",
    ]


def test_the_other_way(folder: Path) -> None:
    """What is lost one way is new the other."""
    assert folder.is_dir()
    _, out, _ = run("diff", "b.yaml", "a.yaml", "audit.log")
    assert "Metadata -> Request, +RequestReceived" in out
    assert "+managedFields" in out
    assert "None -> Metadata" in out


def test_json(folder: Path) -> None:
    """An object for each group."""
    assert folder.is_dir()
    _, out, _ = run("diff", "a.yaml", "b.yaml", "audit.log", "-o", "json")
    first, *rest = (json.loads(text) for text in out.splitlines())
    assert len(rest) == 3
    assert first == {
        "first": {
            "rule": 0,
            "level": "Request",
            "stages": ["RequestReceived", "ResponseComplete"],
            "omitManagedFields": False,
        },
        "second": {
            "rule": 0,
            "level": "Metadata",
            "stages": ["ResponseComplete"],
            "omitManagedFields": False,
        },
        "verb": "update",
        "resource": "pods",
        "apiGroup": "",
        "requests": 2,
        "example": f"bob: update {PODS}/x",
    }


def test_same(folder: Path) -> None:
    """Nothing to show."""
    assert folder.is_dir()
    code, out, _ = run("diff", "a.yaml", "a.yaml", "audit.log")
    assert (code, out) == (0, "0 of 6 requests are decided differently\n")


@pytest.mark.parametrize(("place", "differing"), [(1, 1), (0, 0)])
def test_one(folder: Path, place: int, differing: int) -> None:
    """One request is not several."""
    path = folder / "audit.log"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[place])
    _, out, _ = run("diff", "a.yaml", "b.yaml", "audit.log")
    assert out.startswith(f"{differing} of 1 request is decided differently\n")


def test_many_groups(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest, and how many more there are."""
    (folder / "audit.log").write_bytes(
        b"".join(line(f"/apis/x.io/v1/r{number}", auditID=str(number)) for number in range(60))
    )
    (folder / "none.yaml").write_bytes(policy_text("level: None"))
    monkeypatch.setattr("auditproxy.audit.policy.simulation.counting.MAXIMUM_GROUPS", 50)
    _, out, _ = run("diff", "a.yaml", "none.yaml", "audit.log")
    assert "and 10 further groups; -o json has them\n" in out
    assert "and 10 requests in still other groups\n" in out


def test_nothing_to_read(folder: Path) -> None:
    """A log without an event is a failure."""
    (folder / "audit.log").write_bytes(b"")
    code, out, err = run("diff", "a.yaml", "b.yaml", "audit.log")
    assert (code, out) == (1, "")
    assert err == "auditproxy: error: no event in audit.log; name an audit log\n"
