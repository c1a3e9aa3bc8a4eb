"""What a request did, in words: ``exec in default/hello: env``, ``list secrets in default``."""

import shlex
from collections.abc import Mapping
from typing import Any

from auditproxy.embedded.kinds import RESOURCES
from auditproxy.request.target import Query
from auditproxy.serializer.json import go_text

_TYPES = {(known.group, known.resource): known for known in RESOURCES}
_SESSIONS = {
    "exec": ("exec in", "command"),
    "attach": ("attach to", ""),
    "portforward": ("port-forward to", "ports"),
    "log": ("read the log of", ""),
}
"""Subresources of pods that have words of their own, and the parameter that belongs to them."""
_COLLECTIONS = {"list": "list", "watch": "watch", "deletecollection": "delete all"}
_DISCOVERY = ("/api", "/apis", "/openapi", "/version", "/.well-known")


def request_in_words(event: Mapping[str, Any]) -> str:
    """The verb and the object of an event; text from the client is not made safe for a terminal."""
    uri: str = event["requestURI"]
    path, _, query = uri.partition("?")
    reference = event.get("objectRef")
    if reference is None:
        return f"{event['verb']} {path}"
    parameters = Query(query.encode("utf-8", "surrogateescape"))
    words = _of_object(event["verb"], reference, parameters)
    if "dryRun" in parameters:
        words += " (dry run)"
    return go_text(words)


def is_discovery(event: Mapping[str, Any]) -> bool:
    """Whether a client only asked what the server offers, and was answered.

    ``/api/v1`` and ``/apis/apps/v1`` belong to it; 404 and 406 make kubectl ask for an older form.
    """
    path = event["requestURI"].partition("?")[0]
    code = event.get("responseStatus", {}).get("code", 0)
    known = any(path == root or path.startswith(f"{root}/") for root in _DISCOVERY)
    return (
        event.get("objectRef") is None
        and event["verb"] == "get"
        and known
        and (code < 400 or code in (404, 406))
    )


def discovery_root(event: Mapping[str, Any]) -> str:
    """The first segment of a discovery path, ``/apis`` for ``/apis/apps/v1``."""
    path: str = event["requestURI"].partition("?")[0]
    return f"/{path.split('/')[1]}"


def _of_object(verb: str, reference: Mapping[str, Any], parameters: Query) -> str:
    resource, subresource = reference.get("resource", ""), reference.get("subresource", "")
    namespace, name = reference.get("namespace", ""), reference.get("name", "")
    place = "/".join(part for part in (namespace, name) if part)
    if resource == "pods" and subresource in _SESSIONS:
        words, parameter = _SESSIONS[subresource]
        detail = parameters.values(parameter)
        return f"{words} {place}" + (f": {shlex.join(detail)}" if detail else "")
    if resource == "pods" and subresource == "eviction":
        return f"evict pod {place}"
    if not subresource and not name and verb in _COLLECTIONS:
        words = f"{_COLLECTIONS[verb]} {_plural(reference)}"
        return f"{words}{_where(reference, parameters)}"
    thing = f"{_singular(reference)} {place}".rstrip()
    if subresource:
        thing = f"{subresource} of {thing}"
    return f"{verb} {thing}"


def _where(reference: Mapping[str, Any], parameters: Query) -> str:
    """``in default``, ``in all namespaces``, nothing for what is in none; then the selectors."""
    known = _TYPES.get((reference.get("apiGroup", ""), reference.get("resource", "")))
    where = ""
    if reference.get("namespace"):
        where = f" in {reference['namespace']}"
    elif known is not None and known.namespaced:
        where = " in all namespaces"
    selectors = [
        value for key in ("labelSelector", "fieldSelector") for value in parameters.values(key)
    ]
    chosen = ", ".join(value for value in selectors if value)
    return f"{where} where {chosen}" if chosen else where


def _plural(reference: Mapping[str, Any]) -> str:
    group, resource = reference.get("apiGroup", ""), reference.get("resource", "")
    is_plain = (group, resource) in _TYPES or not group
    return str(resource if is_plain else f"{resource}.{group}")


def _singular(reference: Mapping[str, Any]) -> str:
    known = _TYPES.get((reference.get("apiGroup", ""), reference.get("resource", "")))
    return known.singular if known is not None else _plural(reference)
