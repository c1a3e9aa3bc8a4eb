"""``auditproxy reconcile``: two trails of one cluster."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy import cli
from tests.fakes.trails import event, line_of, write
from tests.reading.cluster import gke, server, write_cluster
from tests.reading.saving import save
from tests.reading.shop import current, rotated


def reconciled(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and the objects that are printed."""
    code = cli.main(["reconcile", "--output=json", *words])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


EXPECTED = {
    "matched": 10, "different": 1, "bypassed": 2, "ignored": 1, "own": 1, "refused": 1,
    "unrecorded": 1, "missing": 0, "outside": 1,
}  # fmt: skip


@pytest.mark.parametrize("form", ["native", "cloudwatch", "aks", "packed", "parquet"])
def test_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Whatever the other trail is in, the same is found."""
    write_cluster(tmp_path)
    path = tmp_path / "kube-apiserver.log"
    if form == "cloudwatch":
        path = tmp_path / "cloudwatch.json"
    elif form == "aks":
        records = [{"properties": {"log": json.dumps(one)}, "time": "x"} for one in server()]
        path.write_text(json.dumps({"records": records}))
    elif form == "packed":
        path.write_bytes(gzip.compress(path.read_bytes()))
    elif form == "parquet":
        path = save(tmp_path, server())
    proxy = str(tmp_path / "proxy")
    code, found = reconciled(capsys, proxy, str(path), "--ignore-user=system:node:*")
    assert code == 1
    *findings, last = found
    assert last["summary"] == EXPECTED
    assert last["joinedBy"] == "auditID"
    assert sorted((one["finding"], one["sentence"]) for one in findings) == [
        ("bypassed", "listed pods -n shop"),
        ("bypassed", "read secret/db -n shop"),
        ("different", "patched deployment/web -n shop"),
    ]
    assert last["users"]["mallory"] == {"bypassed": 2, "different": 1}


def test_gke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without audit IDs: by user, what was done, and the time."""
    ours = [
        one for one in (*rotated(), *current()) if one["user"] and one["stage"] != "RequestReceived"
    ]
    ended = [one for one in ours if one["stage"] == "ResponseComplete"]
    theirs = [gke(one) for one in ended if "impersonatedUser" not in one]
    theirs.append(gke(event("get", "secrets", "db", user="mallory", at="09:40:00")))
    theirs.append(gke(event("get", "secrets", "db", user="bob", at="09:50:00", code=403)))
    (tmp_path / "gke.json").write_text(json.dumps(theirs))
    log = write(tmp_path / "audit.log", ours)
    code, found = reconciled(capsys, str(log), str(tmp_path / "gke.json"))
    *findings, last = found
    assert code == 1
    assert last["joinedBy"] == "content"
    assert [one["received"] for one in findings] == ["2026-11-23T09:50:00Z", "2026-11-23T09:40:00Z"]
    assert last["summary"]["matched"] == len(ended) - 1
    assert last["summary"]["unrecorded"] == 2, "a watch, and the list by another user"


def test_nothing_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says so."""
    made = [event(name=str(n), at=f"10:0{n}:00") for n in range(4)]
    ours, theirs = write(tmp_path / "a.log", made), write(tmp_path / "b.log", made)
    code, found = reconciled(capsys, str(ours), str(theirs))
    assert code == 0
    assert [one["summary"]["matched"] for one in found] == [4]


def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hostile names are spelled out, and --limit is kept."""
    bad = "\x1b[2Jm\u202e"
    made = [event(name=str(n), at=f"10:0{n}:00") for n in range(6)]
    direct = [
        event(name="x", user=bad, userAgent=bad, at=f"10:03:0{n}", audit_id=f"{bad}{n}")
        for n in range(3)
    ]
    ours, theirs = write(tmp_path / "a.log", made), tmp_path / "b.log"
    lines = b"".join(line_of(one) + b"\n" for one in (*made, *direct))
    theirs.write_bytes(lines.replace(b"\x1b", b"\\u001b"))
    assert cli.main(["reconcile", str(ours), str(theirs), "--limit=2"]) == 1
    shown = capsys.readouterr().out
    assert "in theirs alone: bypassed the proxy                          3" in shown
    assert "and 1 more; --limit shows more" in shown
    assert shown.count("read pod/x") == 2
    assert not set(shown) & set("\x1b\u202e")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.log",), "takes two logs"),
        (("-", "-"), "only one of the logs can be standard input"),
        (("a.log", "b.log", "--output=xml"), "--output must be one of text, json"),
        (("a.log", "b.log", "--limit=0"), "--limit must be 1 or more"),
        (("a.log", "b.log", "--timeout=0s"), "--timeout must be more than 0s"),
        (("a.log", "nowhere.log"), "nowhere.log does not exist"),
        (
            ("a.log", "later.log"),
            "PROXY-LOG (2026-11-23T10:00:00Z to 2026-11-23T10:00:00Z) and CLOUD-LOG "
            "(2026-11-23T12:00:00Z to 2026-11-23T13:00:00Z) have no period in common",
        ),
        (("a.log", "b.log"), "have no more than a second in common, so nothing can be compared"),
        (("a.log", "none.log"), "the other log has no event with a time"),
    ],
)
def test_faults(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One line each, and exit code 2."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.log", [event()])
    write(tmp_path / "b.log", [event()])
    write(tmp_path / "later.log", [event(at="12:00:00"), event(at="13:00:00")])
    (tmp_path / "none.log").write_text("nothing\n")
    assert cli.main(["reconcile", *words]) == 2
    assert said in capsys.readouterr().err


def test_other_clusters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is in both it is said, and lines that are no events are counted."""
    ours = write(tmp_path / "a.log", [event(name=str(n), at=f"10:0{n}:00") for n in range(3)])
    theirs = write(tmp_path / "b.log", [event(name=f"x{n}", at=f"10:0{n}:30") for n in range(3)])
    theirs.write_bytes(b"klog says\n" + theirs.read_bytes())
    assert cli.main(["reconcile", str(ours), str(theirs)]) == 1
    said = capsys.readouterr().err
    assert "no request is in both: are they of the same cluster?" in said
    assert "1 line is not an audit event" in said
