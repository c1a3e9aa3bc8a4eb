"""What a request submits: whether a body is looked at, and what that says it is."""

from typing import Any

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit import bodies
from auditproxy.serializer import cbor, json, yaml
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf import envelope as protobuf

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
CBOR = "application/cbor"

_STREAMING_SUBRESOURCES = frozenset({"attach", "exec", "proxy", "log", "portforward"})


class _Preconditions(msgspec.Struct):
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815 - the name on the wire


class _DeleteOptions(msgspec.Struct):
    """The types of the members (apimachinery meta/v1 types.go)."""

    kind: str | None = None
    apiVersion: str | None = None  # noqa: N815
    gracePeriodSeconds: int | None = None  # noqa: N815
    preconditions: _Preconditions | None = None
    orphanDependents: bool | None = None  # noqa: N815
    propagationPolicy: str | None = None  # noqa: N815
    dryRun: list[str | None] | None = None  # noqa: N815
    ignoreStoreReadErrorWithClusterBreakingPotential: bool | None = None  # noqa: N815


def records_request(info: RequestInfo) -> bool:
    """Whether kube-apiserver would look at this request's body for its audit at all."""
    return (
        info.is_resource_request
        and info.verb in ("create", "update", "patch", "delete", "deletecollection")
        and info.subresource not in _STREAMING_SUBRESOURCES
    )


def as_json(media_type: str, body: bytes, budget: Budget | None = None) -> bytes:
    """A body of one of the types that need no table to be read, as JSON."""
    if media_type == YAML:
        return yaml.to_json(body, budget)
    if media_type == CBOR:
        return cbor.to_json(body, budget)
    return body


def type_of(content_type: str, body: bytes) -> tuple[str, str]:
    """The kind and the apiVersion of a submitted object; raises SerializationError."""
    media_type = bodies.base_type(content_type) or JSON
    if media_type == PROTOBUF:
        envelope = protobuf.envelope(body)
        return envelope.kind, envelope.api_version
    found: Any = json.decode(as_json(media_type, body))
    if not isinstance(found, dict):
        raise SerializationError("the body is not a JSON object")
    return bodies.text(found, "kind"), bodies.text(found, "apiVersion")


def is_delete_options(content_type: str, body: bytes) -> bool:
    """Whether kube-apiserver takes a body for DeleteOptions; their version does not count."""
    media_type = bodies.base_type(content_type) or JSON
    try:
        if media_type == PROTOBUF:
            envelope = protobuf.envelope(body)
            protobuf.delete_options(envelope.raw)
            return envelope.kind in ("", "DeleteOptions")
        found = msgspec.convert(json.decode(as_json(media_type, body)), _DeleteOptions)
    except (SerializationError, msgspec.ValidationError):
        return False
    return not found.kind or found.kind == "DeleteOptions"
