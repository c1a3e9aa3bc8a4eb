"""Kubernetes protobuf, as far as it can be read without a table of types.

A body is the four bytes ``k8s\\0`` and a runtime.Unknown message: 1 typeMeta
{1 apiVersion, 2 kind}, 2 raw, where raw is the object's own message without
kind and apiVersion. Nearly every object has its ObjectMeta as field 1.

Everything here is fed by strangers: reading takes linear time, copies nothing
but what it returns, does not recurse with the input, and raises ProtobufError
and nothing else. Fields with unknown numbers are skipped, the last of a
doubled scalar counts and doubled messages are merged, as generated Go code does.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from auditproxy.apis.status import Status, StatusCause, StatusDetails
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.json import text_from_bytes

MAGIC = b"k8s\x00"

_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)
_VARINT_LIMIT = 10
"""Bytes that a number of 64 bits may take."""
_MASK = (1 << 64) - 1

Field = tuple[int, int, int, int]
"""Number, wire type, and where the value begins and ends; for a varint: number, 0, its value, 0."""


class Envelope(msgspec.Struct, frozen=True):
    """What a body says about its object, and the object's own message."""

    api_version: str
    kind: str
    raw: bytes


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What objectRef takes from an object's metadata; absent members are empty."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


def is_protobuf(raw: bytes) -> bool:
    """Whether the bytes begin as a Kubernetes protobuf body does."""
    return raw.startswith(MAGIC)


def envelope(raw: bytes) -> Envelope:
    """The outer message of a body, prefix included; raises ProtobufError."""
    if not is_protobuf(raw):
        raise ProtobufError("the body does not begin with the protobuf prefix")
    api_version = kind = ""
    start, end = len(raw), len(raw)
    for number, wire, first, last in _fields(raw, len(MAGIC), len(raw)):
        if number == 1:
            for inner in _fields(raw, *_message(wire, first, last)):
                if inner[0] == 1:
                    api_version = _text(raw, inner)
                elif inner[0] == 2:
                    kind = _text(raw, inner)
        elif number == 2:
            start, end = _message(wire, first, last)
    return Envelope(api_version, kind, raw[start:end])


def object_meta(raw: bytes) -> ObjectMeta:
    """The metadata of an object's message (Envelope.raw); raises ProtobufError."""
    found = {1: "", 3: "", 5: "", 6: ""}
    for number, wire, first, last in _fields(raw, 0, len(raw)):
        if number == 1:
            for inner in _fields(raw, *_message(wire, first, last)):
                if inner[0] in found:
                    found[inner[0]] = _text(raw, inner)
    return ObjectMeta(name=found[1], namespace=found[3], uid=found[5], resource_version=found[6])


def status(raw: bytes) -> Status:
    """The Status of an answer (Envelope.raw), its ListMeta in ``metadata`` as JSON spells it.

    An event's responseStatus has an empty metadata whatever the answer had.
    Raises ProtobufError.
    """
    texts = {2: "", 3: "", 4: ""}
    metadata: dict[str, Any] = {}
    details: list[tuple[int, int]] = []
    code = 0
    for entry in _fields(raw, 0, len(raw)):
        number, wire, first, last = entry
        if number == 1:
            _list_meta(raw, _message(wire, first, last), metadata)
        elif number in texts:
            texts[number] = _text(raw, entry)
        elif number == 5:
            details.append(_message(wire, first, last))
        elif number == 6:
            code = _signed(_integer(entry), 32)
    return Status(
        metadata={
            name: metadata[name] for name in _LIST_META.values() if metadata.get(name, "") != ""
        },
        status=texts[2],
        message=texts[3],
        reason=texts[4],
        details=_status_details(raw, details) if details else None,
        code=code,
    )


_LIST_META = {1: "selfLink", 2: "resourceVersion", 3: "continue", 4: "remainingItemCount"}


def _list_meta(raw: bytes, span: tuple[int, int], metadata: dict[str, Any]) -> None:
    """Add the members of a ListMeta; remainingItemCount is a pointer and shows a zero."""
    for entry in _fields(raw, *span):
        if entry[0] == 4:
            metadata[_LIST_META[4]] = _signed(_integer(entry), 64)
        elif entry[0] in _LIST_META:
            metadata[_LIST_META[entry[0]]] = _text(raw, entry)


def _status_details(raw: bytes, spans: list[tuple[int, int]]) -> StatusDetails:
    """StatusDetails from all its occurrences."""
    texts = {1: "", 2: "", 3: "", 6: ""}
    causes: list[StatusCause] = []
    retry_after_seconds = 0
    for span in spans:
        for entry in _fields(raw, *span):
            number, wire, first, last = entry
            if number in texts:
                texts[number] = _text(raw, entry)
            elif number == 4:
                causes.append(_status_cause(raw, _message(wire, first, last)))
            elif number == 5:
                retry_after_seconds = _signed(_integer(entry), 32)
    return StatusDetails(
        name=texts[1],
        group=texts[2],
        kind=texts[3],
        uid=texts[6],
        causes=tuple(causes),
        retry_after_seconds=retry_after_seconds,
    )


def _status_cause(raw: bytes, span: tuple[int, int]) -> StatusCause:
    """One StatusCause."""
    texts = {1: "", 2: "", 3: ""}
    for entry in _fields(raw, *span):
        if entry[0] in texts:
            texts[entry[0]] = _text(raw, entry)
    return StatusCause(texts[1], texts[2], texts[3])


