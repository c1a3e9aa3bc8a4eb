"""The audit policies of the manifests: nothing of weight unseen, no secret recorded."""

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, load_policy
from auditproxy.audit.policy.findings import Severity
from auditproxy.audit.policy.lint.linting import lint
from tests.manifests import MANIFESTS

POLICIES = ("base/policy.yaml", "policy-sample.yaml")
ALICE = UserInfo(username="alice", groups=("dev",))


def evaluate(
    policy: str, verb: str, group: str, resource: str, subresource: str = ""
) -> RequestAuditConfig:
    """What a policy file says of one request for a resource."""
    raw = (MANIFESTS / policy).read_bytes()
    evaluator = PolicyRuleEvaluator(load_policy(raw, policy)[0])
    return evaluator.evaluate(
        Attributes(
            user=ALICE,
            verb=verb,
            is_resource_request=True,
            path="/",
            namespace="default",
            api_group=group,
            api_version="v1",
            resource=resource,
            subresource=subresource,
            name="x",
        )
    )


VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize("policy", POLICIES)
class TestPolicies:
    """The policies keep secrets out and let nothing of weight by."""

    def test_loads(self, policy: str) -> None:
        """Nothing to warn of."""
        loaded, warnings = load_policy((MANIFESTS / policy).read_bytes(), policy)
        assert warnings == ()
        assert loaded.rules

    def test_lint(self, policy: str) -> None:
        """Nothing is found but that CIS 3.2.2 is covered."""
        (found,) = lint((MANIFESTS / policy).read_bytes()).findings
        assert (found.check, found.severity) == ("cis-3.2.2", Severity.NOTE)
        assert "is covered" in found.problem

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize(
        ("group", "resource", "subresource"),
        [
            ("", "secrets", ""),
            ("", "configmaps", ""),
            ("", "serviceaccounts", "token"),
            ("authentication.k8s.io", "tokenreviews", ""),
        ],
    )
    def test_secrets(
        self, policy: str, verb: str, group: str, resource: str, subresource: str
    ) -> None:
        """What holds secrets is recorded, and never with a body."""
        assert evaluate(policy, verb, group, resource, subresource).level is Level.METADATA

    @pytest.mark.parametrize("verb", ["get", "create"])
    @pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
    def test_sessions(self, policy: str, verb: str, subresource: str) -> None:
        """A session is recorded whichever verb the client's transport makes of it."""
        assert evaluate(policy, verb, "", "pods", subresource).level is Level.METADATA

    @pytest.mark.parametrize(
        ("verb", "group", "resource", "subresource", "level"),
        [
            ("update", "coordination.k8s.io", "leases", "", Level.NONE),
            ("create", "", "pods", "proxy", Level.METADATA),
            ("create", "", "services", "proxy", Level.METADATA),
            ("create", "", "pods", "", Level.REQUEST),
            ("create", "", "pods", "eviction", Level.REQUEST),
            ("patch", "apps", "deployments", "scale", Level.REQUEST),
            ("list", "", "pods", "", Level.METADATA),
            ("get", "", "pods", "log", Level.METADATA),
            (
                "create",
                "rbac.authorization.k8s.io",
                "clusterrolebindings",
                "",
                Level.REQUEST_RESPONSE,
            ),
            ("list", "rbac.authorization.k8s.io", "clusterrolebindings", "", Level.METADATA),
            ("create", "example.com", "widgets", "", Level.METADATA),
            ("create", "authorization.k8s.io", "subjectaccessreviews", "", Level.METADATA),
        ],
    )
    def test_levels(
        self, policy: str, verb: str, group: str, resource: str, subresource: str, level: Level
    ) -> None:
        """The level that the comments of the policy promise."""
        config = evaluate(policy, verb, group, resource, subresource)
        assert config.level is level
        assert config.omit_managed_fields

    @pytest.mark.parametrize(
        ("path", "level"),
        [
            ("/healthz", Level.NONE),
            ("/livez/ping", Level.NONE),
            ("/readyz", Level.NONE),
            ("/version", Level.METADATA),
            ("/metrics", Level.METADATA),
        ],
    )
    def test_paths(self, policy: str, path: str, level: Level) -> None:
        """Nothing for probes; other paths leave their metadata."""
        loaded = load_policy((MANIFESTS / policy).read_bytes(), policy)[0]
        asked = Attributes(user=ALICE, verb="get", is_resource_request=False, path=path)
        assert PolicyRuleEvaluator(loaded).evaluate(asked).level is level
