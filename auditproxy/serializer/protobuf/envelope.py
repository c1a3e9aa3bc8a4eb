"""Kubernetes protobuf, as far as it can be read without a table of types.

A body is the four bytes ``k8s\\0`` and a runtime.Unknown message: 1 typeMeta
{1 apiVersion, 2 kind}, 2 raw, where raw is the object's own message without
kind and apiVersion. Nearly every object has its ObjectMeta as field 1.

The input is untrusted: reading takes linear time, copies only what it returns,
does not recurse with the input, and raises only ProtobufError. Fields with unknown
numbers are skipped, the last of a repeated scalar is kept and repeated messages are
merged, as in generated Go code.
"""

from functools import lru_cache
from typing import Any

import msgspec

from auditproxy.apis.status import Status, StatusCause, StatusDetails
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.json import text_from_bytes
from auditproxy.serializer.protobuf.wire import (
    BYTES,
    fields,
    integer,
    message,
    signed,
    text,
    varint,
)

MAGIC = b"k8s\x00"

MAXIMUM_KINDS = 256
"""TypeMetas of less than 128 bytes that are remembered; the built-in kinds are half as many."""
_TYPE_META, _RAW = 1 << 3 | BYTES, bytes((2 << 3 | BYTES,))
_ENDS = (b"", bytes((3 << 3 | BYTES, 0, 4 << 3 | BYTES, 0)))
"""What is behind the object: nothing, or contentEncoding and contentType, both empty."""


class Envelope(msgspec.Struct, frozen=True):
    """What a body says about its object, and where in it the object's own message is.

    A LIST may be a hundred MiB: it is read where it stands, not from a copy.
    """

    api_version: str
    kind: str
    body: bytes
    start: int
    end: int

    @property
    def raw(self) -> bytes:
        """The object's own message, a copy."""
        return self.body[self.start : self.end]


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What objectRef takes from an object's metadata; absent members are empty."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


def is_protobuf(raw: bytes) -> bool:
    """Whether the bytes begin as a Kubernetes protobuf body does."""
    return raw.startswith(MAGIC)


def envelope(raw: bytes, budget: Budget | None = None) -> Envelope:
    """The outer message of a body, prefix included.

    Raises ProtobufError and BudgetExceededError.
    """
    if not is_protobuf(raw):
        raise ProtobufError("the body does not begin with the protobuf prefix")
    found = _as_written(raw)
    if found is not None:
        return found
    api_version = kind = ""
    start, end = len(raw), len(raw)
    for number, wire, first, last in fields(raw, len(MAGIC), len(raw), budget):
        if number == 1:
            for inner in fields(raw, *message(wire, first, last), budget):
                if inner[0] == 1:
                    api_version = text(raw, inner)
                elif inner[0] == 2:
                    kind = text(raw, inner)
        elif number == 2:
            start, end = message(wire, first, last)
    return Envelope(api_version, kind, raw, start, end)


def _as_written(raw: bytes) -> Envelope | None:
    """Return the envelope if it is in the form that Go writes, else None."""
    begin = len(MAGIC) + 2
    if len(raw) <= begin or raw[begin - 2] != _TYPE_META or raw[begin - 1] >= 0x80:
        return None
    end = begin + raw[begin - 1]
    if raw[end : end + 1] != _RAW:
        return None
    try:
        size, start = varint(raw, end + 1, len(raw))
        api_version, kind = _type_meta(raw[begin:end])
    except ProtobufError:
        return None
    if start + size > len(raw) or raw[start + size :] not in _ENDS:
        return None
    return Envelope(api_version, kind, raw, start, start + size)


@lru_cache(maxsize=MAXIMUM_KINDS)
def _type_meta(raw: bytes) -> tuple[str, str]:
    """The apiVersion and kind of a typeMeta; raises ProtobufError."""
    found = {1: "", 2: ""}
    for entry in fields(raw, 0, len(raw)):
        if entry[0] in found:
            found[entry[0]] = text(raw, entry)
    return found[1], found[2]


def object_meta(raw: bytes, budget: Budget | None = None) -> ObjectMeta:
    """Return the metadata of an object's message (Envelope.raw); the rest is not decoded.

    Raises ProtobufError and BudgetExceededError.
    """
    found = {1: "", 3: "", 5: "", 6: ""}
    for number, wire, first, last in fields(raw, 0, len(raw), budget):
        if number == 1:
            for inner in fields(raw, *message(wire, first, last), budget):
                if inner[0] in found:
                    found[inner[0]] = text(raw, inner)
    return ObjectMeta(name=found[1], namespace=found[3], uid=found[5], resource_version=found[6])


