"""A saved trail says of policies what the lines say that it was saved from."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.commands.policy.differing import run_diff
from auditproxy.commands.policy.simulating import run_simulate
from tests.fakes.policies import policy_text
from tests.fakes.trails import event
from tests.reading.manytrails import many_trails, write_as_go
from tests.reading.saving import save_here

_RULES = (
    "level: None, users: [alice]",
    "level: Request, userGroups: [dev, ops]",
    "level: RequestResponse, resources: [{group: '', resources: [pods, 'pods/*'], resourceNames: [db]}]",
    "level: None, resources: [{group: '', resources: [secrets, '*/proxy']}], namespaces: [shop]",
    "level: Metadata, verbs: [create, watch], omitStages: [RequestReceived]",
    "level: None, nonResourceURLs: ['/healthz', '/openapi*']",
    "level: Request, resources: [{group: apps}], namespaces: ['']",
    "level: RequestResponse, verbs: [patch, update, delete]",
)
_POLICIES = st.lists(st.sampled_from(_RULES), min_size=1, max_size=4, unique=True)


def said(command: str, policies: list[Path], log: Path) -> tuple[int, str, str]:
    """The code and the output of a command."""
    out, err = io.StringIO(), io.StringIO()
    first, second = (str(policy) for policy in policies)
    if command == "diff":
        code = run_diff(first, second, [str(log)], out, err, is_json=True)
    else:
        against = second if command == "against" else ""
        code = run_simulate(first, [str(log)], against, out, err, is_json=True)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.timeout(300)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    made=many_trails(unique_ids=True),
    rules=st.tuples(_POLICIES, _POLICIES),
    command=st.sampled_from(("simulate", "against", "diff")),
)
def test_as_lines(
    made: list[dict[str, Any]],
    rules: tuple[list[str], list[str]],
    command: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The same output, byte for byte."""
    folder = tmp_path_factory.mktemp("log")
    policies = []
    for number, chosen in enumerate(rules):
        policies.append(folder / f"{number}.yaml")
        policies[-1].write_bytes(policy_text(*chosen))
    log = write_as_go(folder / "audit.log", made)
    saved = save_here(log, folder / "audit.parquet")
    assert said(command, policies, saved) == said(command, policies, log)


def test_events_without_what_decides(tmp_path: Path) -> None:
    """They are left out, and said."""
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(policy_text("level: Metadata"))
    made = [event(name="a"), event(name="b") | {"stage": "Other"}, event(name="c") | {"level": ""}]
    saved = save_here(write_as_go(tmp_path / "audit.log", made), tmp_path / "audit.parquet")
    code, out, err = said("simulate", [policy, policy], saved)
    assert code == 0
    assert '"events": 1,' in out
    assert "2 lines are not events and were left out" in err
