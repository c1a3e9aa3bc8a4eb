"""The manifests: they render, are valid, and name flags, ports and files that the code has."""

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from auditproxy import __version__
from auditproxy.app.process import RECORDER_GRACE, SENDING_GRACE
from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS
from auditproxy.health.server import GROUPS
from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.kubectl import kubectl_binaries, minor_version
from tests.manifests import (
    FILES,
    MANIFESTS,
    PASSTHROUGH,
    ROOTS,
    name_of,
    only,
    options_of,
    pod_of,
    proxy_of,
    render,
)

# The kustomize in kubectl up to 1.20 is of 2019 and knows no components; README.md says so.
RENDERING = [binary for binary in kubectl_binaries() if minor_version(binary) > 20]

SECOND = 1_000_000_000
MEBIBYTE = 1 << 20

# Kinds of cert-manager are not Kubernetes' own: there is no schema for them here.
WITHOUT_SCHEMA = ("cert-manager.io/v1",)


def mebibytes(quantity: str) -> int:
    """The number of a quantity that is given in Mi."""
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


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
        """No file lies beside a kustomization without being named there, nor the reverse."""
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

    @pytest.mark.parametrize("binary", RENDERING, ids=str)
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
        # C12: the proxy reads the new policy by itself; a hash would make each edit a rollout.
        assert volume["configMap"]["name"] == "auditproxy-policy"
        mount = next(one for one in proxy_of("base")["volumeMounts"] if one["name"] == "policy")
        assert "subPath" not in mount, "a mounted file is never updated"

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
        assert parse(["--audit-policy=x"], FLAGS).faults

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
        """C12: kubelet waits longer than delay, last request, sessions, drain of the backends,
        recordings and what is sent at the end together."""
        options = options_of(root)
        needed = (
            options.serving.shutdown_delay_duration
            + options.serving.request_timeout
            + options.serving.session_grace
            + options.serving.audit_grace
        ) / SECOND
        needed += RECORDER_GRACE + SENDING_GRACE
        assert pod_of(root)["terminationGracePeriodSeconds"] >= needed + 5

    @pytest.mark.parametrize("root", ROOTS)
    def test_memory(self, root: str) -> None:
        """C12: the limit holds what docs/behaviour.md adds up; the base requests what 600 watches take."""
        audit = options_of(root).audit
        largest = max(audit.capture_request_limit, audit.capture_response_limit)
        resources = proxy_of(root)["resources"]
        assert mebibytes(resources["limits"]["memory"]) * MEBIBYTE >= (
            85 * MEBIBYTE + audit.capture_memory_limit + 9 * largest
        )
        requested = mebibytes(resources["requests"]["memory"]) * MEBIBYTE
        assert requested >= (85 * MEBIBYTE if root == "overlays/sidecar" else 168_000_000)

    def test_health_checks_of_the_balancer(self) -> None:
        """The balancer of EKS asks /readyz on the health port, and the network policy lets it in."""
        annotations = only("overlays/eks", "Service", "auditproxy")["metadata"]["annotations"]
        prefix = "service.beta.kubernetes.io/aws-load-balancer-healthcheck-"
        address = options_of("overlays/eks").health.address()
        assert address is not None
        assert annotations[f"{prefix}protocol"] == "http"
        assert annotations[f"{prefix}port"] == str(address[1])
        assert annotations[f"{prefix}path"] == "/readyz"
        policy = only("overlays/eks", "NetworkPolicy", "auditproxy")["spec"]["ingress"]
        sources = [rule["from"] for rule in policy if rule["ports"] == [{"port": "health"}]]
        assert any("ipBlock" in source for rule in sources for source in rule)

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
        assert options.audit_log.path == "-", "the root file system is read-only"

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
