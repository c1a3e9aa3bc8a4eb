"""What explain and simulate say of random policies and requests is what the proxy records."""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.apis.audit import Level
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.audit.policy.explaining import explain
from auditproxy.audit.policy.simulation.difference import Difference
from auditproxy.audit.policy.simulation.logged import read_logged
from auditproxy.audit.policy.simulation.simulate import Simulation
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from tests.fakes.proxy import ADMIN, ALICE, BOB, EVERYTHING
from tests.fakes.randompolicies import ASKED, POLICIES, WRONG, recorded

AUTHENTICATED = "system:authenticated"
USERS = {
    ALICE: UserInfo(username="alice", groups=("dev", AUTHENTICATED)),
    BOB: UserInfo(username="bob", groups=(AUTHENTICATED,)),
    ADMIN: UserInfo(username="admin", groups=("system:masters", AUTHENTICATED)),
    "": UserInfo(username="system:anonymous", groups=("system:unauthenticated",)),
    WRONG: None,
}


def record(policy: bytes, asked: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """The events of a running proxy."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(recorded(Path(folder), policy, asked))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(POLICIES, st.lists(ASKED, min_size=1, max_size=10))
def test_explain(policy: bytes, asked: list[tuple[str, str, str]]) -> None:
    """Level and stages of each request's events."""
    events = record(policy, asked)
    loaded, _ = load_policy(policy)
    for number, (method, target, token) in enumerate(asked):
        info = resolve(method, parse_target(method, target.encode()))
        said = explain(loaded, USERS[token], info)
        mine = [event for event in events if event["auditID"] == str(number)]
        assert [event["stage"] for event in mine] == list(said.stages)
        assert {event["level"] for event in mine} <= {said.level.word}
        assert bool(mine) is (said.level is not Level.NONE and bool(said.stages))


def line_of(event: dict[str, Any]) -> bytes:
    """An event as a line of a log."""
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(POLICIES, st.lists(ASKED, min_size=1, max_size=10))
def test_simulate(policy: bytes, asked: list[tuple[str, str, str]]) -> None:
    """Events and bytes at each level, from the log of a policy that records everything."""
    loaded, _ = load_policy(policy)
    simulation = Simulation(loaded)
    for event in record(EVERYTHING.encode(), asked):
        line = line_of(event)
        simulation.take(read_logged(line), len(line))
    events: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for rule, each in simulation.estimates():
        level = "None" if rule is None else loaded.rules[rule].level.word
        events[level] += each.events
        sizes[level] += each.bytes
        assert each.events_lacking == each.bodies_estimated == each.bodies_unknown == 0
    written = record(policy, asked)
    assert +events == Counter(event["level"] for event in written)
    assert +sizes == sum(
        (Counter({event["level"]: len(line_of(event))}) for event in written), Counter()
    )
    assert sum(tally.requests for tally in simulation.tallies.values()) == len(asked)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(POLICIES, POLICIES, st.lists(ASKED, min_size=1, max_size=10))
def test_diff(first: bytes, second: bytes, asked: list[tuple[str, str, str]]) -> None:
    """The requests of which two proxies record different levels or stages."""
    difference = Difference(load_policy(first)[0], load_policy(second)[0])
    for event in record(EVERYTHING.encode(), asked):
        difference.take(read_logged(line_of(event)))
    recorded_by = [record(policy, asked) for policy in (first, second)]
    shown = [
        [
            [
                (event["level"], event["stage"])
                for event in events
                if event["auditID"] == str(number)
            ]
            for number in range(len(asked))
        ]
        for events in recorded_by
    ]
    different = sum(one != other for one, other in zip(*shown, strict=True))
    assert difference.requests == len(asked)
    assert difference.differing == different
