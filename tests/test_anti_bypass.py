"""manifests/anti-bypass: valid policies, whose marker is the one the proxy is told to set."""

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS, options_from
from auditproxy.options import validate
from tests.manifests import MANIFESTS, render_with


@pytest.fixture
def rendered(tmp_path: Path) -> list[dict[str, Any]]:
    """The base with the component, as kubectl renders them."""
    return render_with("anti-bypass", tmp_path)


def of_kind(rendered: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in rendered if one["kind"] == kind}


def test_valid(rendered: list[dict[str, Any]]) -> None:
    """Every object follows the newest schema, without unknown fields."""
    for one in rendered:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_each_policy_is_bound_and_refuses(rendered: list[dict[str, Any]]) -> None:
    """A policy without a binding does nothing, one that fails open can be broken."""
    policies = of_kind(rendered, "ValidatingAdmissionPolicy")
    bindings = of_kind(rendered, "ValidatingAdmissionPolicyBinding")
    assert set(policies) == set(bindings) == {"auditproxy-writes", "auditproxy-connects"}
    for name, policy in policies.items():
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert bindings[name]["spec"]["policyName"] == name
        assert "Deny" in bindings[name]["spec"]["validationActions"]
        (validation,) = policy["spec"]["validations"]
        assert validation["reason"] == "Forbidden"
        assert "auditproxy" in validation["message"]


def test_the_marker_is_one(rendered: list[dict[str, Any]]) -> None:
    """The proxy's flag, the policies and the proxy's right name the same key and value."""
    deployment = of_kind(rendered, "Deployment")["auditproxy"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    parsed = parse(container["args"][1:], FLAGS)
    assert parsed.faults == ()
    options = options_from(parsed.values)
    assert validate(options) == ()
    marker = options.upstream.marker()
    assert marker is not None
    key, value = marker
    for policy in of_kind(rendered, "ValidatingAdmissionPolicy").values():
        (variable,) = policy["spec"]["variables"]
        assert f"request.userInfo.extra['{key}'] == ['{value}']" in variable["expression"]
        (validation,) = policy["spec"]["validations"]
        assert validation["expression"] == f"variables.{variable['name']}"
    (rule,) = of_kind(rendered, "ClusterRole")["auditproxy-marker"]["rules"]
    assert rule == {
        "apiGroups": ["authentication.k8s.io"],
        "resources": [f"userextras/{key}"],
        "resourceNames": [value],
        "verbs": ["impersonate"],
    }


def test_every_session_is_covered(rendered: list[dict[str, Any]]) -> None:
    """Every subresource that connects to a pod, service or node is named."""
    policy = of_kind(rendered, "ValidatingAdmissionPolicy")["auditproxy-connects"]
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert rule["operations"] == ["CONNECT"]
    pods = {f"pods/{name}" for name in ("exec", "attach", "portforward", "proxy")}
    assert set(rule["resources"]) == pods | {"services/proxy", "nodes/proxy"}


def test_the_readme_leads_here() -> None:
    """The component explains itself, and the main README leads to it."""
    assert (MANIFESTS / "anti-bypass" / "README.md").read_text(encoding="utf-8").strip()
    assert "anti-bypass" in (MANIFESTS / "README.md").read_text(encoding="utf-8")
