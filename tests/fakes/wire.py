"""Objects made at random from the table of types: protobuf, and the JSON expected of it.

Written without a look at the decoder: values are Python's, rules are read from
the table's flags, so that two readings of the rules meet in a test.
"""

import base64
import random
import struct
from typing import Any

from auditproxy.serializer.protobuf.table import TYPE_META, Field, WireTable

_SCHEMA = "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps"
_LIST_META = "apimachinery/pkg/apis/meta/v1.ListMeta"
_PARTIAL = "apimachinery/pkg/apis/meta/v1.PartialObjectMetadata"
_WORDS = ("", "a", "web-0", 'quote " \\ back', "<html> & \u2028", "\n\t\x01", "déjà", "\U0001f600")
_LATEST = 253402300799


def varint(value: int) -> bytes:
    """A number as protobuf writes it; negative ones take ten bytes."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def block(number: int, value: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def number_field(number: int, value: int) -> bytes:
    """A field of a varint."""
    return varint(number << 3) + varint(value)


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    """A whole body."""
    meta = block(1, api_version.encode()) + block(2, kind.encode())
    return b"k8s\0" + block(1, meta) + block(2, raw) + block(3, b"") + block(4, b"")


class Maker:
    """Makes values of one table from one source of chance."""

    def __init__(self, table: WireTable, chance: random.Random) -> None:
        self.table = table
        self.chance = chance

    def message(self, name: str, depth: int) -> tuple[bytes, dict[str, Any]]:
        """A message's bytes, fields in any order, and its object."""
        pieces: list[bytes] = []
        shown: dict[str, Any] = {}
        rows = self.table.types[name]
        is_list = any(row.name == "metadata" and row.message == _LIST_META for row in rows)
        for row in rows:
            if row.name == TYPE_META:
                continue
            present = depth > 0 and self.chance.random() < 0.5
            if row.flags and set(row.flags) & set("rm"):
                wire, value = self._many(row, depth if present else 0)
                if is_list and row.name == "items" and value is None and row.message != _PARTIAL:
                    value = []
                if is_list and row.message == _PARTIAL and value:
                    version = "v1beta1" if "v1beta1" in name else "v1"
                    head = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}"}
                    value = [{**head, **item} for item in value]
                if value is not None or "o" not in row.flags:
                    shown[row.name] = value
            elif "p" in row.flags or (row.kind == "y" and not present):
                wire, value = self._one(row, depth) if present else (b"", None)
                default = {"": None, '""': "", '"Cluster"': "Cluster"}
                if not present and row.default:
                    value = default[row.default] if row.default in default else int(row.default)
                if present or "o" not in row.flags:
                    shown[row.name] = value
            else:
                wire, value = self._one(row, depth) if present else (b"", self._zero(row))
                empty = value in ("", 0, False, None) and row.kind in ("s", "b", "v", "i", "d", "y")
                if "i" in row.flags:
                    shown.update(value)
                elif not (empty and "o" in row.flags) and not ("z" in row.flags and value is None):
                    shown[row.name] = value
            if wire:
                pieces.append(wire)
        self.chance.shuffle(pieces)
        return b"".join(pieces), shown

    def _many(self, row: Field, depth: int) -> tuple[bytes, Any]:
        """A list or a map; None when it has no element."""
        count = self.chance.randrange(3) if depth else 0
        if not count:
            return b"", None
        if "m" in row.flags:
            found: dict[str, Any] = {}
            wire = b""
            for _ in range(count):
                key = self.chance.choice(("", "a", "é", "z/b", "A"))
                one = row._replace(number=2, flags="")
                value_wire, value = self._one(one, depth - 1)
                if self.chance.random() < 0.2:
                    value_wire, value = b"", self._zero(one)
                wire += block(row.number, block(1, key.encode()) + value_wire)
                found[key] = value
            return wire, dict(sorted(found.items(), key=lambda item: item[0].encode()))
        pairs = [self._one(row._replace(flags=""), depth - 1) for _ in range(count)]
        return b"".join(wire for wire, _ in pairs), [value for _, value in pairs]

    def _zero(self, row: Field) -> Any:
        """The value of a plain field that is not on the wire."""
        if row.kind == "m":
            return self.message(row.message, 0)[1]
        zeros = {
            "s": "",
            "b": False,
            "v": 0,
            "i": 0,
            "d": 0,
            "y": "",
            "quantity": "0",
            "intorstring": 0,
        }
        return zeros.get(row.kind)

    def _one(self, row: Field, depth: int) -> tuple[bytes, Any]:
        """One value of a field with its key."""
        kind, number, chance = row.kind, row.number, self.chance
        if kind == "m":
            wire, value = self.message(row.message, depth - 1)
            return block(number, wire), value
        if kind in ("v", "i"):
            integer = chance.choice((0, 1, -1, 127, 128, 2**31 - 1, -(2**31)))
            integer = integer << 32 if kind == "v" and chance.random() < 0.2 else integer
            return number_field(number, integer), integer
        if kind == "b":
            flag = chance.random() < 0.5
            return number_field(number, flag), flag
        if kind == "d":
            double = chance.choice((0.0, 1.5, -2.25, 1e21, 1e-7, 123456.0))
            return varint(number << 3 | 1) + struct.pack("<d", double), double
        wire, value = self._special(kind, depth)
        return block(number, wire), value

    def _special(self, kind: str, depth: int) -> tuple[bytes, Any]:
        """The bytes of a value that has a length, without its key."""
        chance = self.chance
        word = chance.choice(_WORDS)
        if kind == "s":
            return word.encode(), word
        if kind == "y":
            data = chance.randbytes(chance.randrange(1, 5))
            return data, base64.b64encode(data).decode()
        if kind in ("time", "microtime"):
            day = chance.choice((0, 86399, 951782400, 1_800_000_000, _LATEST, -62135596799))
            text = {
                0: "1970-01-01T00:00:00",
                86399: "1970-01-01T23:59:59",
                951782400: "2000-02-29T00:00:00",
                1_800_000_000: "2027-01-15T08:00:00",
                _LATEST: "9999-12-31T23:59:59",
                -62135596799: "0001-01-01T00:00:01",
            }[day]
            wire = number_field(1, day) + number_field(2, 1999)
            return wire, text + (".000001Z" if kind == "microtime" else "Z")
        if kind == "quantity":
            return block(1, b"250m"), "250m"
        if kind == "intorstring":
            if chance.random() < 0.5:
                return number_field(1, 0) + number_field(2, -5) + block(3, b""), -5
            return number_field(1, 1) + number_field(2, 0) + block(3, word.encode()), word
        if kind in ("rawext", "fieldsv1", "json"):
            return block(1, b'{"b": 1.0, "a": [ ]}'), {"b": 1.0, "a": []}
        if kind == "unknown":
            return block(2, b'{"b":[1]}') + block(4, b"application/json"), {"b": [1]}
        if kind == "strlist":
            return block(1, word.encode()) + block(1, b"x"), [word, "x"]
        if kind == "jspob" and (depth <= 0 or chance.random() < 0.5):
            return number_field(1, 1), True
        if kind == "jspos" and (depth <= 0 or chance.random() < 0.5):
            return block(2, word.encode()), [word]
        wire, value = self.message(_SCHEMA, depth - 1)
        if kind == "jspoa" and chance.random() < 0.5:
            return block(2, wire), [value]
        return block(2 if kind == "jspob" else 1, wire), value
