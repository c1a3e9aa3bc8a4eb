"""autoscaling/v1 Scale: the number of replicas of a workload, as an object of its own."""

from auditproxy.embedded.answers import (
    MODIFIED,
    Object,
    bad_request,
    conflict,
    invalid,
    invalid_value,
)
from auditproxy.embedded.kinds import ResourceType

_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(item: Object) -> Object:
    """The Scale of a deployment or a replicaset."""
    spec, status = item.get("spec", {}), item.get("status", {})
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: item["metadata"][name] for name in _KEPT if name in item["metadata"]},
        "spec": {"replicas": spec.get("replicas", 1)},
        "status": {"replicas": status.get("replicas", 0), "selector": selector},
    }


def scaled(kind: ResourceType, item: Object, scale: Object) -> Object:
    """The workload with the replicas of a Scale; raises ApiError (400, 409, 422)."""
    if scale.get("kind", "Scale") != "Scale":
        raise bad_request(f"{scale['kind']} cannot be handled as a Scale")
    metadata, name = scale.get("metadata") or {}, item["metadata"]["name"]
    version = metadata.get("resourceVersion")
    if version not in (None, "", item["metadata"]["resourceVersion"]):
        raise conflict(kind, name, MODIFIED)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if type(replicas) is not int:
        raise bad_request("Scale.spec.replicas is not a number")
    if replicas < 0:
        fault = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid(kind, name, (fault,))
    return {**item, "spec": {**item["spec"], "replicas": replicas}}
