"""What a rule admits beside its selectors."""

from typing import Any

import pytest

from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.rules import Globs, exclusion_of, globs_of
from tests.fakes.alertrules import audit_event, exec_event, rule_of, session_event

SERVICE_ACCOUNT = {"username": "system:serviceaccount:a:b", "groups": ["system:serviceaccounts"]}


@pytest.mark.parametrize(
    ("texts", "text", "matches"),
    [
        (("system:*",), "system:node:n", True),
        (("system:*",), "Xsystem:", False),
        (("a", "b?"), "bc", True),
        (("a", "b?"), "ab", False),
        (("a.c",), "abc", False),
        (("a",), "a\n", False),
        (("*",), "a\nb", True),
    ],
)
def test_globs(texts: tuple[str, ...], text: str, matches: bool) -> None:
    """Patterns are those of a shell, over the whole text."""
    assert Globs(texts).match(text) is matches


def fires(event: dict[str, Any], **rule: Any) -> bool:
    """Whether a rule fires for an event."""
    return bool(AlertEngine(rule_of(**rule).rules).take(audit_event(**event), 0))


@pytest.mark.parametrize(
    ("match", "event", "admitted"),
    [
        ({}, {}, True),
        ({"responseCodes": [200]}, {}, True),
        ({"responseCodes": ["2xx"]}, {}, True),
        ({"responseCodes": ["4xx", 500]}, {}, False),
        ({"responseCodes": [200]}, {"responseStatus": None}, False),
        ({"responseCodes": [101, "unknown"]}, {"responseStatus": None}, True),
        ({"responseCodes": [101, "unknown"]}, {}, False),
        ({"responseCodes": ["unknown"]}, {"stage": "Panic"}, True),
        ({"responseCodes": ["unknown"]}, {"stage": "ResponseStarted"}, False),
        ({"decisions": ["forbid"]}, {}, False),
        (
            {"decisions": ["forbid"]},
            {"annotations": {"authorization.k8s.io/decision": "forbid"}},
            True,
        ),
        ({"userAgents": ["kubectl/*"]}, {}, True),
        ({"userAgents": ["curl/*"]}, {}, False),
        ({"subresources": ["exec"]}, {}, False),
        ({"subresources": ["exec"]}, {"objectRef": {"resource": "x", "subresource": "exec"}}, True),
        ({"impersonatedUsers": ["*"]}, {}, False),
        ({"impersonatedUsers": ["b*"]}, {"impersonatedUser": {"username": "bob"}}, True),
        ({"impersonatedUsers": ["c*"]}, {"impersonatedUser": {"username": "bob"}}, False),
        ({"stages": ["Panic"]}, {}, False),
        ({}, {"stage": "Panic"}, True),
        ({}, {"stage": "ResponseStarted"}, False),
    ],
)
def test_match(match: dict[str, Any], event: dict[str, Any], admitted: bool) -> None:
    """Every member of match restricts."""
    assert fires(event, match=match) is admitted


@pytest.mark.parametrize(
    ("exclude", "event", "excluded"),
    [
        ([{"users": ["alice"]}], {}, True),
        ([{"users": ["a*"], "namespaces": ["other"]}], {}, False),
        ([{"users": ["x"]}, {"namespaces": ["n"]}], {}, True),
        ([{"userGroups": ["system:serviceaccounts"]}], {"user": SERVICE_ACCOUNT}, True),
        ([{"userGroups": ["system:serviceaccounts"]}], {}, False),
        ([{"names": ["b?x"]}], {}, True),
        ([{"userAgents": ["kubectl/*"]}], {}, True),
        ([{"paths": ["/api/*"]}], {}, True),
        ([{"paths": ["/healthz"]}], {}, False),
        # Acting as somebody else does not make one somebody else.
        ([{"users": ["system:*"]}], {"impersonatedUser": {"username": "system:x"}}, False),
    ],
)
def test_exclude(exclude: list[dict[str, Any]], event: dict[str, Any], excluded: bool) -> None:
    """One entry is enough, and all members of an entry must be met."""
    assert fires(event, exclude=exclude) is not excluded


def test_session_lines_and_events_do_not_meet_each_others_rules() -> None:
    """A rule is for one of the two."""
    of_lines = AlertEngine(rule_of(match={"sessionEvents": ["Command"]}).rules)
    of_events = AlertEngine(rule_of(match={"stages": ["ResponseStarted"]}).rules)
    assert of_lines.take(session_event(), 0)
    assert not of_lines.take(session_event(type="SessionEnded"), 0)
    assert not of_lines.take(exec_event(), 0)
    assert of_events.take(exec_event(), 0)
    assert not of_events.take(session_event(), 0)


def test_exclusion_of() -> None:
    """A member that is absent excludes by nothing."""
    exclusion = exclusion_of({"users": ["system:*"], "namespaces": []})
    assert exclusion.users is not None
    assert exclusion.users.texts == ("system:*",)
    assert (exclusion.namespaces, globs_of([])) == (None, None)
