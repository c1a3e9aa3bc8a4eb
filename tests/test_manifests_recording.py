"""manifests/components/session-recording: a volume that the proxy can write, and its policy."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.session import Record
from auditproxy.apis.user import UserInfo
from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS, options_from
from auditproxy.options import Options, validate
from auditproxy.sessions.rules import load_recording_policy
from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.kubectl import kubectl_binaries
from tests.manifests import MANIFESTS, render_with

COMPONENT = MANIFESTS / "components" / "session-recording"
README = (MANIFESTS / "README.md").read_text(encoding="utf-8")
(PER_POD,) = (
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    if "volumeClaimTemplate" in block
)
BASES = ("base", "overlays/aks", "overlays/cert-manager", "overlays/eks", "overlays/gke")
GIBIBYTE = 1 << 30


def render(
    folder: Path, base: str = "base", more: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """A base with the component, as kubectl renders them."""
    return render_with("components/session-recording", folder, base, more)


def only(rendered: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The object of one kind and name."""
    (found,) = [one for one in rendered if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(rendered: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod of the Deployment."""
    deployment = only(rendered, "Deployment", "auditproxy")
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def options_of(rendered: list[dict[str, Any]]) -> Options:
    """What the proxy makes of the arguments; a fault fails the test."""
    (container,) = pod_of(rendered)["containers"]
    command, *words = container["args"]
    assert command == "serve"
    parsed = parse(words, FLAGS)
    assert parsed.faults == ()
    options = options_from(parsed.values)
    assert validate(options) == ()
    return options


@pytest.mark.parametrize("base", BASES)
def test_valid(tmp_path: Path, base: str) -> None:
    """Every object follows the newest schema and has its namespace, on the base and in each cloud."""
    rendered = render(tmp_path.resolve(), base)
    for one in rendered:
        if not one["apiVersion"].startswith("cert-manager.io/"):
            kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        if one["kind"] in ("ConfigMap", "PersistentVolumeClaim"):
            assert one["metadata"]["namespace"] == "auditproxy"
    assert options_of(rendered).sessions.is_kept


def test_every_file_is_used() -> None:
    """No file lies beside the kustomization without being named there."""
    text = (COMPONENT / "kustomization.yaml").read_text(encoding="utf-8")
    kustomization = yaml.safe_load(text)
    (generator,) = kustomization["configMapGenerator"]
    here = {path.name for path in COMPONENT.iterdir()} - {"kustomization.yaml"}
    assert here == {*kustomization["resources"], *generator["files"]}


def test_files_are_mounted(tmp_path: Path) -> None:
    """The folder of the recordings is the claim, writable; the policy is the ConfigMap's file."""
    rendered = render(tmp_path.resolve())
    sessions = options_of(rendered).sessions
    pod = pod_of(rendered)
    (container,) = pod["containers"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    folder = mounts[sessions.recording_dir]
    assert "readOnly" not in folder
    claim = volumes[folder["name"]]["persistentVolumeClaim"]["claimName"]
    assert only(rendered, "PersistentVolumeClaim", claim)
    policy = Path(sessions.recording_config_file)
    mount = mounts[str(policy.parent)]
    assert mount["readOnly"] is True
    assert "subPath" not in mount, "a mounted file is never updated"
    config = only(rendered, "ConfigMap", volumes[mount["name"]]["configMap"]["name"])
    assert config["data"] == {policy.name: (COMPONENT / policy.name).read_text(encoding="utf-8")}


def test_stays_restricted(tmp_path: Path) -> None:
    """The root file system stays read-only, and the group of the pod may write the volume."""
    pod = pod_of(render(tmp_path.resolve()))
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] == 65532
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_bound_fits_the_claim(tmp_path: Path) -> None:
    """The oldest recordings are deleted before the volume is too full for further ones."""
    rendered = render(tmp_path.resolve())
    claim = only(rendered, "PersistentVolumeClaim", "auditproxy-recordings")["spec"]
    size = claim["resources"]["requests"]["storage"]
    assert f"a claim of {size} mounted at" in README
    sessions = options_of(rendered).sessions
    needed = sessions.recording_max_total_size + 2 * sessions.recording_min_free_space
    assert needed <= int(size.removesuffix("Gi")) * GIBIBYTE


def test_replicas_share_the_volume(tmp_path: Path) -> None:
    """Pods on two nodes mount it, so it must be one that two nodes can write."""
    rendered = render(tmp_path.resolve())
    assert only(rendered, "Deployment", "auditproxy")["spec"]["replicas"] > 1
    claim = only(rendered, "PersistentVolumeClaim", "auditproxy-recordings")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_a_volume_for_each_pod(tmp_path: Path) -> None:
    """The README's patch gives each pod a volume of its own."""
    rendered = render(tmp_path.resolve(), more=PER_POD)
    kubernetes_validate.validate(
        only(rendered, "Deployment", "auditproxy"),
        kubernetes_validate.latest_version(),
        strict=True,
    )
    (volume,) = [one for one in pod_of(rendered)["volumes"] if one["name"] == "recordings"]
    assert volume.keys() == {"name", "ephemeral"}


@pytest.mark.parametrize(
    ("subresource", "record"),
    [("exec", Record.OUTPUT), ("attach", Record.OUTPUT), ("portforward", Record.METADATA)],
)
def test_the_policy(subresource: str, record: Record) -> None:
    """Every session is recorded, none with what the client sends, and none is refused."""
    policy = load_recording_policy((COMPONENT / "recording.yaml").read_bytes())
    rule = policy.first(
        Attributes(
            user=UserInfo(username="alice"),
            verb="create",
            is_resource_request=True,
            path="/",
            namespace="default",
            api_group="",
            api_version="v1",
            resource="pods",
            subresource=subresource,
            name="x",
        )
    )
    assert (rule.record, rule.deny) == (record, False)


def test_the_rule_that_is_commented_out() -> None:
    """Its comment signs removed, it is a rule."""
    text = (COMPONENT / "recording.yaml").read_text(encoding="utf-8")
    whole = re.sub(r"^# (- | {2})", r"\1", text, flags=re.MULTILINE)
    assert whole != text
    rules = yaml.safe_load(whole)["rules"]
    assert rules[0] == {"namespaces": ["production"], "record": "Output", "onFailure": "Deny"}
    load_recording_policy(whole.encode())


@pytest.mark.skipif(assets() is None, reason="KUBEBUILDER_ASSETS names no kube-apiserver")
@pytest.mark.timeout(120)
def test_a_kube_apiserver_takes_it(tmp_path: Path) -> None:
    """A real API server accepts every object, and the pod in the namespace that is restricted."""
    cluster_folder, folder = tmp_path / "cluster", tmp_path.resolve() / "recorded"
    for one in (cluster_folder, folder):
        one.mkdir()
    rendered = render(folder)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": "auditproxy"},
        "spec": pod_of(rendered),
    }
    with running(cluster_folder) as cluster:
        admin = cluster.kubeconfig("admin", token=ADMIN_TOKEN)
        for words, text in (
            (("apply", "--server-side", "--validate=strict", "-k", str(folder)), ""),
            (("create", "--dry-run=server", "-f", "-"), yaml.safe_dump(pod)),
        ):
            done = subprocess.run(
                [str(kubectl_binaries()[0]), f"--kubeconfig={admin}", *words],
                input=text,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
