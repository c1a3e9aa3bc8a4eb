"""kube-apiserver's labels of a request: verb, scope, dry_run (apiserver endpoints/metrics)."""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.names import STREAMING_SUBRESOURCES

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
APPLY_PATCH = "application/apply-patch+yaml"


def clean_scope(info: RequestInfo) -> str:
    """Return ``resource``, ``namespace`` or ``cluster``; "" for a non-resource request."""
    if info.name or info.verb == "create":
        return "resource"
    if info.namespace:
        return "namespace"
    return "cluster" if info.is_resource_request else ""


def clean_verb(
    info: RequestInfo, method: str, content_type: str = "", watch: tuple[str, ...] = ()
) -> str:
    """Return the verb label of a request, ``other`` if kube-apiserver has no label for it.

    ``watch`` has the values of the query parameter of that name. They apply to any kind of
    request; a watch by the old paths has none.
    """
    if info.is_resource_request and info.subresource in STREAMING_SUBRESOURCES:
        return "CONNECT"
    verb = method.upper()
    if verb == "GET" and (info.verb in ("watch", "watchlist") or _is_true(watch)):
        verb = "WATCH"
    elif verb in ("GET", "HEAD"):
        verb = "LIST" if clean_scope(info) in ("namespace", "cluster") else "GET"
    elif verb == "PATCH" and content_type == APPLY_PATCH:
        verb = "APPLY"
    elif verb == "WATCHLIST":
        verb = "WATCH"
    return verb if verb in _VERBS else OTHER


def _is_true(values: tuple[str, ...]) -> bool:
    """Parse a boolean query parameter: the first value applies; all but two words mean true."""
    return bool(values) and values[0].lower() not in ("0", "false")


def clean_dry_run(values: tuple[str, ...]) -> str:
    """Return the dry_run label: "" without the parameter, ``All``, or else ``invalid``."""
    if not values:
        return ""
    return "All" if set(values) == {"All"} else "invalid"


def clean_code(code: int) -> str:
    """Return the code label; ``0`` after a switch, of which kube-apiserver sees no code."""
    return "0" if code == 101 else str(code)


def is_served(code: int) -> bool:
    """Return whether an answer proves that the upstream knows the requested resource.

    Most refusals come before the resource is looked up: 401, 403 and 429 from filters,
    404 for objects that do not exist, 502 to 504 from the proxy itself.
    """
    return code in (101, 304, 409, 410, 422) or 200 <= code < 300
