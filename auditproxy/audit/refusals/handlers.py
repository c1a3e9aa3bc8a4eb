"""Texts only kube-apiserver's routes and handlers write, before they have decoded a body.

Each function takes a refusal with a code of the check and returns whether the check sent it.
"""

import re
from collections.abc import Callable

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import StatusDetails
from auditproxy.audit import submitted
from auditproxy.audit.refusals.queryoptions import (
    list_options_refused,
    options_kind,
    options_refused,
)
from auditproxy.audit.refusals.refusal import Refusal
from auditproxy.serializer import json
from auditproxy.serializer.budget import BudgetExceededError
from auditproxy.serializer.errors import SerializationError

BUILTIN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
"""Groups of kube-apiserver's own; resources of others are custom ones, or of other servers."""

_WEBHOOK = 'admission webhook "'
_TOO_LARGE = re.compile(r"Request entity too large: limit is (\d{1,18})")
_GENERIC = {
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    406: "406: Not Acceptable\n\nAvailable representations: ",
    415: "415: Unsupported Media Type",
}
_UNRECOGNIZED = "the object provided is unrecognized (must be of type "
_OTHER_VERSION = "the API version in the data "
_NO_SCALE = "no kind is registered for the type v1.Scale in scheme "
"""Custom resources know one version of Scale only."""
_CANNOT = " cannot be handled as a "
_VERSION = re.compile(r'"[^"]*"')
_ANY_KIND = re.compile(rf"[A-Za-z0-9]* in version {_VERSION.pattern}{_CANNOT}")
_SUMMARY = 30
TYPE_LIMIT = 64 * 1024
"""Bytes of a body that is read once more for what the decoder says about it."""


def webhook(refusal: Refusal) -> bool:
    """What the server puts before the text of a webhook."""
    return refusal.message.startswith(_WEBHOOK)


def plain(*beginnings: bytes) -> Callable[[Refusal], bool]:
    """Plain text of the server's own, with one of these beginnings if there are any."""

    def matches(refusal: Refusal) -> bool:
        if refusal.is_proxied or not refusal.is_plain:
            return False
        return not beginnings or refusal.text.startswith(beginnings)

    return matches


def generic(refusal: Refusal) -> bool:
    """What the router says about any path: its fixed words, and details about nothing."""
    status = refusal.status
    if status is None or status.details not in (None, StatusDetails()):
        return False
    known = _GENERIC[refusal.code]
    if refusal.code == 406:
        return status.message.startswith(known)
    return status.message == known


def not_served(refusal: Refusal) -> bool:
    """Whether a custom resource lacks the subresource: the text is that for a missing object.

    ``status`` and ``scale`` may exist: for them only the other verbs are conclusive.
    """
    info = refusal.info
    if not info.subresource or info.api_group in BUILTIN_GROUPS:
        return False
    if info.subresource in ("status", "scale") and info.verb in ("update", "patch"):
        return False
    return refusal.message == f"{info.resource}.{info.api_group} {go_quote(info.name)} not found"


def not_supported(refusal: Refusal) -> bool:
    """Whether a custom resource lacks the verb."""
    info = refusal.info
    kind = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
    return refusal.message == f"{info.verb} is not supported on resources of kind {go_quote(kind)}"


def nameless(refusal: Refusal) -> bool:
    """Whether it was a PUT or PATCH of a whole collection of custom resources."""
    info = refusal.info
    return (
        not info.name
        and info.verb in ("update", "patch")
        and refusal.message == "name must be provided"
    )


def says(beginning: str) -> Callable[[Refusal], bool]:
    """A message with this beginning."""
    return lambda refusal: refusal.message.startswith(beginning)


def too_large(refusal: Refusal) -> bool:
    """Whether the body exceeds the limit that the server names."""
    found = _TOO_LARGE.fullmatch(refusal.message)
    if found is None:
        return False
    return refusal.body is None or len(refusal.body) > int(found[1])


def invalid_options(refusal: Refusal) -> bool:
    """The options in the query, which the server would refuse by their values."""
    status, kind = refusal.status, options_kind(refusal.info.verb)
    if status is None or not kind or status.details is None:
        return False
    details = status.details
    return (
        (details.name, details.group, details.kind) == ("", "meta.k8s.io", kind)
        and status.message.startswith(f'{kind}.meta.k8s.io "" is invalid: ')
        and options_refused(refusal.info.verb, refusal.query, refusal.content_type)
    )


def unreadable_options(refusal: Refusal) -> bool:
    """The options of a list, which select what is deleted."""
    return refusal.info.verb == "deletecollection" and list_options_refused(
        refusal.query, refusal.message
    )


def undecodable(refusal: Refusal) -> bool:
    """What the decoder says about this very body: its kind, its version, its first bytes.

    These are the bytes as they were sent: kube-apiserver unpacks no body, and quotes a packed
    one that it cannot read. A server that unpacks it quotes other bytes. Of a body that costs too
    much to be read, False: the event says that it is missing.
    """
    try:
        return _undecodable(refusal)
    except BudgetExceededError:
        return False


def _undecodable(refusal: Refusal) -> bool:
    verb, message = refusal.info.verb, refusal.message
    if verb in ("delete", "deletecollection"):
        body = refusal.body or b""
        return 0 < len(body) <= TYPE_LIMIT and not submitted.is_delete_options(
            refusal.content_type, body, refusal.budget
        )
    if verb not in ("create", "update"):
        return False
    if message.startswith(_NO_SCALE):
        return refusal.info.subresource == "scale"
    if message.startswith(_UNRECOGNIZED):
        if refusal.body is None:
            return True
        # Protobuf has the bytes as they were sent, JSON what stands for those that are not UTF-8.
        return json.go_text(message).endswith(f" ({summary(refusal.body)})")
    other_version = message.startswith(_OTHER_VERSION)
    if not other_version and _CANNOT not in message:
        return False
    kind, api_version = _type_of(refusal)
    if other_version:
        told = f"{_OTHER_VERSION}({api_version}) does not match the expected API version ("
        return not api_version or message.startswith(told)
    if not kind:
        # What the body leaves out is the resource's own.
        return _ANY_KIND.match(message) is not None
    start = f"{kind} in version "
    if not message.startswith(start):
        return False
    version = api_version.rpartition("/")[2]
    if version:
        return message.startswith(f"{go_quote(version)}{_CANNOT}", len(start))
    found = _VERSION.match(message, len(start))
    return found is not None and message.startswith(_CANNOT, found.end())


def _type_of(refusal: Refusal) -> tuple[str, str]:
    """The kind and the apiVersion of the body; nothing of one that is not worth its reading."""
    body = refusal.body
    if not body or len(body) > TYPE_LIMIT:
        return "", ""
    try:
        return submitted.type_of(refusal.content_type, body, refusal.budget)
    except BudgetExceededError:
        raise
    except SerializationError:
        return "", ""


def summary(body: bytes) -> str:
    """The beginning of a body as the server quotes it (apiserver endpoints/handlers/helpers.go)."""
    if not body:
        return "<empty>"
    more = " ..." if len(body) > _SUMMARY else ""
    shown = body[:_SUMMARY]
    if not body.startswith(b"{"):
        return shown.hex() + more
    # Go replaces byte by byte, Python a sequence that is cut off as a whole.
    return json.go_text(json.text_from_bytes(shown)) + more
