"""Request bodies of the embedded API server, and the query options that apply to them."""

from collections.abc import Mapping
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import failure
from auditproxy.embedded.answers import (
    ApiError,
    Object,
    bad_request,
    conflict,
    unsupported_media_type,
)
from auditproxy.embedded.http1 import Request
from auditproxy.embedded.kinds import ResourceType
from auditproxy.embedded.rest.managedfields import APPLY, UPDATE, Manager
from auditproxy.serializer import yaml
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import decode
from auditproxy.serializer.protobuf.decoder import Decoder

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCHES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)

_DECODER = Decoder()


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def read_object(request: Request) -> Object:
    """The object of a body in JSON, YAML or protobuf; raises ApiError (400, 415)."""
    form = media_type(request)
    if form == PROTOBUF:
        return _read_protobuf(request)
    if form not in ("", JSON, YAML):
        raise unsupported_media_type(f"{JSON}, {YAML}, {PROTOBUF}")
    value = read_yaml(request) if form == YAML else _read_json(request)
    if not isinstance(value, dict):
        raise bad_request("the request body is not an object")
    return value


def _read_protobuf(request: Request) -> Object:
    try:
        found: Object = decode(_DECODER.decode(request.body))
    except SerializationError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None
    return found


def _read_json(request: Request) -> Any:
    try:
        return decode(request.body)
    except SerializationError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None


def read_yaml(request: Request) -> Any:
    """A body in YAML; doubled keys are refused when fieldValidation is Strict."""
    try:
        value, errors = yaml.load_strict(request.body)
    except SerializationError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    if errors and request.first("fieldValidation") == "Strict":
        raise bad_request(f"strict decoding error: {errors[0]}")
    return value


def read_patch(request: Request) -> tuple[str, Any]:
    """A patch and its media type; raises ApiError (400, 415)."""
    form = media_type(request)
    if form not in PATCHES:
        raise unsupported_media_type(", ".join(PATCHES))
    return form, read_yaml(request) if form == APPLY_PATCH else _read_json(request)


def read_delete_options(request: Request) -> Object:
    """The DeleteOptions of a body, with those of the query; empty without both."""
    options: Object = read_object(request) if request.body else {}
    if "gracePeriodSeconds" in request.query:
        text = request.first("gracePeriodSeconds")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise bad_request(f"gracePeriodSeconds is not a number: {go_quote(text)}")
        options = {**options, "gracePeriodSeconds": int(text)}
    return options


def is_dry_run(request: Request, options: Mapping[str, Any] | None = None) -> bool:
    """Whether it is a dry run; raises ApiError (400) for a value other than ``All``."""
    asked = [*request.query.get("dryRun", ()), *((options or {}).get("dryRun") or ())]
    for value in asked:
        if value != "All":
            raise bad_request(
                f'dryRun: Unsupported value: {go_quote(str(value))}: supported values: "All"'
            )
    return bool(asked)


def check_type(kind: ResourceType, item: Object) -> Object:
    """Return the object, kind and apiVersion first; raises ApiError (400) if they do not match."""
    named, version = item.get("kind") or kind.kind, item.get("apiVersion") or kind.api_version
    if (named, version) != (kind.kind, kind.api_version):
        raise bad_request(
            f"{named} in version {go_quote(str(version))} cannot be handled as a {kind.kind}: "
            f"the object provided must be of kind {kind.kind} in version {kind.api_version}"
        )
    metadata = item.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request(f"{kind.kind}.metadata is not an object")
    return {**item, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}


def check_place(kind: ResourceType, item: Object, namespace: str, name: str) -> Object:
    """The object with the namespace and name of the path; raises ApiError (400).

    An empty name is not compared: the object may then have any name.
    """
    metadata = dict(item["metadata"])
    if kind.namespaced:
        if metadata.get("namespace") not in (None, "", namespace):
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    if name:
        found = metadata.get("name") or name
        if found != name:
            raise bad_request(
                f"the name of the object ({found}) does not match the name on the URL ({name})"
            )
        metadata["name"] = name
    return {**item, "metadata": metadata}


def check_preconditions(kind: ResourceType, item: Object, options: Object) -> None:
    """Raise ApiError (409) unless the object meets the preconditions of DeleteOptions."""
    metadata, wanted = item["metadata"], options.get("preconditions") or {}
    name = metadata["name"]
    for key, label, field in (("uid", "UID", "UID"), ("resourceVersion", "ResourceVersion", "")):
        found, expected = metadata[key], wanted.get(key)
        if expected is not None and expected != found:
            raise conflict(
                kind,
                name,
                f"Precondition failed: {label} in precondition: {expected}, "
                f"{field or label} in object meta: {found}",
            )


def manager(
    request: Request, now: str, *, is_apply: bool = False, subresource: str = ""
) -> Manager:
    """Return the field manager: ``fieldManager``, else the user agent up to its slash."""
    name = request.first("fieldManager")
    if is_apply and not name:
        raise ApiError(
            failure(
                422,
                "Invalid",
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
                "is required for apply patch",
            )
        )
    agent = request.headers.get("user-agent", "").partition("/")[0]
    return Manager(name or agent or "unknown", APPLY if is_apply else UPDATE, now, subresource)
