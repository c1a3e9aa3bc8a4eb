"""Which bodies the audit reads, and the type that a request states of what it submits."""

import re
from typing import Any

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.audit import bodies
from auditproxy.audit.deleteoptions import DeleteOptions
from auditproxy.audit.mediatypes import base_type
from auditproxy.serializer import cbor, json, yaml
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf import envelope as protobuf

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
CBOR = "application/cbor"

_DISCOVERY_PATH = re.compile(r"/(api|apis)(/[^/]+){0,2}/?")


def records_request(info: RequestInfo) -> bool:
    """Whether kube-apiserver's audit would read this request's body at all."""
    return (
        info.is_resource_request
        and info.verb in ("create", "update", "patch", "delete", "deletecollection")
        and info.subresource not in STREAMING_SUBRESOURCES
    )


def records_response(info: RequestInfo, code: int, *, long_running: bool) -> bool:
    """Whether the answer's body may hold an object or a Status that belongs in the event."""
    if code >= 400:
        return True
    if long_running or code < 200 or code in (204, 304):
        return False
    return info.is_resource_request or _DISCOVERY_PATH.fullmatch(info.path) is not None


def as_json(media_type: str, body: bytes, budget: Budget | None = None) -> bytes:
    """A body of one of the types that need no table to be read, as JSON."""
    if media_type == YAML:
        return yaml.to_json(body, budget)
    if media_type == CBOR:
        return cbor.to_json(body, budget)
    return body


def type_of(content_type: str, body: bytes, budget: Budget | None = None) -> tuple[str, str]:
    """The kind and the apiVersion of a submitted object.

    Raises SerializationError, and its BudgetExceededError for a body that costs too much.
    """
    media_type = base_type(content_type) or JSON
    if media_type == PROTOBUF:
        envelope = protobuf.envelope(body, budget)
        return envelope.kind, envelope.api_version
    found: Any = json.decode(as_json(media_type, body, budget))
    if not isinstance(found, dict):
        raise SerializationError("the body is not a JSON object")
    return bodies.text(found, "kind"), bodies.text(found, "apiVersion")


def is_delete_options(content_type: str, body: bytes, budget: Budget | None = None) -> bool:
    """Whether kube-apiserver takes a body for DeleteOptions; their version is ignored.

    Raises BudgetExceededError.
    """
    media_type = base_type(content_type) or JSON
    try:
        if media_type == PROTOBUF:
            envelope = protobuf.envelope(body, budget)
            protobuf.delete_options(envelope.raw, budget)
            return envelope.kind in ("", "DeleteOptions")
        found = msgspec.convert(json.decode(as_json(media_type, body, budget)), DeleteOptions)
    except BudgetExceededError:
        raise
    except (SerializationError, msgspec.ValidationError):
        return False
    return not found.kind or found.kind == "DeleteOptions"
