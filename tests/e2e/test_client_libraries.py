"""Kubernetes' own client libraries for Python and Node, through the proxy: events as kube-apiserver's own."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.e2e.controllers import Report, compare, proxied
from tests.fakes.clientpackages import install_node_package

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

SCRIPT = Path(__file__).with_name("client_library.mjs")
STEPS = (
    "namespace",
    "create read replace",
    "patches",
    "list",
    "watch",
    "deployments",
    "exec",
    "delete",
)
NAMESPACE = "python-client"
LABELS = {"app": "web"}
POD_SPEC = {"containers": [{"name": "c", "image": "example.com/i"}]}


def through(folder: Path, session: Callable[[Path], None]) -> Report:
    """Let a session have a kubeconfig of the proxy, and compare all of its events afterwards."""
    with running(folder) as cluster:
        with proxied(cluster, folder) as (url, _):
            session(cluster.kubeconfig("through", url=url, token=ADMIN_TOKEN))
    # Both have ended, so their last events are written.
    return compare(folder / "proxy-audit.log", cluster.events())


def held(report: Report, at_least: int) -> None:
    """Every event has its equal."""
    assert report.torn == 0
    assert report.only_ours == {}, str(report)
    assert report.compared >= at_least, str(report)
    assert report.compared == report.equal, str(report)


def test_python(tmp_path: Path) -> None:
    """The package ``kubernetes``: typed, custom and dynamic clients, watch and exec."""
    held(through(tmp_path, python_session), 60)


def refused(code: int, call: Callable[..., Any], *arguments: Any, **more: Any) -> None:
    """The call ends with this code."""
    with pytest.raises(ApiException) as error:
        call(*arguments, **more)
    assert error.value.status == code


def python_session(kubeconfig: Path) -> None:
    """What a program does with the library."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        core: Any = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": NAMESPACE}})
        _objects(core)
        _workloads(api, core)
        _custom(api)


def _objects(core: Any) -> None:
    """Create, read, change in every way, list and watch."""
    made = {
        "metadata": {"name": "settings", "labels": LABELS},
        "data": {"key": "Gr\u00f6\u00dfe <&>"},
    }
    core.create_namespaced_config_map(NAMESPACE, made, field_manager="python")
    refused(409, core.create_namespaced_config_map, NAMESPACE, made)
    refused(422, core.create_namespaced_config_map, NAMESPACE, {"metadata": {"name": "Not Valid"}})
    found = core.read_namespaced_config_map("settings", NAMESPACE)
    found.data["key"] = "2"
    core.replace_namespaced_config_map("settings", NAMESPACE, found)
    refused(404, core.read_namespaced_config_map, "none", NAMESPACE)
    core.patch_namespaced_config_map("settings", NAMESPACE, {"data": {"strategic": "1"}})
    json_patch = [{"op": "add", "path": "/data/json", "value": "1"}]
    core.patch_namespaced_config_map("settings", NAMESPACE, json_patch)
    core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": "s"}, "data": {"k": "dg=="}})
    page = core.list_namespaced_config_map(NAMESPACE, limit=1)
    core.list_namespaced_config_map(NAMESPACE, limit=1, _continue=page.metadata._continue)
    core.list_namespaced_config_map(NAMESPACE, label_selector="app=web", pretty="true")
    core.list_config_map_for_all_namespaces()
    changes = watch.Watch().stream(
        core.list_namespaced_config_map, NAMESPACE, timeout_seconds=1, allow_watch_bookmarks=True
    )
    assert "settings" in {change["raw_object"]["metadata"].get("name") for change in changes}
    core.delete_namespaced_config_map("settings", NAMESPACE)
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="app=web")


def _workloads(api: client.ApiClient, core: Any) -> None:
    """Deployments with their scale; a pod, into which nobody can exec for want of a node."""
    apps: Any = client.AppsV1Api(api)
    template = {"metadata": {"labels": LABELS}, "spec": POD_SPEC}
    spec = {"selector": {"matchLabels": LABELS}, "template": template}
    apps.create_namespaced_deployment(NAMESPACE, {"metadata": {"name": "web"}, "spec": spec})
    apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 3}})
    apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Background")
    core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": "pod"}, "spec": POD_SPEC})
    # The websocket client tells no more than that it was refused.
    refused(0, stream, core.connect_get_namespaced_pod_exec, "pod", NAMESPACE, command=["env"])
    core.delete_namespaced_pod("pod", NAMESPACE, grace_period_seconds=0)


def _custom(api: client.ApiClient) -> None:
    """A group that is not there, and the dynamic client, which reads discovery and applies."""
    custom = client.CustomObjectsApi(api)
    refused(404, custom.list_namespaced_custom_object, "no.example.com", "v1", NAMESPACE, "things")
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    applied = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "applied"},
        "data": {"a": "1"},
    }
    maps.server_side_apply(
        body=applied, namespace=NAMESPACE, field_manager="python", force_conflicts=True
    )
    maps.delete(name="applied", namespace=NAMESPACE)


@pytest.fixture(scope="module")
def node_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, made for this run only."""
    folder = tmp_path_factory.mktemp("node")
    install_node_package(folder)
    shutil.copy(SCRIPT, folder)
    return folder


def test_node(node_package: Path, tmp_path: Path) -> None:
    """The package ``@kubernetes/client-node``: typed, object and custom clients, watch and exec."""

    def session(kubeconfig: Path) -> None:
        ran = subprocess.run(
            ["node", SCRIPT.name, str(kubeconfig)],
            cwd=node_package,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.stdout.splitlines() == list(STEPS), ran.stderr
        assert ran.returncode == 0

    held(through(tmp_path, session), 50)
