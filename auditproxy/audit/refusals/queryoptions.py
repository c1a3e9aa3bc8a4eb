"""Options in a query that kube-apiserver refuses before it reads the body.

(apimachinery meta/v1/validation/validation.go; apiserver endpoints/handlers/delete.go.)
"""

from auditproxy.apis.gotext import go_quote
from auditproxy.request.selectors import (
    SelectorError,
    field_requirements,
    is_int64,
    label_requirements,
)
from auditproxy.request.target import Query

FIELD_MANAGER_LIMIT = 128
"""Bytes of a field manager's name."""

_KINDS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "deletecollection": "ListOptions",
}
_DIRECTIVES = frozenset(("", "Ignore", "Warn", "Strict"))
_APPLY = frozenset(("application/apply-patch+yaml", "application/apply-patch+cbor"))
_LIST_OPTIONS = (
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "watch",
    "allowWatchBookmarks",
    "limit",
    "continue",
)


def options_kind(verb: str) -> str:
    """Return the kind of the options that a verb reads from the query before the body."""
    return _KINDS.get(verb, "")


def options_refused(verb: str, query: Query, content_type: str) -> bool:
    """Whether a query has options of the verb that their validation refuses.

    Those of a list depend on each other; for them it is enough that one is there.
    """
    if verb == "deletecollection":
        return any(query.values(name) for name in _LIST_OPTIONS)
    manager = query.first("fieldManager") or ""
    if len(manager.encode("utf-8", "surrogateescape")) > FIELD_MANAGER_LIMIT:
        return True
    if not manager.isprintable() or (query.first("fieldValidation") or "") not in _DIRECTIVES:
        return True
    if verb == "patch":
        applies = content_type.partition(";")[0] in _APPLY
        if not manager if applies else query.values("force"):
            return True
    return any(value != "All" for value in query.values("dryRun"))


def list_options_refused(query: Query, message: str) -> bool:
    """Whether ListOptions of a query cannot be read, or name a field that the kind has not.

    Which fields it has is not known here: ``message`` must name one that is asked for.
    """
    for name in ("limit", "timeoutSeconds"):
        value = query.first(name)
        if value is not None and not is_int64(value):
            return True
    try:
        label_requirements(query.first("labelSelector") or "")
        fields = field_requirements(query.first("fieldSelector") or "")
    except SelectorError:
        return True
    return any(
        message.startswith(
            (
                f"{go_quote(field.key)} is not a known field selector: ",
                f"field label not supported: {field.key}",
                f"field label {go_quote(field.key)} not supported for ",
            )
        )
        for field in fields
    )
