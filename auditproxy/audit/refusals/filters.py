"""Texts only kube-apiserver's filters write: authentication, impersonation, authorization.

Each function takes a refusal with a code of the filter and returns whether the filter sent it.
"""

import re

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.gotext import go_quote, html_sanitize
from auditproxy.apis.status import forbidden_message, new_forbidden
from auditproxy.apis.user import UserInfo
from auditproxy.audit.refusals.refusal import Refusal
from auditproxy.request.attributes import attributes

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_IMPERSONATE = re.compile(
    rf"User {_QUOTED.pattern} cannot (?:impersonate-on:[a-z-]+:\S+ (?:resource|path)"
    r'|impersonate(?::[a-z-]+)? resource) "'
)
_IMPERSONATED = frozenset({"users", "groups", "uids", "userextras", "serviceaccounts", "nodes"})
_IMPERSONATED_GROUPS = frozenset({"", "authentication.k8s.io"})


def shutting_down(refusal: Refusal) -> bool:
    """Whether the server is shutting down: one text, sent before authentication."""
    return not refusal.is_proxied and refusal.message == "apiserver is shutting down"


def unauthorized(refusal: Refusal) -> bool:
    """Whether it is the filter's one text; a server behind a proxy may send the same."""
    if refusal.is_proxied:
        return False
    status = refusal.status
    if status is None:
        return not _chosen_elsewhere(refusal.info)
    return status.message == status.reason == "Unauthorized" and status.details is None


def _chosen_elsewhere(info: RequestInfo) -> bool:
    """Whether others than the server may answer: admission for writes, backends of a proxy."""
    if not info.is_resource_request:
        return False
    return info.verb in WRITES or info.verb == "proxy" or bool(info.subresource)


def authorizer(refusal: Refusal) -> bool:
    """The sentence about this very user, verb, resource, name and namespace; nothing before it."""
    status = refusal.status
    if status is None:
        # A Status too large for its copy, or of a HEAD: the header is the filters' own.
        if refusal.is_proxied:
            return False
        return refusal.no_sniff or not _chosen_elsewhere(refusal.info)
    if status.reason not in ("Forbidden", ""):
        return False
    asked = attributes(UserInfo(username=refusal.username), refusal.info)
    expected = new_forbidden(asked, "")
    if status.details not in (None, expected.details):
        return False
    if _begins(status.message, expected.message):
        return True
    if not _chosen_elsewhere(refusal.info):
        # Reads pass no admission: only the authorizer refuses them with a text about this user,
        # so the text up to the verb is enough. The rest differs between releases.
        core = forbidden_message(asked, "")
        said = html_sanitize(f"User {go_quote(refusal.username)} cannot {refusal.info.verb} ")
        start = expected.message.removesuffix(core) + said
        if status.message.startswith(start):
            return True
    # The server may know the user by another name than we do, and quote in another way. Its
    # filters alone set the header.
    return refusal.no_sniff and _says(status.message, _sentence(refusal.info))


def _sentence(info: RequestInfo) -> tuple[str, ...]:
    """The authorizer's sentence about a request, cut where something is quoted in it."""
    kind = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
    asked = f" cannot {html_sanitize(info.verb)} "
    if not info.is_resource_request:
        return ("forbidden: User ", f"{asked}path ", "")
    subject = (
        (f"{kind} ", " is forbidden: User ") if info.name else (f"{kind} is forbidden: User ",)
    )
    resource = (*subject, f"{asked}resource ", " in API group ")
    return (
        (*resource, " in the namespace ", "")
        if info.namespace
        else (*resource, " at the cluster scope")
    )


def _says(message: str, sentence: tuple[str, ...]) -> bool:
    """Whether a message begins with the pieces of a sentence, something quoted between each two."""
    position = 0
    for index, piece in enumerate(sentence):
        if index:
            quoted = _QUOTED.match(message, position)
            if quoted is None:
                return False
            position = quoted.end()
        if not message.startswith(piece, position):
            return False
        position += len(piece)
    return position == len(message) or message.startswith(": ", position)


def _begins(message: str, sentence: str) -> bool:
    """Whether a message is the sentence, or that and the authorizer's reason."""
    return message == sentence or message.startswith(f"{sentence}: ")


def impersonation(refusal: Refusal) -> bool:
    """The authorizer's sentence about impersonating, whatever it is that may not be asked for."""
    status = refusal.status
    if refusal.is_proxied or status is None or status.details is None:
        return False
    if status.reason != "Forbidden":
        return False
    details, info = status.details, refusal.info
    asked = (info.api_group, info.resource, info.name)
    # A webhook chooses details too, and could name its own prefix there.
    if (details.group, details.kind, details.name) != asked and (
        details.group not in _IMPERSONATED_GROUPS or details.kind not in _IMPERSONATED
    ):
        return False
    subject = f"{details.kind}.{details.group}" if details.group else details.kind
    if details.name:
        subject = f"{subject} {go_quote(details.name)}"
    head = f"{subject} is forbidden: " if subject else "forbidden: "
    if not status.message.startswith(head):
        return False
    return _IMPERSONATE.match(status.message, len(head)) is not None
