"""RequestInfo: the meaning of method and path (apiserver endpoints/request/requestinfo.go).

The path is split after decoding, so an escaped slash also splits. Doubled slashes
inside give empty segments. All edge cases are kube-apiserver's own.
"""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.request.selectors import (
    LONGEST_SELECTORS,
    SelectorError,
    field_requirements,
    is_int64,
    label_requirements,
)
from auditproxy.request.target import Query, Target

_API_PREFIXES = frozenset({"api", "apis"})
_SPECIAL_VERBS = frozenset({"proxy", "watch"})
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_LONG_RUNNING_VERBS = frozenset({"watch", "proxy"})
_NAME_FIELD = "metadata.name"
_INTEGERS = ("timeoutSeconds", "limit")
"""Numeric list options; a single invalid one invalidates all the others."""


class RequestInfoError(ValueError):
    """The path starts like a resource request but ends too early (kube-apiserver's 500)."""


class LongSelectorsError(ValueError):
    """The selectors could set the request's name but are too long to parse in time.

    ``verb`` is that of the request, which depends on its query too.
    """

    def __init__(self, verb: str) -> None:
        super().__init__(
            f"selectors with {_NAME_FIELD} are longer than {LONGEST_SELECTORS} characters"
        )
        self.verb = verb


def resolve(method: str, target: Target) -> RequestInfo:
    """Return the RequestInfo of a request; raises RequestInfoError with kube-apiserver's text.

    Raises LongSelectorsError.
    """
    path = target.path
    stripped = path.strip("/")
    parts = stripped.split("/") if stripped else []
    if len(parts) < 3 or parts[0] not in _API_PREFIXES:
        return RequestInfo(is_resource_request=False, path=path, verb=method.lower())
    prefix = parts[0]
    group = ""
    index = 1
    if prefix != "api":
        if len(parts) < 4:
            return RequestInfo(
                is_resource_request=False, path=path, verb=method.lower(), api_prefix=prefix
            )
        group = parts[1]
        index = 2
    version = parts[index]
    parts = parts[index + 1 :]
    via_prefix = parts[0] in _SPECIAL_VERBS
    if via_prefix:
        if len(parts) < 2:
            raise RequestInfoError(
                f"unable to determine kind and namespace from url, {target.request_uri}"
            )
        verb = parts[0]
        parts = parts[1:]
    else:
        verb = _VERBS.get(method, "")
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    resource = parts[0]
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 and verb != "proxy" else ""
    if not name:
        if verb == "get":
            verb, name = _collection(target)
        elif verb == "delete":
            verb = "deletecollection"
    field_selector = label_selector = ""
    if not via_prefix and target.raw_query and verb in ("list", "watch", "deletecollection"):
        field_selector = target.query.first("fieldSelector") or ""
        label_selector = target.query.first("labelSelector") or ""
    return RequestInfo(
        is_resource_request=True,
        path=path,
        verb=verb,
        api_prefix=prefix,
        api_group=group,
        api_version=version,
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name,
        parts=tuple(parts),
        field_selector=field_selector,
        label_selector=label_selector,
    )


def _collection(target: Target) -> tuple[str, str]:
    """Return list or watch for a GET without a name, and the name from its field selector.

    Raises LongSelectorsError.
    """
    if not target.raw_query:
        return "list", ""
    query = target.query
    watch = query.first("watch")
    # Without metadata.name the options give no name; whether they decode does not matter.
    plain = watch is None or watch.isascii()
    if plain and _NAME_FIELD not in (query.first("fieldSelector") or ""):
        return ("list" if watch is None or watch.lower() in ("0", "false") else "watch"), ""
    watches = watch is not None and watch != "0" and watch.casefold() != "false"
    labels, fields = query.first("labelSelector") or "", query.first("fieldSelector") or ""
    if len(labels) + len(fields) > LONGEST_SELECTORS:
        raise LongSelectorsError("watch" if watches else "list")
    name = _selected_name(query, labels, fields)
    if name is None:
        # kube-apiserver then reads only this parameter, with a different case folding.
        alone = watch is not None and watch.lower() not in ("0", "false")
        return ("watch" if alone else "list"), ""
    return ("watch" if watches else "list"), name


def _selected_name(query: Query, labels: str, fields: str) -> str | None:
    """Return the name in ``metadata.name=X``, "" if none, None if an option is invalid."""
    for parameter in _INTEGERS:
        text = query.first(parameter)
        if text is not None and not is_int64(text):
            return None
    try:
        label_requirements(labels)
        requirements = field_requirements(fields)
    except SelectorError:
        return None
    for requirement in requirements:
        if requirement.key == _NAME_FIELD and requirement.operator == "In":
            name = requirement.values[0]
            return name if _is_path_segment(name) else ""
    return ""


def _is_path_segment(name: str) -> bool:
    """Return whether the name is a valid path segment (api/validate/content IsPathSegmentName)."""
    return name not in (".", "..") and "/" not in name and "%" not in name


def is_long_running(info: RequestInfo) -> bool:
    """Return whether a request has no deadline and gets a ResponseStarted event."""
    if info.verb in _LONG_RUNNING_VERBS:
        return True
    if info.is_resource_request:
        return info.subresource in STREAMING_SUBRESOURCES
    return info.path.startswith("/debug/pprof/")
