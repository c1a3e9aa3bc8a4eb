"""The manifests: they render, are valid, and say what the code does."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from auditproxy import __version__
from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy import PolicyRuleEvaluator, load_policy
from auditproxy.authentication.tokenreview import TOKEN_REVIEWS
from auditproxy.authentication.upstreamidentity import impersonation_headers
from auditproxy.authorization.subjectaccessreview import SUBJECT_ACCESS_REVIEWS
from auditproxy.flags import parse
from auditproxy.later_flags import REFUSED
from auditproxy.options import Options, validate
from auditproxy.serve_flags import FLAGS, options_from
from auditproxy.server.health import GROUPS
from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.kubectl import kubectl_binaries

MANIFESTS = Path(__file__).parent.parent / "manifests"
FILES = sorted(MANIFESTS.rglob("*.yaml"))
ROOTS = tuple(
    sorted(
        str(path.parent.relative_to(MANIFESTS))
        for path in FILES
        if path.name == "kustomization.yaml" and "components" not in path.parts
    )
)
PASSTHROUGH = ("overlays/aks", "overlays/eks", "overlays/gke", "overlays/sidecar")
POLICIES = ("base/policy.yaml", "policy-sample.yaml")
SECOND = 1_000_000_000

# Kinds of cert-manager are not Kubernetes' own: there is no schema for them here.
WITHOUT_SCHEMA = ("cert-manager.io/v1",)


def name_of(path: Path) -> str:
    """A path within the manifests."""
    return str(path.relative_to(MANIFESTS))


@cache
def render(root: str, binary: Path | None = None) -> tuple[dict[str, Any], ...]:
    """The objects of one kustomization, as a kubectl renders them (the first when none is named)."""
    done = subprocess.run(
        [str(binary or kubectl_binaries()[0]), "kustomize", str(MANIFESTS / root)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return tuple(yaml.safe_load_all(done.stdout))


def only(root: str, kind: str, name: str) -> dict[str, Any]:
    """The object of one kind and name in a rendered kustomization."""
    (found,) = [
        one for one in render(root) if (one["kind"], one["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod_of(root: str) -> dict[str, Any]:
    """The pod template's spec of the kustomization's Deployment."""
    (deployment,) = [one for one in render(root) if one["kind"] == "Deployment"]
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def proxy_of(root: str) -> dict[str, Any]:
    """The proxy's container, be it a sidecar."""
    pod = pod_of(root)
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    (container,) = [one for one in containers if one["name"] == "auditproxy"]
    found: dict[str, Any] = container
    return found


def options_of(root: str) -> Options:
    """What the proxy makes of the container's arguments; a fault fails the test."""
    command, *words = proxy_of(root)["args"]
    assert command == "serve"
    parsed = parse(words, FLAGS, REFUSED)
    assert parsed.faults == ()
    assert parsed.arguments == ()
    options = options_from(parsed.values)
    assert validate(options) == ()
    return options


