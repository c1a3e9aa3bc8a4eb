"""auditproxy policy lint: findings with file and line, and the exit code."""

import io
import json
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.findings import Severity
from auditproxy.commands.policy.command import FAIL_ON
from auditproxy.commands.policy.linting import FAIL_ON as KNOWN
from tests.fakes.policies import run

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
- level: None
  users: ["a*"]
"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy with an error in line 5, and one in line 6."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def test_text(policy: str) -> None:
    """Compilers' form, and a summary."""
    code, out, err = run("lint", policy)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == (
        f'{policy}:6: error: rules[1].users has "a*", and its asterisk stands for itself: names '
        "are compared whole; give each name, or leave the list out to mean all [literal-asterisk]"
    )
    assert lines[1].startswith(f"{policy}:5: error: rules[1] is never reached: rules[0] has no")
    assert lines[-1] == f"{policy}: 2 errors, 0 warnings, 3 notes"
    assert lines[-2].startswith(f"{policy}: note: ")


def test_json(policy: str) -> None:
    """An object for each finding; what is about the whole policy has no rule and no line."""
    code, out, _ = run("lint", policy, "-o", "json")
    assert code == 1
    first, *_, last = (json.loads(line) for line in out.splitlines())
    assert first == {
        "file": policy,
        "line": 6,
        "rule": 1,
        "severity": "error",
        "check": "literal-asterisk",
        "path": "rules[1].users",
        "problem": 'has "a*", and its asterisk stands for itself: names are compared whole',
        "fix": "give each name, or leave the list out to mean all",
    }
    assert not {"line", "rule"} & set(last)


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        ("[{level: Metadata, verbs: [exec]}, {level: Metadata}]", (1, 1, 1, 0)),
        ("[{level: Metadata, resources: [{group: rbac}]}, {level: Metadata}]", (0, 1, 1, 0)),
        ("[{level: Metadata}]", (0, 0, 1, 0)),
    ],
)
def test_fail_on(tmp_path: Path, rules: str, codes: tuple[int, ...]) -> None:
    """The exit code is as strict as is asked for."""
    path = tmp_path / "p"
    path.write_text(f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: {rules}\n")
    found = [run("lint", str(path), f"--fail-on={severity}")[0] for severity in FAIL_ON]
    assert tuple(found) == codes
    assert FAIL_ON == KNOWN == (*(severity.value for severity in Severity), "never")


def test_several_files(policy: str) -> None:
    """The shipped policy has no error, and the code is that of the worst."""
    assert run("lint", "builtin")[0] == 0
    code, out, _ = run("lint", "builtin", policy)
    assert code == 1
    assert "builtin: 0 errors" in out
    assert f"{policy}: 2 errors" in out


def test_refused(tmp_path: Path) -> None:
    """What kube-apiserver does not load is a finding, and terminal sequences stay text."""
    path = tmp_path / "p"
    path.write_bytes(b'apiVersion: audit.k8s.io/v1\nrules:\n- level: "\\u001b[31m"\n')
    code, out, _ = run("lint", str(path))
    assert code == 1
    assert out.startswith(f"{path}:3: error: rules[0].level is refused: ")
    assert "\x1b" not in out


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    assert run("lint", "-")[1].endswith("-: 2 errors, 0 warnings, 3 notes\n")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """The path and the reason."""
    with pytest.raises(Unusable, match=r"missing cannot be read: No such file") as caught:
        run("lint", str(tmp_path / "missing"))
    assert caught.value.code == 2
