"""What the embedded API server adds to objects, and what it refuses in them.

There are no controllers and no kubelet: a pod runs as soon as it is created, a
deployment has its replicas at once. Only what kubectl shows or needs is here.
"""

import base64
from collections.abc import Callable
from typing import Any

from auditproxy.apis.names import NOT_A_SUBDOMAIN, is_dns_subdomain
from auditproxy.embedded.answers import FieldError, Object, invalid_value, required
from auditproxy.embedded.kinds import ResourceType

NODE = "embedded"
NODE_ADDRESS = "127.0.0.1"

_PATH_NAMES = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})


def with_defaults(kind: ResourceType, item: Object, now: str, number: int) -> Object:
    """Return the object completed as by its type's defaults and the missing controllers.

    ``number`` is different for each object; addresses are made from it.
    """
    add = _DEFAULTS.get(kind.resource)
    return add(item, now, number) if add else item


def faults(kind: ResourceType, item: Object) -> tuple[FieldError, ...]:
    """Return the causes that make an object invalid."""
    found = list(_name_faults(kind, item["metadata"]))
    check = _CHECKS.get(kind.resource)
    if check is not None:
        found += check(item)
    return tuple(found)


def _name_faults(kind: ResourceType, metadata: Object) -> list[FieldError]:
    name = metadata.get("name") or ""
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if kind.resource in _PATH_NAMES:
        if name in (".", "..") or "/" in name or "%" in name:
            return [invalid_value("metadata.name", name, "may not be '.', '..' or contain '/%'")]
        return []
    if not is_dns_subdomain(name):
        return [invalid_value("metadata.name", name, NOT_A_SUBDOMAIN)]
    return []


def _pod_faults(item: Object, prefix: str = "spec") -> list[FieldError]:
    containers = (item.get("spec") or {}).get("containers") or []
    if not containers:
        return [required(f"{prefix}.containers")]
    found = []
    for index, container in enumerate(containers):
        found += [
            required(f"{prefix}.containers[{index}].{name}")
            for name in ("name", "image")
            if not container.get(name)
        ]
    return found


def _workload_faults(item: Object) -> list[FieldError]:
    spec = item.get("spec") or {}
    template = spec.get("template") or {}
    selector = spec.get("selector")
    found = []
    if not selector:
        found.append(required("spec.selector"))
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = (selector or {}).get("matchLabels") or {}
    if not wanted.items() <= labels.items():
        detail = "`selector` does not match template `labels`"
        found.append(invalid_value("spec.template.metadata.labels", labels, detail))
    return found + _pod_faults(template, "spec.template.spec")


def _service_faults(item: Object) -> list[FieldError]:
    spec = item.get("spec") or {}
    if spec.get("ports") or spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return []
    return [required("spec.ports")]


def _secret_faults(item: Object) -> list[FieldError]:
    found = []
    for name, value in (item.get("data") or {}).items():
        try:
            base64.b64decode(value or "", validate=True)
        except (ValueError, TypeError):
            found.append(invalid_value(f"data[{name}]", "", "illegal base64 data"))
    return found


_CHECKS: dict[str, Callable[[Object], list[FieldError]]] = {
    "deployments": _workload_faults,
    "pods": _pod_faults,
    "replicasets": _workload_faults,
    "secrets": _secret_faults,
    "services": _service_faults,
}


def _condition(kind: str, now: str, **more: str | None) -> Object:
    return {"type": kind, "status": "True", "lastTransitionTime": now, **more}


def _pod_spec(spec: Object) -> Object:
    containers = [
        {
            "imagePullPolicy": "IfNotPresent" if ":" in container.get("image", "") else "Always",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            **container,
        }
        for container in spec.get("containers") or ()
    ]
    return {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        **spec,
        "containers": containers,
    }


def _pod(item: Object, now: str, number: int) -> Object:
    spec = _pod_spec(item.get("spec") or {})
    account = spec.get("serviceAccountName") or "default"
    spec = {
        "nodeName": NODE,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        **spec,
        "serviceAccount": account,
        "serviceAccountName": account,
    }
    status = item.get("status") or {}
    if not status.get("phase"):
        address = f"10.244.{number // 250 % 250}.{number % 250 + 1}"
        status = {
            "phase": "Running",
            "conditions": [
                _condition(name, now, lastProbeTime=None)
                for name in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "hostIP": NODE_ADDRESS,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": now,
            "qosClass": "BestEffort",
            "containerStatuses": [
                _running(container, now, number) for container in spec["containers"]
            ],
        }
    if spec.get("ephemeralContainers"):
        # Whatever kubectl debug adds runs at once.
        debugging = [_running(container, now, number) for container in spec["ephemeralContainers"]]
        status = {**status, "ephemeralContainerStatuses": debugging}
    return {**item, "spec": spec, "status": status}


def _running(container: Object, now: str, number: int) -> Object:
    image = container.get("image", "")
    return {
        "name": container.get("name", ""),
        "state": {"running": {"startedAt": now}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": image,
        "imageID": f"embedded://{image}",
        "containerID": f"embedded://{number:064x}",
        "started": True,
    }


def _deployment(item: Object, now: str, number: int) -> Object:
    spec: dict[str, Any] = {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
        },
        **(item.get("spec") or {}),
    }
    template = spec.get("template") or {}
    spec["template"] = {**template, "spec": _pod_spec(template.get("spec") or {})}
    replicas = spec["replicas"]
    status = {
        "observedGeneration": item["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": (item.get("status") or {}).get("conditions")
        or [
            _condition("Available", now, reason="MinimumReplicasAvailable", lastUpdateTime=now),
            _condition("Progressing", now, reason="NewReplicaSetAvailable", lastUpdateTime=now),
        ],
    }
    return {**item, "spec": spec, "status": status}


def _service(item: Object, now: str, number: int) -> Object:
    spec = {"type": "ClusterIP", "sessionAffinity": "None", **(item.get("spec") or {})}
    if spec["type"] != "ExternalName":
        spec = {"clusterIP": f"10.96.{number // 250 % 250}.{number % 250 + 1}", **spec}
        spec = {"clusterIPs": [spec["clusterIP"]], "ipFamilies": ["IPv4"], **spec}
        spec = {"ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", **spec}
    if spec.get("ports"):
        spec["ports"] = [
            {"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec["ports"]
        ]
    return {**item, "spec": spec, "status": item.get("status") or {"loadBalancer": {}}}


def _secret(item: Object, now: str, number: int) -> Object:
    plain = item.get("stringData") or {}
    result = {"type": "Opaque", **item}
    result.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        result["data"] = {**(item.get("data") or {}), **encoded}
    return result


def _namespace(item: Object, now: str, number: int) -> Object:
    metadata = item["metadata"]
    labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    return {
        **item,
        "metadata": {**metadata, "labels": labels},
        "spec": item.get("spec") or {"finalizers": ["kubernetes"]},
        "status": item.get("status") or {"phase": "Active"},
    }


def _job(item: Object, now: str, number: int) -> Object:
    spec: dict[str, Any] = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        **(item.get("spec") or {}),
    }
    if not spec.get("selector"):
        uid = item["metadata"].get("uid", "")
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    template = spec.get("template") or {}
    spec["template"] = {**template, "spec": _pod_spec(template.get("spec") or {})}
    return {**item, "spec": spec, "status": item.get("status") or {}}


_DEFAULTS: dict[str, Callable[[Object, str, int], Object]] = {
    "deployments": _deployment,
    "jobs": _job,
    "namespaces": _namespace,
    "pods": _pod,
    "secrets": _secret,
    "services": _service,
}
