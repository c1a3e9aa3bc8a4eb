"""kube-apiserver's labels of a request: verb, scope, dry_run (apiserver endpoints/metrics)."""

from auditproxy.apis.attributes import RequestInfo

_CONNECT_SUBRESOURCES = frozenset({"log", "exec", "portforward", "attach", "proxy"})
_VERBS = frozenset(
    {
        "APPLY",
        "CONNECT",
        "CREATE",
        "DELETE",
        "DELETECOLLECTION",
        "GET",
        "LIST",
        "PATCH",
        "POST",
        "PROXY",
        "PUT",
        "UPDATE",
        "WATCH",
        "WATCHLIST",
    }
)
OTHER = "other"


def clean_scope(info: RequestInfo) -> str:
    """``resource``, ``namespace`` or ``cluster``; "" for what is no resource request."""
    if info.name or info.verb == "create":
        return "resource"
    if info.namespace:
        return "namespace"
    return "cluster" if info.is_resource_request else ""


def clean_verb(info: RequestInfo, method: str, content_type: str = "") -> str:
    """The verb label of a request, ``other`` for one that kube-apiserver has no label for."""
    if info.is_resource_request and info.subresource in _CONNECT_SUBRESOURCES:
        return "CONNECT"
    verb = method.upper()
    if verb in ("GET", "HEAD"):
        verb = "LIST" if clean_scope(info) in ("namespace", "cluster") else "GET"
        if info.verb == "watch":
            verb = "WATCH"
    elif verb == "PATCH" and content_type == "application/apply-patch+yaml":
        verb = "APPLY"
    return verb if verb in _VERBS else OTHER


def clean_dry_run(values: tuple[str, ...]) -> str:
    """The dry_run label: "", ``All`` or ``invalid``; several are sorted and joined."""
    cleaned = {value if value in ("", "All") else "invalid" for value in values}
    return ",".join(sorted(cleaned))