def delete_options(raw: bytes) -> dict[str, Any]:
    """DeleteOptions (Envelope.raw) by JSON names in Go's order, without kind and apiVersion.

    Only what was sent is there, zeros included; an empty list was not sent.
    Raises ProtobufError.
    """
    found: dict[str, Any] = {}
    preconditions: dict[str, str] | None = None
    dry_run: list[str] = []
    for entry in _fields(raw, 0, len(raw)):
        number, wire, first, last = entry
        if number == 1:
            found["gracePeriodSeconds"] = _signed(_integer(entry), 64)
        elif number == 2:
            preconditions = preconditions or {}
            for inner in _fields(raw, *_message(wire, first, last)):
                if inner[0] in (1, 2):
                    preconditions["uid" if inner[0] == 1 else "resourceVersion"] = _text(raw, inner)
        elif number == 3:
            found["orphanDependents"] = bool(_integer(entry))
        elif number == 4:
            found["propagationPolicy"] = _text(raw, entry)
        elif number == 5:
            dry_run.append(_text(raw, entry))
        elif number == 6:
            found[_IGNORE_STORE_READ_ERROR] = bool(_integer(entry))
    if preconditions is not None:
        names = ("uid", "resourceVersion")
        found["preconditions"] = {
            name: preconditions[name] for name in names if name in preconditions
        }
    if dry_run:
        found["dryRun"] = dry_run
    return {name: found[name] for name in _DELETE_OPTIONS if name in found}


_IGNORE_STORE_READ_ERROR = "ignoreStoreReadErrorWithClusterBreakingPotential"
_DELETE_OPTIONS = (
    "gracePeriodSeconds",
    "preconditions",
    "orphanDependents",
    "propagationPolicy",
    "dryRun",
    _IGNORE_STORE_READ_ERROR,
)


def string_at(raw: bytes, path: tuple[int, ...]) -> str:
    """The string behind a path of field numbers, such as (3, 1) for a TokenRequest's status.token.

    Empty when it is not there; of doubled fields the last one counts. Raises ProtobufError.
    """
    span = (0, len(raw))
    for wanted in path:
        inner: tuple[int, int] | None = None
        for number, wire, first, last in _fields(raw, *span):
            if number == wanted:
                inner = _message(wire, first, last)
        if inner is None:
            return ""
        span = inner
    return text_from_bytes(raw[span[0] : span[1]])


def _fields(raw: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the message that lies in ``raw[start:end]``."""
    position = start
    while position < end:
        key, position = _varint(raw, position, end)
        # Go keeps 32 bits of a field's number.
        number, wire = _signed(key >> 3, 32), key & 7
        if number <= 0 or wire == _END_GROUP:
            raise ProtobufError("illegal field key")
        if wire == _VARINT:
            value, position = _varint(raw, position, end)
            yield number, wire, value, 0
            continue
        if wire == _START_GROUP:
            position = _group_end(raw, position, end)
            yield number, wire, position, position
            continue
        first, position = _skip(raw, wire, position, end)
        yield number, wire, first, position


def _skip(raw: bytes, wire: int, position: int, end: int) -> tuple[int, int]:
    """Where a value of a known or computable length begins and ends."""
    if wire == _BYTES:
        length, position = _varint(raw, position, end)
    elif wire == _FIXED64:
        length = 8
    elif wire == _FIXED32:
        length = 4
    else:
        raise ProtobufError("illegal wire type")
    if length > end - position:
        raise ProtobufError("the message ends early")
    return position, position + length


def _group_end(raw: bytes, position: int, end: int) -> int:
    """Where a group, and all groups inside it, end; Kubernetes uses none."""
    depth = 1
    while depth:
        key, position = _varint(raw, position, end)
        wire = key & 7
        if wire == _START_GROUP:
            depth += 1
        elif wire == _END_GROUP:
            depth -= 1
        elif wire == _VARINT:
            _, position = _varint(raw, position, end)
        else:
            _, position = _skip(raw, wire, position, end)
    return position


def _varint(raw: bytes, position: int, end: int) -> tuple[int, int]:
    """A number of up to 64 bits and where it ends."""
    value = shift = 0
    for index in range(position, min(end, position + _VARINT_LIMIT)):
        byte = raw[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, index + 1
        shift += 7
    if end - position >= _VARINT_LIMIT:
        raise ProtobufError("a number is longer than 64 bits")
    raise ProtobufError("the message ends early")


def _message(wire: int, first: int, last: int) -> tuple[int, int]:
    """Where a value of bytes begins and ends."""
    if wire != _BYTES:
        raise ProtobufError("a field has the wrong wire type")
    return first, last


def _text(raw: bytes, entry: Field) -> str:
    """A string; bytes that are not UTF-8 become lone surrogates."""
    first, last = _message(*entry[1:])
    return text_from_bytes(raw[first:last])


def _integer(entry: Field) -> int:
    """A varint's value, unsigned."""
    if entry[1] != _VARINT:
        raise ProtobufError("a field has the wrong wire type")
    return entry[2]


def _signed(value: int, bits: int) -> int:
    """The two's complement meaning of the lowest bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
