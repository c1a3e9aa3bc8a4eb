"""The built-in policy."""

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Level
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy


def path(text: str) -> Attributes:
    """A request for a path."""
    return Attributes(user=None, verb="get", is_resource_request=False, path=text)


def resource(name: str, group: str = "", verb: str = "create") -> Attributes:
    """A request for a resource."""
    return Attributes(
        user=None, verb=verb, is_resource_request=True, path="/", resource=name, api_group=group
    )


@pytest.mark.parametrize(
    ("attributes", "level"),
    [
        (path("/healthz"), Level.NONE),
        (path("/livez/ping"), Level.NONE),
        (path("/readyz"), Level.NONE),
        (resource("leases", "coordination.k8s.io"), Level.NONE),
        (path("/version"), Level.METADATA),
        (resource("pods"), Level.METADATA),
        (resource("secrets"), Level.METADATA),
        (resource("tokenreviews", "authentication.k8s.io"), Level.METADATA),
    ],
)
def test_levels(attributes: Attributes, level: Level) -> None:
    """Metadata for all, nothing for health and leases."""
    policy, warnings = load_policy(BUILTIN_POLICY, "")
    assert warnings == ()
    assert PolicyRuleEvaluator(policy).evaluate(attributes).level is level
