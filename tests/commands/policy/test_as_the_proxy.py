"""What explain and simulate say of random policies and requests is what the proxy records."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.apis.audit import Level
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.audit.policy.explaining import explain
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from tests.fakes.proxy import ADMIN, ALICE, BOB
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