class UniqueKeys(yaml.SafeLoader):
    """Reads YAML and refuses a mapping that has a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, its keys told apart."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


class TestFiles:
    """The files as they lie there."""

    @pytest.mark.parametrize("path", FILES, ids=name_of)
    def test_parses(self, path: Path) -> None:
        """Every file is YAML without doubled keys, and each document says what it is."""
        text = path.read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, UniqueKeys))
        assert documents
        for document in documents:
            assert document.get("apiVersion") or isinstance(document.get("patch"), str), path
            assert document["kind"]

    @pytest.mark.parametrize("root", ROOTS)
    def test_every_file_is_used(self, root: str) -> None:
        """No file lies beside a kustomization without being named there, and the other way round."""
        folder = MANIFESTS / root
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        named = {
            *kustomization.get("resources", ()),
            *(patch["path"] for patch in kustomization.get("patches", ()) if "path" in patch),
            *(
                file
                for generator in kustomization.get("configMapGenerator", ())
                for file in generator["files"]
            ),
        }
        here = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert here == {name for name in named if "/" not in name}
        for name in (*named, *kustomization.get("components", ())):
            assert (folder / name).exists(), name

    @pytest.mark.parametrize("name", ["sidecar", "eks", "gke", "aks"])
    def test_readme(self, name: str) -> None:
        """Each overlay explains itself, and the main README leads to it."""
        assert (MANIFESTS / "overlays" / name / "README.md").read_text(encoding="utf-8").strip()
        assert f"overlays/{name}" in (MANIFESTS / "README.md").read_text(encoding="utf-8")


class TestKustomize:
    """What kubectl makes of them."""

    def test_roots(self) -> None:
        """The kustomizations that users apply."""
        assert ROOTS == (
            "base",
            "overlays/aks",
            "overlays/cert-manager",
            "overlays/eks",
            "overlays/gke",
            "overlays/sidecar",
        )

    @pytest.mark.parametrize("binary", kubectl_binaries(), ids=str)
    @pytest.mark.parametrize("root", ROOTS)
    def test_renders(self, root: str, binary: Path) -> None:
        """Every kubectl renders the same objects and has nothing to complain about."""
        assert render(root, binary) == render(root)

    @pytest.mark.parametrize("root", ROOTS)
    def test_valid(self, root: str) -> None:
        """Every object follows the newest schema, without unknown fields."""
        newest = kubernetes_validate.latest_version()
        for one in render(root):
            if one["apiVersion"] not in WITHOUT_SCHEMA:
                kubernetes_validate.validate(one, newest, strict=True)

    def test_validation_is_strict(self) -> None:
        """An unknown field is found, so the test above can fail."""
        deployment = {
            **only("base", "Deployment", "auditproxy"),
            "replicas": 2,
        }
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(
                deployment, kubernetes_validate.latest_version(), strict=True
            )

    @pytest.mark.parametrize("root", ROOTS)
    def test_names_are_told_apart(self, root: str) -> None:
        """No object stands twice, and namespaced ones have their namespace but in the sidecar's."""
        keys = [(one["kind"], one["metadata"]["name"]) for one in render(root)]
        assert len(keys) == len(set(keys))
        for one in render(root):
            if one["kind"] not in ("Namespace", "ClusterRole", "ClusterRoleBinding"):
                wanted = None if root == "overlays/sidecar" else "auditproxy"
                assert one["metadata"].get("namespace") == wanted

    @pytest.mark.parametrize("root", ROOTS)
    def test_image_is_this_version(self, root: str) -> None:
        """The image's tag is the version of this code."""
        assert proxy_of(root)["image"] == f"auditproxy:{__version__}"

    def test_the_policy_is_the_file(self) -> None:
        """The ConfigMap that the pod mounts holds policy.yaml under the name that the flag says."""
        (volume,) = [one for one in pod_of("base")["volumes"] if one["name"] == "policy"]
        config = only("base", "ConfigMap", volume["configMap"]["name"])
        assert config["data"] == {
            "policy.yaml": (MANIFESTS / "base/policy.yaml").read_text(encoding="utf-8")
        }
        assert volume["configMap"]["name"] != "auditproxy-policy", "no hash, no rollout"

    def test_the_certificate_is_the_secret(self) -> None:
        """cert-manager writes the Secret that the pod mounts, for the Service's name."""
        (volume,) = [
            one for one in pod_of("overlays/cert-manager")["volumes"] if one["name"] == "tls"
        ]
        certificate = only("overlays/cert-manager", "Certificate", "auditproxy-tls")["spec"]
        assert certificate["secretName"] == volume["secret"]["secretName"] == "auditproxy-tls"
        assert "auditproxy.auditproxy.svc" in certificate["dnsNames"]


