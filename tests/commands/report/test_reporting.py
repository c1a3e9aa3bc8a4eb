"""Reports in each form of output, and what is said beside them."""

import json
from pathlib import Path

import pytest
import yaml

from auditproxy.commands.policy.simulating import run_simulate
from auditproxy.commands.report.command import WORDS
from tests.commands.report.running import Written, run, told
from tests.fakes.trails import RECEIVED, event, line_of, write
from tests.reading.shop import write_shop

SCHEDULER = "system:kube-scheduler"


@pytest.mark.parametrize("word", WORDS)
def test_forms(word: str, tmp_path: Path) -> None:
    """Text and JSON say the same of the same trail."""
    write_shop(tmp_path / "logs")
    code, text, warnings = run(word, str(tmp_path / "logs"))
    assert (code, warnings) == (0, "")
    found = told(word, str(tmp_path / "logs"))
    assert (found["schema"], found["report"], found["events"]) == (1, word, 16)
    for section, rows in found["sections"].items():
        for row in rows:
            assert str(row["requests"]) in text, section


def test_the_rules_drop_what_they_stand_for(tmp_path: Path) -> None:
    """A policy with such a rule before records the rest, by the proxy's own evaluator."""
    made = [
        event("update", "leases", "a", user=SCHEDULER, group="coordination.k8s.io", audit_id="1"),
        event("list", "pods", user=SCHEDULER, audit_id="2"),
        event("get", "pods/log", "p", user="system:serviceaccount:shop:web", audit_id="3"),
        event(user=SCHEDULER, objectRef=None, requestURI="/openapi/v3?x", audit_id="4")
        | {"requestURI": "/openapi/v3?x"},
        event("list", "pods", audit_id="5"),
    ]
    made = [one | {"stage": stage} for one in made for stage in (RECEIVED, "ResponseComplete")]
    path = write(tmp_path / "audit.log", made)
    rows = [row for row in told("noise", str(path))["sections"]["parts"] if row["rule"]]
    assert len(rows) == 4
    policy = tmp_path / "policy.yaml"
    for row in rows:
        rules = [row["rule"], {"level": "Metadata"}]
        policy.write_text(
            yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules})
        )
        out = Written()
        assert run_simulate(str(policy), [str(path)], "", out, Written(), is_json=True) == 0
        dropped, kept, _ = json.loads(str(out))["rules"]
        assert (dropped["requests"], kept["requests"]) == (row["requests"], 4)
    _, text, _ = run("noise", str(path))
    assert "Rules that drop these parts\n  # " in text
    shown = text.partition("Rules that drop these parts\n")[2].partition("\n\nnote:")[0]
    assert yaml.safe_load(shown) == [row["rule"] for row in rows]


def test_rows_that_are_left_out(tmp_path: Path) -> None:
    """Text says how many there are, JSON has them all."""
    path = write(tmp_path / "audit.log", [event("get", "secrets", user=f"u{n}") for n in range(9)])
    _, text, _ = run("access", str(path), "--limit=4")
    assert "  and 5 further rows; --limit shows more, -o json all\n" in text
    assert len(told("access", str(path), "--limit=4")["sections"]["secrets"]) == 9


def test_notes(tmp_path: Path) -> None:
    """What is open, what two servers wrote of, and what is not an event."""
    write(tmp_path / "a.log", [event(name="x", stage=RECEIVED), event(name="y", at="11:00:00")])
    write(tmp_path / "b.log", [event(name="y", at="11:00:00")])
    with (tmp_path / "b.log").open("ab") as file:
        file.write(b"hello\n")
    code, text, warnings = run("noise", str(tmp_path))
    assert code == 0
    assert "note: 1 request without an end in the log among them\n" in text
    assert "note: about 1 request in the logs of several servers" in text
    assert "amounts of a day are extrapolated\n" in text
    assert warnings == "auditproxy: warning: 1 line is not an audit event\n"
    _, text, _ = run("noise", str(tmp_path), "--name=nothing")
    assert "  No event.\n" in text


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    """In every form of output, nothing reaches the terminal that steers it."""
    bad = "\x1b[2J\u202e\x00\x9b<script>"
    made = event(
        name=bad, user=bad, namespace=bad, userAgent=bad, sourceIPs=[bad], query=bad, audit_id=bad,
        impersonatedUser={"username": bad + "x"}, verb=bad,
        responseStatus={"code": 403, "reason": bad, "message": bad},
        annotations={"k8s.io/deprecated": "true", "k8s.io/removed-release": bad},
    )  # fmt: skip
    path = tmp_path / "audit.log"
    path.write_bytes(line_of(made).replace(b"\x1b", b"\\u001b").replace(b"\x00", b"\\u0000"))
    for word in WORDS:
        for output in ("text", "json", "html"):
            code, shown, _ = run(word, str(path), f"--output={output}")
            assert code == 0
            assert "script" in shown, word
            assert not set(shown) & set("\x1b\u202e\x00\x9b"), word
            assert output != "html" or "<script" not in shown


def test_damaged(tmp_path: Path) -> None:
    """What is behind the damage is missing, and the exit code says so."""
    path = tmp_path / "audit.log.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00damaged")
    code, _, warnings = run("activity", str(path))
    assert code == 1
    assert "1 packed file is damaged" in warnings
