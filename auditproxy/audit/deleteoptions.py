"""DeleteOptions: the one request object whose recorded form is not that of the body."""

from typing import Any

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.audit.bodies import Members
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget

OPTION_SIZE = 4096
"""Bytes of one member of DeleteOptions that are decoded at once, whatever they hold."""
OPTION_VALUE = 4
"""Nodes that each list or object in a larger one costs."""


class _Preconditions(msgspec.Struct):
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815 - the name on the wire


@prepared
class DeleteOptions(msgspec.Struct):
    """The members in Go's order, with their types (apimachinery meta/v1 types.go)."""

    kind: str | None = None
    apiVersion: str | None = None  # noqa: N815
    gracePeriodSeconds: int | None = None  # noqa: N815
    preconditions: _Preconditions | None = None
    orphanDependents: bool | None = None  # noqa: N815
    propagationPolicy: str | None = None  # noqa: N815
    dryRun: list[str | None] | None = None  # noqa: N815
    ignoreStoreReadErrorWithClusterBreakingPotential: bool | None = None  # noqa: N815


_MEMBERS = DeleteOptions.__struct_fields__[2:]
"""Without kind and apiVersion."""
_FALSE_OMITTED = frozenset({"ignoreStoreReadErrorWithClusterBreakingPotential"})


def from_members(members: Members, budget: Budget | None) -> dict[str, Any]:
    """The members of DeleteOptions, decoded; raises SerializationError."""
    options = {}
    for name in ("kind", *_MEMBERS):
        if name in members:
            raw = bytes(members[name])
            if budget is not None and len(raw) > OPTION_SIZE:
                # Values are made at once, and a list of lists is the most that a byte can be.
                budget.spend(OPTION_VALUE * raw.count(b"[") + OPTION_VALUE * raw.count(b"{"))
            options[name] = json.decode(raw)
    return options


def recorded(options: dict[str, Any]) -> msgspec.Raw | None:
    """DeleteOptions in Go's order, under the internal version that kube-apiserver records.

    None for an object of another kind. No kind, an empty one and null are DeleteOptions
    (apimachinery runtime/serializer/json gvkWithDefaults).
    """
    if (options.get("kind") or "DeleteOptions") != "DeleteOptions":
        return None
    found = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/__internal"}
    for name in _MEMBERS:
        value = options.get(name)
        if value is not None and value != [] and (name not in _FALSE_OMITTED or value is not False):
            found[name] = value
    return msgspec.Raw(json.encode(found))
