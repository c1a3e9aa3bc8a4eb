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
    """``resource``, ``namespace`` or ``cluster``; "" for a request that is not for a resource."""
    if info.name or info.verb == "create":
        return "resource"
    if info.namespace:
        return "namespace"
    return "cluster" if info.is_resource_request else ""


def clean_verb(
    info: RequestInfo, method: str, content_type: str = "", watch: tuple[str, ...] = ()
) -> str:
    """The verb label of a request, ``other`` for one that kube-apiserver has no label for.

    ``watch`` are the values of the query parameter of that name: they count
    whatever the request is for, and a watch by the old paths has none.
    """
    if info.is_resource_request and info.subresource in _CONNECT_SUBRESOURCES:
        return "CONNECT"
    verb = method.upper()
    if verb == "GET" and (info.verb in ("watch", "watchlist") or _is_true(watch)):
        verb = "WATCH"
    elif verb in ("GET", "HEAD"):
        verb = "LIST" if clean_scope(info) in ("namespace", "cluster") else "GET"
    elif verb == "PATCH" and content_type == "application/apply-patch+yaml":
        verb = "APPLY"
    elif verb == "WATCHLIST":
        verb = "WATCH"
    return verb if verb in _VERBS else OTHER


def _is_true(values: tuple[str, ...]) -> bool:
    """A boolean query parameter: the first value counts, and all but two words mean true."""
    return bool(values) and values[0].lower() not in ("0", "false")


def clean_dry_run(values: tuple[str, ...]) -> str:
    """The dry_run label: "" without the parameter, ``All``, or ``invalid`` for anything else."""
    if not values:
        return ""
    return "All" if set(values) == {"All"} else "invalid"


def clean_code(code: int) -> str:
    """The code label; a switched connection is ``0``, for kube-apiserver sees no code of it."""
    return "0" if code == 101 else str(code)


def is_served(code: int) -> bool:
    """Whether an answer proves that the upstream knows the resource it was asked for.

    Most refusals come before the resource is looked up: 401, 403 and 429 by
    filters, 404 for what does not exist, 502 to 504 by the proxy itself.
    """
    return code in (101, 304, 409, 410, 422) or 200 <= code < 300
