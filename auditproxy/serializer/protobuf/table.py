"""The table of types: for each protobuf message its fields' numbers, JSON names and Go's rules.

A table is JSON: ``kinds`` names the message of each ``group/version/Kind`` (core:
``v1/Kind``), ``types`` lists each message's fields in the order of the Go struct,
which is JSON's order: ``[number, name, kind, flags, message, default]``, the last
three optional. docs/protobuf.md explains every letter. kubernetes.json beside this
file holds the facts of a Kubernetes release; others may be merged over it.
"""

import json as standard_json
import pkgutil
from functools import lru_cache
from typing import NamedTuple

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as

TYPE_META = "@typemeta"
"""The name that marks the place of kind and apiVersion; such a row has no number."""

MESSAGE = "m"
SCALARS = frozenset("sbviudy")
"""String, bool, int64 (varint), int32, unsigned, double, bytes."""
SPECIALS = frozenset(
    (
        "duration",
        "fieldsv1",
        "intorstring",
        "json",
        "jspoa",
        "jspob",
        "jspos",
        "microtime",
        "quantity",
        "rawext",
        "strlist",
        "time",
        "unknown",
    )
)
FLAGS = frozenset("ozprim")
_NUMBER_LIMIT = 1 << 29


class Field(NamedTuple):
    """One field of a message; flags: omitted when empty, omitted when Zero, Pointer, and so on."""

    number: int
    name: str
    kind: str = ""
    flags: str = ""
    message: str = ""
    default: str = ""
    """JSON that the server puts in place of the null of an absent pointer."""


@prepared
class WireTable(msgspec.Struct, frozen=True):
    """The facts of a release: messages by kind, fields by message."""

    kinds: dict[str, str]
    types: dict[str, tuple[Field, ...]]
    release: str = ""


class WireTableError(Unusable):
    """Not a table; ``faults`` lists everything that is wrong with it."""


@lru_cache(maxsize=1)
def builtin() -> WireTable:
    """The table of the built-in types; read on first use and then kept."""
    raw = pkgutil.get_data(__package__, "kubernetes.json")
    if raw is None:
        raise WireTableError("the table of the built-in types is not installed")
    return decode_as(raw, WireTable)


def parse(raw: bytes) -> WireTable:
    """A table from its JSON, checked by itself; messages may be the built-in ones.

    Raises WireTableError with all its faults.
    """
    try:
        table = decode_as(raw, WireTable)
    except JSONError as error:
        raise WireTableError(f"not a table of types: {error}") from None
    known = builtin().types
    faults = [
        f"kinds: {kind}: no message {message!r}"
        for kind, message in table.kinds.items()
        if message not in table.types and message not in known
    ]
    faults += [
        f"kinds: {kind!r} is not group/version/Kind" for kind in table.kinds if "/" not in kind
    ]
    for name, fields in table.types.items():
        faults += _message_faults(name, fields, table.types.keys() | known.keys())
    if not faults:
        faults = _cycles({**known, **table.types}, table.types)
    if faults:
        raise WireTableError(*faults)
    return table


def merged(tables: tuple[WireTable, ...]) -> WireTable:
    """The built-in table with others over it; a later one replaces kinds and messages."""
    if not tables:
        return builtin()
    kinds, types = dict(builtin().kinds), dict(builtin().types)
    for table in tables:
        kinds.update(table.kinds)
        types.update(table.types)
    return WireTable(kinds, types, builtin().release)


def dump(table: WireTable) -> bytes:
    """The table's JSON: one line a kind and a message, sorted, empty members left out."""
    lines = ['{"release":' + _line(table.release) + ',"kinds":{']
    lines.append(
        ",\n".join(f"{_line(kind)}:{_line(name)}" for kind, name in sorted(table.kinds.items()))
    )
    lines.append('},"types":{')
    lines.append(
        ",\n".join(
            f"{_line(name)}:{_line([_row(field) for field in fields])}"
            for name, fields in sorted(table.types.items())
        )
    )
    return "\n".join((*lines, "}}", "")).encode()


def _line(value: object) -> str:
    return standard_json.dumps(value, separators=(",", ":"))


def _row(field: Field) -> list[object]:
    """A field without its empty members at the end."""
    row: list[object] = list(field)
    while row[-1] == "":
        row.pop()
    return row


def _message_faults(name: str, fields: tuple[Field, ...], known: set[str]) -> list[str]:
    """What is wrong with one message."""
    faults = []
    numbers: set[int] = set()
    for index, field in enumerate(fields):
        place = f"types: {name}: {field.name!r}"
        if field.name == TYPE_META:
            if index:
                faults.append(f"{place} must be the first field")
            continue
        if not 0 < field.number < _NUMBER_LIMIT:
            faults.append(f"{place}: {field.number} is not a field number")
        elif field.number in numbers:
            faults.append(f"{place}: the number {field.number} is taken")
        numbers.add(field.number)
        if field.kind not in SCALARS and field.kind not in SPECIALS and field.kind != MESSAGE:
            faults.append(f"{place}: unknown kind of value {field.kind!r}")
        if not set(field.flags) <= FLAGS:
            faults.append(f"{place}: unknown flags {field.flags!r}")
        elif sum(flag in field.flags for flag in "prm") > 1 and field.flags != "":
            faults.append(f"{place}: p, r and m exclude one another")
        if field.kind == MESSAGE and field.message not in known:
            faults.append(f"{place}: no message {field.message!r}")
        if "i" in field.flags and (field.kind != MESSAGE or set(field.flags) & set("rm")):
            faults.append(f"{place}: only one message can be inlined")
        if field.default and not _is_json(field.default):
            faults.append(f"{place}: the default is not JSON")
        if not field.name and "i" not in field.flags:
            faults.append(f"types: {name}: {field.number} has no name")
    return faults


def _is_json(text: str) -> bool:
    try:
        standard_json.loads(text)
    except ValueError:
        return False
    return True


def _cycles(types: dict[str, tuple[Field, ...]], names: dict[str, tuple[Field, ...]]) -> list[str]:
    """Return messages that contain themselves as plain values: their JSON would be infinite."""
    done: set[str] = set()
    faults = []
    for first in names:
        path: dict[str, None] = {}
        stack = [(first, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                del path[name]
                done.add(name)
            elif name in path:
                faults.append(f"types: {name}: contains itself as a plain value")
                break
            elif name not in done:
                path[name] = None
                stack.append((name, True))
                stack += [
                    (field.message, False)
                    for field in types.get(name, ())
                    if field.kind == MESSAGE and not set(field.flags) & set("prm")
                ]
    return faults