def status(raw: bytes, budget: Budget | None = None) -> Status:
    """The Status of an answer (Envelope.raw), its ListMeta in ``metadata`` as JSON spells it.

    An event's responseStatus has an empty metadata whatever the answer had.
    Raises ProtobufError and BudgetExceededError.
    """
    texts = {2: "", 3: "", 4: ""}
    metadata: dict[str, Any] = {}
    details: list[tuple[int, int]] = []
    code = 0
    for entry in fields(raw, 0, len(raw), budget):
        number, wire, first, last = entry
        if number == 1:
            _list_meta(raw, message(wire, first, last), metadata, budget)
        elif number in texts:
            texts[number] = text(raw, entry)
        elif number == 5:
            details.append(message(wire, first, last))
        elif number == 6:
            code = signed(integer(entry), 32)
    return Status(
        metadata={
            name: metadata[name] for name in _LIST_META.values() if metadata.get(name, "") != ""
        },
        status=texts[2],
        message=texts[3],
        reason=texts[4],
        details=_status_details(raw, details, budget) if details else None,
        code=code,
    )


_LIST_META = {1: "selfLink", 2: "resourceVersion", 3: "continue", 4: "remainingItemCount"}


def _list_meta(
    raw: bytes, span: tuple[int, int], metadata: dict[str, Any], budget: Budget | None
) -> None:
    """Add the members of a ListMeta; remainingItemCount is a pointer and shows a zero."""
    for entry in fields(raw, *span, budget):
        if entry[0] == 4:
            metadata[_LIST_META[4]] = signed(integer(entry), 64)
        elif entry[0] in _LIST_META:
            metadata[_LIST_META[entry[0]]] = text(raw, entry)


def _status_details(
    raw: bytes, spans: list[tuple[int, int]], budget: Budget | None
) -> StatusDetails:
    """StatusDetails from all its occurrences."""
    texts = {1: "", 2: "", 3: "", 6: ""}
    causes: list[StatusCause] = []
    retry_after_seconds = 0
    for span in spans:
        for entry in fields(raw, *span, budget):
            number, wire, first, last = entry
            if number in texts:
                texts[number] = text(raw, entry)
            elif number == 4:
                causes.append(_status_cause(raw, message(wire, first, last), budget))
            elif number == 5:
                retry_after_seconds = signed(integer(entry), 32)
    return StatusDetails(
        name=texts[1],
        group=texts[2],
        kind=texts[3],
        uid=texts[6],
        causes=tuple(causes),
        retry_after_seconds=retry_after_seconds,
    )


def _status_cause(raw: bytes, span: tuple[int, int], budget: Budget | None) -> StatusCause:
    """One StatusCause."""
    texts = {1: "", 2: "", 3: ""}
    for entry in fields(raw, *span, budget):
        if entry[0] in texts:
            texts[entry[0]] = text(raw, entry)
    return StatusCause(texts[1], texts[2], texts[3])


def delete_options(raw: bytes, budget: Budget | None = None) -> dict[str, Any]:
    """DeleteOptions (Envelope.raw) by JSON names in any order, without kind and apiVersion.

    Only what was sent is there, zeros included; an empty list was not sent.
    Raises ProtobufError and BudgetExceededError.
    """
    found: dict[str, Any] = {}
    preconditions: dict[str, str] | None = None
    dry_run: list[str] = []
    for entry in fields(raw, 0, len(raw), budget):
        number, wire, first, last = entry
        if number == 1:
            found["gracePeriodSeconds"] = signed(integer(entry), 64)
        elif number == 2:
            preconditions = preconditions or {}
            for inner in fields(raw, *message(wire, first, last), budget):
                if inner[0] in (1, 2):
                    preconditions["uid" if inner[0] == 1 else "resourceVersion"] = text(raw, inner)
        elif number == 3:
            found["orphanDependents"] = bool(integer(entry))
        elif number == 4:
            found["propagationPolicy"] = text(raw, entry)
        elif number == 5:
            dry_run.append(text(raw, entry))
        elif number == 6:
            name = "ignoreStoreReadErrorWithClusterBreakingPotential"
            found[name] = bool(integer(entry))
    if preconditions is not None:
        names = ("uid", "resourceVersion")
        found["preconditions"] = {
            name: preconditions[name] for name in names if name in preconditions
        }
    if dry_run:
        found["dryRun"] = dry_run
    return found


def string_at(raw: bytes, path: tuple[int, ...]) -> str:
    """The string behind a path of field numbers, such as (3, 1) for a TokenRequest's status.token.

    Empty when it is not there; of doubled fields the last one counts. Raises ProtobufError.
    """
    span = (0, len(raw))
    for wanted in path:
        inner: tuple[int, int] | None = None
        for number, wire, first, last in fields(raw, *span):
            if number == wanted:
                inner = message(wire, first, last)
        if inner is None:
            return ""
        span = inner
    return text_from_bytes(raw[span[0] : span[1]])
