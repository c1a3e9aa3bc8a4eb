"""YAML's scalars as go-yaml v2 resolves them: the types of plain text."""

import base64
import binascii
import math
import re
from typing import Any

from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.json import text_from_bytes

TAG = "tag:yaml.org,2002:"
"""What the tags of YAML's own types begin with."""
_RESOLVED_TAGS = frozenset(TAG + name for name in ("bool", "int", "float", "null", "timestamp"))

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hexadecimal>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)"
    r"|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES = {"hexadecimal": 16, "binary": 2, "octal": 8, "decimal": 10}
_INTEGER_LENGTH = 100
"""Characters beyond which no number fits into 64 bits, leading zeros aside."""
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def scalar(tag: str | None, text: str, line: int, *, plain: bool) -> Any:
    """Return the value of a scalar by its tag; of a plain one without a tag, by its text."""
    if tag is None:
        return _resolve(text) if plain else text
    if tag == TAG + "binary":
        try:
            return text_from_bytes(base64.b64decode(text.encode(), validate=True))
        except (binascii.Error, ValueError):
            raise YAMLError("yaml: !!binary value contains invalid base64 data") from None
    if tag not in _RESOLVED_TAGS:
        return text
    wanted = tag.removeprefix(TAG)
    value = _resolve(text)
    if wanted == "timestamp" and isinstance(value, str):
        return value
    if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted != _type_name(value):
        raise YAMLError(f"yaml: line {line}: cannot decode !!{_type_name(value)} as a !!{wanted}")
    return value


def _type_name(value: object) -> str:
    """The short tag of a resolved scalar."""
    if value is None:
        return "null"
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "str")


def _resolve(text: str) -> Any:
    """The value that a plain scalar looks like (go-yaml v2 resolve.go); mostly text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if text[0] == ".":
        number = text
    else:
        number = text.replace("_", "")
        integer = _integer(number)
        if integer is not None:
            return integer
    if _FLOAT.fullmatch(number):
        value = float(number)
        # Go does not accept a number out of range.
        return text if math.isinf(value) else value
    return text


def _integer(number: str) -> int | None:
    """An integer of 64 bits, signed or not, in Go's notation with its prefixes."""
    found = _INTEGER.fullmatch(number) if len(number) <= _INTEGER_LENGTH else None
    if found is None or found.lastgroup is None:
        return None
    value = int(found[found.lastgroup], _BASES[found.lastgroup])
    if found["sign"] == "-":
        return -value if value <= 1 << 63 else None
    # Beyond 63 bits only ParseUint is left, which takes no sign.
    return value if value < 1 << (63 if found["sign"] else 64) else None
