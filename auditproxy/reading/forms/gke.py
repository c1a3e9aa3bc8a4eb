"""GKE: entries of Cloud Logging, rewritten to the audit events that they were made of.

Pure. The documented fields of AuditLog and LogEntry; what is inferred is the verb's object, the
level, and the HTTP code of a gRPC code.

    io.k8s.core.v1.pods.delete    methodName: group (domain reversed), version, resource, verb
    core/v1/namespaces/n/pods/p   resourceName: core is the empty group
"""

from typing import Any

from auditproxy.apis.audit import API_VERSION, Stage
from auditproxy.reading.meaning.events import Counts, TrailEvent, event_of

_SERVICES = ("k8s.io", "container.googleapis.com")
_CODES = {
    0: 200,
    1: 499,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    16: 401,
}
"""HTTP codes of gRPC codes, as google.rpc.Code documents them."""
_DRY_RUN = "command.gke.io/dryRun"


def event_of_entry(entry: dict[str, Any], counts: Counts) -> TrailEvent | None:
    """The event of a log entry; None where it is not of the Kubernetes API."""
    payload = entry["protoPayload"]
    method = payload.get("methodName")
    if payload.get("serviceName") not in _SERVICES or not isinstance(method, str):
        return None
    if not method.startswith("io.k8s.") and "." not in method:
        return None
    verb = method.rpartition(".")[2]
    reference, path = _object(str(payload.get("resourceName") or ""), method)
    labels = _members(entry, "labels")
    request, response = (_body(payload.get(name)) for name in ("request", "response"))
    level = "RequestResponse" if response else "Request" if request else "Metadata"
    operation = _members(entry, "operation")
    begun = bool(operation.get("first")) and not operation.get("last")
    address = _text(payload, "requestMetadata", "callerIp")
    is_dry = str(labels.get(_DRY_RUN, "")).lower() == "true"
    members: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": API_VERSION,
        "level": level,
        "auditID": entry.get("insertId"),
        "stage": Stage.RESPONSE_STARTED if begun else Stage.RESPONSE_COMPLETE,
        "requestURI": path + ("?dryRun=All" if is_dry else ""),
        "verb": verb,
        "user": {"username": _text(payload, "authenticationInfo", "principalEmail")},
        "sourceIPs": [address]
        if (address := _text(payload, "requestMetadata", "callerIp"))
        else [],
        "userAgent": _text(payload, "requestMetadata", "callerSuppliedUserAgent"),
        "objectRef": reference,
        "responseStatus": _status(payload.get("status"), verb),
        "requestObject": request,
        "responseObject": response,
        "requestReceivedTimestamp": entry.get("timestamp"),
        "annotations": {key: value for key, value in labels.items() if isinstance(value, str)},
    }
    return event_of(members, counts)


def _object(name: str, method: str) -> tuple[dict[str, str] | None, str]:
    """objectRef, and the path that a request for it has."""
    parts = [part for part in name.split("/") if part]
    if len(parts) < 3:
        return None, f"/{name}" if name else ""
    group, version, *rest = parts
    group = "" if group == "core" else group
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    path = "/".join((path, *rest))
    namespace = ""
    # methodName says whether it is the namespace itself: io.k8s.core.v1.namespaces.delete
    is_namespace = ".namespaces." in f"{method}."
    if rest[0] == "namespaces" and len(rest) > 2 and not is_namespace:
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
    resource, name, subresource = (*rest, "", "", "")[:3]
    reference = {
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "apiGroup": group,
        "apiVersion": version,
        "subresource": subresource,
    }
    return {key: value for key, value in reference.items() if value}, path


def _status(status: Any, verb: str) -> dict[str, Any]:
    members = status if isinstance(status, dict) else {}
    number = members.get("code") or 0
    code = _CODES.get(number, number) if isinstance(number, int) else 0
    if code == 200 and verb == "create":
        code = 201
    message = members.get("message")
    return {"code": code, "message": message if isinstance(message, str) else ""}


def _members(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(payload: dict[str, Any], of: str, name: str) -> str:
    value = _members(payload, of).get(name)
    return value if isinstance(value, str) else ""


def _body(value: Any) -> Any:
    """A body without what Cloud Logging added to it."""
    if not isinstance(value, dict):
        return value
    return {key: member for key, member in value.items() if key != "@type"} or None
