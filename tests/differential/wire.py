"""Objects in the languages that kube-apiserver reads: JSON, YAML, protobuf and CBOR.

Protobuf is written from the product's table of types, members of other names are
left out, as a Go client without such a field would.
"""

import base64
import json
import re
import struct
from datetime import UTC, datetime
from typing import Any

import cbor2
import yaml

from auditproxy.serializer.protobuf.table import TYPE_META, Field, builtin
from tests.fakes.wire import block, envelope, number_field, varint

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
CBOR = "application/cbor"

_SECOND = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 1e-6, "ns": 1e-9}


class NotProtobufError(Exception):
    """The object has no protobuf: its kind is not in the table, or a value does not fit it."""


def encode(obj: Any, media_type: str) -> bytes:
    """The object in one language; raises NotProtobufError where that is not possible."""
    if media_type == YAML:
        return yaml.safe_dump(obj, sort_keys=False, allow_unicode=True).encode()
    if media_type == CBOR:
        return b"\xd9\xd9\xf7" + cbor2.dumps(obj)
    if media_type == PROTOBUF:
        return protobuf(obj)
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode()


def protobuf(obj: dict[str, Any]) -> bytes:
    """A whole body of Kubernetes' protobuf."""
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    name = builtin().kinds.get(f"{api_version}/{kind}")
    if name is None:
        raise NotProtobufError(f"{api_version}/{kind}")
    try:
        return envelope(api_version, kind, message(name, obj))
    except (TypeError, ValueError, AttributeError, struct.error, KeyError) as error:
        raise NotProtobufError(str(error)) from None


def message(name: str, obj: dict[str, Any]) -> bytes:
    """The fields of one message."""
    raw = b""
    for row in builtin().types[name]:
        if row.name == TYPE_META:
            continue
        if "i" in row.flags:
            inner = message(row.message, obj)
            raw += block(row.number, inner) if inner else b""
            continue
        value = obj.get(row.name)
        if value is None:
            continue
        if "m" in row.flags:
            for key, each in value.items():
                one = row._replace(number=2, flags="")
                raw += block(row.number, block(1, key.encode()) + _field(one, each))
        elif "r" in row.flags:
            for each in value:
                raw += _field(row, each)
        else:
            raw += _field(row, value)
    return raw


def _field(row: Field, value: Any) -> bytes:
    """One value under its number."""
    kind, number = row.kind, row.number
    if kind in ("v", "i", "u"):
        return number_field(number, int(value))
    if kind == "b":
        return number_field(number, int(bool(value)))
    if kind == "d":
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if kind == "s":
        return block(number, value.encode())
    if kind == "y":
        return block(number, base64.b64decode(value))
    if kind == "m":
        return block(number, message(row.message, value))
    return block(number, _special(kind, value))


def _special(kind: str, value: Any) -> bytes:
    """The messages that JSON writes as one value."""
    if kind == "quantity":
        return block(1, str(value).encode())
    if kind == "intorstring":
        if isinstance(value, str):
            return number_field(1, 1) + number_field(2, 0) + block(3, value.encode())
        return number_field(1, 0) + number_field(2, value) + block(3, b"")
    if kind in ("time", "microtime"):
        return _time(value)
    if kind == "duration":
        return number_field(1, _nanoseconds(value))
    if kind == "strlist":
        return b"".join(block(1, each.encode()) for each in value)
    if kind in ("jspoa", "jspob", "jspos", "unknown"):
        raise ValueError(f"{kind} is not written")
    return block(1, json.dumps(value, separators=(",", ":")).encode())


def _time(value: str) -> bytes:
    found = _SECOND.fullmatch(value)
    if found is None:
        raise ValueError("not a time")
    moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    fraction = int((found[2] or "0").ljust(9, "0"))
    return number_field(1, int(moment.timestamp())) + number_field(2, fraction)


def _nanoseconds(value: str) -> int:
    parts = re.findall(r"([\d.]+)(h|ms|us|ns|m|s)", value)
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts) * 1e9)
