"""Policies as arguments name them."""

import io
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.commands.policy.reading import policy_of, policy_text
from tests.fakes.policies import policy_text as written


def test_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped one, standard input, and a file."""
    assert policy_text("builtin") == BUILTIN_POLICY
    assert policy_of("builtin") == load_policy(BUILTIN_POLICY)[0]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    assert policy_text("-") == b"x"
    path = tmp_path / "p"
    path.write_bytes(written(""))
    assert len(policy_of(str(path)).rules) == 1


def test_refused(tmp_path: Path) -> None:
    """Every fault, behind the path."""
    path = tmp_path / "p"
    path.write_bytes(written("level: A", "level: B"))
    with pytest.raises(Unusable) as caught:
        policy_of(str(path))
    assert [fault.partition(": U")[0] for fault in caught.value.faults] == [
        f"{path}: rules[0].level",
        f"{path}: rules[1].level",
    ]