class TestArguments:
    """The container's arguments are flags of this version."""

    @pytest.mark.parametrize("root", ROOTS)
    def test_flags_exist(self, root: str) -> None:
        """Every argument names a flag with a value, and the options are sound."""
        names = {flag.name for flag in FLAGS}
        for word in proxy_of(root)["args"][1:]:
            name, equals, value = word.partition("=")
            assert name.startswith("--")
            assert name[2:] in names, word
            assert equals, word
            assert value, word
        options_of(root)

    def test_a_wrong_flag_is_found(self) -> None:
        """The reader of the test above refuses what serve refuses."""
        assert parse(["--audit-policy=x"], FLAGS, REFUSED).faults
        assert parse(["--audit-webhook-config-file=x"], FLAGS, REFUSED).faults

    @pytest.mark.parametrize("root", ROOTS)
    def test_ports(self, root: str) -> None:
        """The container's ports, the probes and the Services are those that the arguments open."""
        options = options_of(root)
        health = options.health.address()
        assert health is not None
        assert health[0] in ("", "0.0.0.0"), "kubelet probes the pod's address"
        container = proxy_of(root)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        inside = options.serving.bind_address == "127.0.0.1"
        opened = {health[1]} if inside else {health[1], options.serving.secure_port}
        assert set(ports.values()) == opened
        probes = [value for key, value in container.items() if key.endswith("Probe")]
        assert len(probes) >= 2
        for probe in probes:
            assert ports[probe["httpGet"]["port"]] == health[1]
            assert probe["httpGet"]["path"].removeprefix("/") in GROUPS

    @pytest.mark.parametrize("root", [root for root in ROOTS if root != "overlays/sidecar"])
    def test_services(self, root: str) -> None:
        """443 leads to the proxy; metrics have a Service of their own, in the cluster only."""
        options = options_of(root)
        ports = {one["name"]: one["containerPort"] for one in proxy_of(root)["ports"]}
        (https,) = only(root, "Service", "auditproxy")["spec"]["ports"]
        assert (https["port"], ports[https["targetPort"]]) == (443, options.serving.secure_port)
        metrics = only(root, "Service", "auditproxy-metrics")["spec"]
        assert metrics.get("type", "ClusterIP") == "ClusterIP"
        (health,) = metrics["ports"]
        address = options.health.address()
        assert address is not None
        assert ports[health["targetPort"]] == health["port"] == address[1]

    @pytest.mark.parametrize("root", ROOTS)
    def test_time_to_stop(self, root: str) -> None:
        """kubelet waits longer than the proxy's delay and the last request together."""
        serving = options_of(root).serving
        needed = (serving.shutdown_delay_duration + serving.request_timeout) / SECOND
        assert pod_of(root)["terminationGracePeriodSeconds"] > needed + 5

    @pytest.mark.parametrize("root", ROOTS)
    def test_files_are_mounted(self, root: str) -> None:
        """Each file that an argument names lies in a volume that the container mounts."""
        options = options_of(root)
        container = proxy_of(root)
        volumes = {one["name"]: one for one in pod_of(root)["volumes"]}
        mounts = {one["mountPath"]: volumes[one["name"]] for one in container["volumeMounts"]}
        for path in (
            options.serving.tls_cert_file,
            options.serving.tls_private_key_file,
            options.audit.policy_file,
        ):
            if path:
                volume = mounts[str(Path(path).parent)]
                if "secret" in volume:
                    assert volume["secret"]["secretName"] == "auditproxy-tls"
                    assert Path(path).name in ("tls.crt", "tls.key")
        assert options.audit.log_path == "-", "the root file system is read-only"

    @pytest.mark.parametrize("root", PASSTHROUGH)
    def test_passthrough(self, root: str) -> None:
        """Where tokens are passed through, the proxy's account is granted nothing."""
        assert options_of(root).upstream.upstream_identity == "passthrough"
        assert not [one for one in render(root) if "rbac" in one["apiVersion"]]

    def test_the_sidecar_is_what_the_workload_asks(self) -> None:
        """The workload's API server is the sidecar, trusted by the sidecar's own authority."""
        options = options_of("overlays/sidecar")
        pod = pod_of("overlays/sidecar")
        (workload,) = pod["containers"]
        assert {one["name"]: one["value"] for one in workload["env"]} == {
            "KUBERNETES_SERVICE_HOST": options.serving.bind_address,
            "KUBERNETES_SERVICE_PORT": str(options.serving.secure_port),
        }
        assert proxy_of("overlays/sidecar")["restartPolicy"] == "Always"
        (mount,) = workload["volumeMounts"]
        (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
        sources = volume["projected"]["sources"]
        (secret,) = [source["secret"] for source in sources if "secret" in source]
        assert secret["name"] == "auditproxy-tls"
        assert secret["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
        assert not any("env" in one for one in pod["initContainers"])


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
        """Clients reach only the proxy, some namespaces its metrics, and it the API server and DNS."""
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
        assert evaluate(policy, verb, "", "pods", subresource).level is Level.REQUEST

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


@pytest.mark.skipif(assets() is None, reason="KUBEBUILDER_ASSETS names no kube-apiserver")
@pytest.mark.timeout(180)
def test_a_kube_apiserver_takes_them(tmp_path: Path) -> None:
    """A real API server accepts every object and pod, and its RBAC lets the account impersonate."""
    with running(tmp_path) as cluster:
        admin = cluster.kubeconfig("admin", token=ADMIN_TOKEN)

        def kubectl(*words: str, kubeconfig: Path = admin, text: str = "") -> str:
            done = subprocess.run(
                [str(kubectl_binaries()[0]), f"--kubeconfig={kubeconfig}", *words],
                input=text,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        apply = ("--namespace=auditproxy", "apply", "--server-side", "--validate=strict", "-k")
        for root in ("base", *PASSTHROUGH):
            kubectl(*apply, str(MANIFESTS / root))
            # In the namespace that enforces the restricted profile.
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "probe", "namespace": "auditproxy"},
                "spec": pod_of(root),
            }
            kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(pod))
        token = kubectl("--namespace=auditproxy", "create", "token", "auditproxy").strip()
        shown = kubectl(
            "auth",
            "whoami",
            "--as=alice",
            "--as-uid=7",
            "--as-group=dev",
            "--as-user-extra=authentication.kubernetes.io/pod-name=x",
            "--output=yaml",
            kubeconfig=cluster.kubeconfig("auditproxy-account", token=token),
        )
        user = yaml.safe_load(shown)["status"]["userInfo"]
        assert (user["username"], user["uid"]) == ("alice", "7")
        assert user["extra"] == {"authentication.kubernetes.io/pod-name": ["x"]}
