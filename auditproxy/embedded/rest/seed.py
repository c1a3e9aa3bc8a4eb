"""What the embedded API server holds when it starts."""

from auditproxy.embedded import kinds
from auditproxy.embedded.answers import Object
from auditproxy.embedded.kinds import ResourceType
from auditproxy.embedded.rest.defaults import NODE, NODE_ADDRESS
from auditproxy.embedded.rest.discovery import VERSION
from auditproxy.embedded.rest.managedfields import UPDATE, Manager
from auditproxy.embedded.rest.writes import Writer

POD = "hello"
CONTAINER = "app"
_IMAGE = "registry.example/hello:1.0"
_LABELS = {"app": "hello"}


def fill(writer: Writer) -> None:
    """Two namespaces, a node, a running pod, a deployment with its service, and some RBAC."""
    now = writer.now()
    for namespace in ("default", "kube-system", "kube-public", "kube-node-lease"):
        _create(writer, "namespaces", {"metadata": {"name": namespace}}, now)
    _create(writer, "nodes", _node(), now)
    node = kinds.of("nodes")
    status = {**_typed(node, _node()), "status": _node_status(now)}
    writer.update(node, status, Manager("kubelet", UPDATE, now, "status"))
    add_pod(writer, POD)
    template = {"metadata": {"labels": _LABELS}, "spec": _pod_spec(CONTAINER, _IMAGE)}
    _create(
        writer,
        "deployments",
        {
            "metadata": _named("web", labels=_LABELS),
            "spec": {"replicas": 1, "selector": {"matchLabels": _LABELS}, "template": template},
        },
        now,
        "apps",
    )
    _create(
        writer,
        "services",
        {
            "metadata": _named("kubernetes"),
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
        },
        now,
    )
    group = "rbac.authorization.k8s.io"
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role = {"metadata": {"name": "cluster-admin"}, "rules": everything}
    _create(writer, "clusterroles", role, now, group)
    _create(
        writer,
        "clusterrolebindings",
        {
            "metadata": {"name": "cluster-admin"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:masters"}],
        },
        now,
        group,
    )


def add_pod(
    writer: Writer,
    name: str,
    namespace: str = "default",
    containers: tuple[str, ...] = (CONTAINER,),
    image: str = _IMAGE,
) -> Object:
    """Make a running pod; raises ApiError."""
    spec: Object = {"containers": [{"name": each, "image": image} for each in containers]}
    metadata = _named(name, namespace, labels={"app": name})
    return _create(writer, "pods", {"metadata": metadata, "spec": spec}, writer.now())


def _create(writer: Writer, resource: str, item: Object, now: str, group: str = "") -> Object:
    kind = kinds.of(resource, group)
    return writer.create(kind, _typed(kind, item), Manager("kube-controller-manager", UPDATE, now))


def _typed(kind: ResourceType, item: Object) -> Object:
    return {"kind": kind.kind, "apiVersion": kind.api_version, **item}


def _named(name: str, namespace: str = "default", **more: object) -> Object:
    return {"name": name, "namespace": namespace, **more}


def _pod_spec(container: str, image: str) -> Object:
    return {"containers": [{"name": container, "image": image}]}


def _node() -> Object:
    labels = {
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
        "node-role.kubernetes.io/control-plane": "",
    }
    return {"metadata": {"name": NODE, "labels": labels}, "spec": {"podCIDR": "10.244.0.0/24"}}


def _node_status(now: str) -> Object:
    resources = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    return {
        "capacity": resources,
        "allocatable": resources,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
                "reason": "KubeletReady",
                "message": "there is no kubelet here, and it is ready",
            }
        ],
        "addresses": [
            {"type": "InternalIP", "address": NODE_ADDRESS},
            {"type": "Hostname", "address": NODE},
        ],
        "nodeInfo": {
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
            "kernelVersion": "none",
            "osImage": "in memory",
            "containerRuntimeVersion": "embedded://1",
            "kubeletVersion": VERSION,
            "kubeProxyVersion": VERSION,
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }
