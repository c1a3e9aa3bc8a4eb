"""The manifests: what the pods and their account may do, and who reaches them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.tokens.tokenreview import TOKEN_REVIEWS
from auditproxy.authorization.subjectaccessreview import SUBJECT_ACCESS_REVIEWS
from auditproxy.upstream.identityheaders import impersonation_headers
from tests.manifests import ROOTS, only, pod_of, proxy_of, render


class TestSecurity:
    """What the pod may do, and who reaches it."""

    @pytest.mark.parametrize("root", ROOTS)
    def test_restricted(self, root: str) -> None:
        """Pod Security's restricted profile, a read-only root, and a group that reads the key."""
        pod = pod_of(root)
        container = proxy_of(root)
        context = {**pod["securityContext"], **container["securityContext"]}
        assert context["runAsNonRoot"] is True
        assert (context["runAsUser"], context["runAsGroup"]) == (65532, 65532)
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        allowed = {"secret", "configMap", "emptyDir", "projected"}
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= allowed
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440
        assert pod["securityContext"]["fsGroup"] == 65532
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]

    def test_spread_and_budget(self) -> None:
        """Two replicas on two nodes, of which one may be taken away at a time."""
        deployment = only("base", "Deployment", "auditproxy")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        selectors = [
            deployment["spec"]["selector"],
            *(one["labelSelector"] for one in pod_of("base")["topologySpreadConstraints"]),
            only("base", "PodDisruptionBudget", "auditproxy")["spec"]["selector"],
            only("base", "NetworkPolicy", "auditproxy")["spec"]["podSelector"],
        ]
        services = [only("base", "Service", name) for name in ("auditproxy", "auditproxy-metrics")]
        selectors += [{"matchLabels": one["spec"]["selector"]} for one in services]
        for selector in selectors:
            assert selector["matchLabels"].items() <= labels.items()
        assert deployment["spec"]["replicas"] == 2
        assert only("base", "PodDisruptionBudget", "auditproxy")["spec"]["maxUnavailable"] == 1
        account = only("base", "ServiceAccount", pod_of("base")["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
        assert pod_of("base")["automountServiceAccountToken"] is True

    def test_network_policy(self) -> None:
        """Clients reach the proxy, Prometheus its metrics, and it the API server and DNS."""
        spec = only("base", "NetworkPolicy", "auditproxy")["spec"]
        assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
        clients, metrics = spec["ingress"]
        assert clients == {"ports": [{"port": "https"}]}
        assert metrics["ports"] == [{"port": "health"}]
        assert metrics["from"]
        names = {one["name"] for one in proxy_of("base")["ports"]}
        assert {"https", "health"} == names
        api_server, dns = spec["egress"]
        assert [one["port"] for one in api_server["ports"]] == [443, 6443]
        assert {(one["port"], one["protocol"]) for one in dns["ports"]} == {
            (53, "UDP"),
            (53, "TCP"),
        }


@dataclass(frozen=True)
class Asked:
    """One question to RBAC: verb, group, resource and subresource."""

    verb: str
    group: str
    resource: str
    subresource: str = ""


def allows(rule: Mapping[str, Any], asked: Asked) -> bool:
    """Whether an RBAC rule allows it (pkg/apis/rbac/v1/evaluation_helpers.go)."""
    combined = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    spellings = {"*", combined} | ({f"*/{asked.subresource}"} if asked.subresource else set())
    return (
        bool({"*", asked.verb} & set(rule["verbs"]))
        and bool({"*", asked.group} & set(rule["apiGroups"]))
        and bool(spellings & set(rule["resources"]))
    )


def impersonations(user: UserInfo) -> Iterator[Asked]:
    """What kube-apiserver asks of RBAC for the headers that the proxy sends."""
    for name, _ in impersonation_headers(user):
        word = name.decode().removeprefix("Impersonate-")
        if word == "User":
            service_account = user.username.startswith("system:serviceaccount:")
            yield Asked("impersonate", "", "serviceaccounts" if service_account else "users")
        elif word == "Group":
            yield Asked("impersonate", "", "groups")
        elif word == "Uid":
            yield Asked("impersonate", "authentication.k8s.io", "uids")
        else:
            key = word.removeprefix("Extra-").lower()
            yield Asked("impersonate", "authentication.k8s.io", "userextras", key)


def creation(path: str) -> Asked:
    """The right to post to ``/apis/<group>/<version>/<resource>``."""
    _, _, group, _, resource = path.split("/")
    return Asked("create", group, resource)


ALICE = UserInfo(
    username="alice", uid="7", groups=("dev",), extra={"arn": ("a",), "example.com/Key": ("b",)}
)
CONTROLLER = UserInfo(username="system:serviceaccount:default:controller")
NEEDED = {
    *impersonations(ALICE),
    *impersonations(CONTROLLER),
    creation(str(TOKEN_REVIEWS)),
    creation(str(SUBJECT_ACCESS_REVIEWS)),
}


class TestRbac:
    """The account of the base may do what the code does, and nothing else."""

    RULES = tuple(
        rule for one in render("base") if one["kind"] == "ClusterRole" for rule in one["rules"]
    )

    @pytest.mark.parametrize("asked", sorted(NEEDED, key=str), ids=str)
    def test_is_enough(self, asked: Asked) -> None:
        """Whatever the proxy asks kube-apiserver is granted."""
        assert any(allows(rule, asked) for rule in self.RULES)

    def test_is_no_more(self) -> None:
        """Each verb and resource of each rule is one that the proxy needs; "*" only where said."""
        for rule in self.RULES:
            assert not {"resourceNames", "nonResourceURLs"} & set(rule)
            for verb in rule["verbs"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        one = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
                        assert any(allows(one, asked) for asked in NEEDED), one
                        assert "*" not in (verb, group)
                        if resource == "*":
                            assert (verb, group) == ("impersonate", "authentication.k8s.io")

    def test_userextras_have_no_wildcard(self) -> None:
        """RBAC reads "userextras/*" as a name: this is why the rule says "*"."""
        extra = Asked("impersonate", "authentication.k8s.io", "userextras", "arn")
        rule = {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"]}
        assert not allows({**rule, "resources": ["userextras/*"]}, extra)
        assert not allows({**rule, "resources": ["userextras"]}, extra)
        assert allows({**rule, "resources": ["userextras/arn"]}, extra)

    def test_bindings(self) -> None:
        """Both roles are bound to the account of the pods."""
        bindings = [one for one in render("base") if one["kind"] == "ClusterRoleBinding"]
        roles = {one["metadata"]["name"] for one in render("base") if one["kind"] == "ClusterRole"}
        assert {one["roleRef"]["name"] for one in bindings} == roles
        for one in bindings:
            assert one["subjects"] == [
                {
                    "kind": "ServiceAccount",
                    "name": pod_of("base")["serviceAccountName"],
                    "namespace": "auditproxy",
                }
            ]
