"""Kubernetes' own values in protobuf and the JSON that Go writes for each.

Every function takes the bytes of one message and gives finished JSON. An empty
message is the type's zero value. Raises ProtobufError and nothing else
(apimachinery pkg/apis/meta/v1 time_proto.go and micro_time.go, pkg/util/intstr,
pkg/runtime/extension.go, pkg/api/resource/quantity_proto.go).
"""

import math
import struct
from functools import lru_cache

import msgspec

from auditproxy.serializer import json
from auditproxy.serializer.duration import format_duration
from auditproxy.serializer.errors import JSONError, ProtobufError
from auditproxy.serializer.protobuf.wire import BYTES, fields, integer, message, signed
from auditproxy.serializer.quantity import QuantityError, canonical_quantity

NULL = b"null"
_SECONDS_OF_YEAR_1 = -62135596800
_DAY = 86400
_ENCODE = msgspec.json.Encoder().encode


def quoted(raw: bytes) -> bytes:
    """A string; bytes that are not UTF-8 become ``\\ufffd``. ``< > &`` are left to the end."""
    try:
        return _ENCODE(str(raw, "utf-8"))
    except UnicodeDecodeError:
        return json.encode(json.text_from_bytes(raw))


@lru_cache(maxsize=4096)
def time(raw: bytes) -> bytes:
    """metav1.Time: whole seconds UTC; the zero time is null."""
    seconds, _ = _timestamp(raw)
    if not raw or seconds == _SECONDS_OF_YEAR_1:
        return NULL
    return b'"' + _date_and_time(seconds) + b'Z"'


@lru_cache(maxsize=1024)
def micro_time(raw: bytes) -> bytes:
    """metav1.MicroTime: six digits, cut and not rounded; the zero time is null."""
    seconds, nanoseconds = _timestamp(raw)
    carry, nanoseconds = divmod(nanoseconds, 1_000_000_000)
    seconds += carry
    if not raw or (seconds == _SECONDS_OF_YEAR_1 and nanoseconds == 0):
        return NULL
    return b'"%b.%06dZ"' % (_date_and_time(seconds), nanoseconds // 1000)


def _timestamp(raw: bytes) -> tuple[int, int]:
    """Seconds and nanoseconds of a Timestamp message."""
    seconds = nanoseconds = 0
    for entry in fields(raw, 0, len(raw)):
        if entry[0] == 1:
            seconds = signed(integer(entry), 64)
        elif entry[0] == 2:
            nanoseconds = signed(integer(entry), 32)
    return seconds, nanoseconds


def _date_and_time(seconds: int) -> bytes:
    """Date and time of any second that Go can name, years beyond four digits included."""
    days, rest = divmod(seconds, _DAY)
    # Gregorian days in eras of 400 years that begin on 1 March of the year 0.
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (month <= 2)
    sign = b"-" if year < 0 else b""
    minutes, second = divmod(rest, 60)
    return b"%b%04d-%02d-%02dT%02d:%02d:%02d" % (
        sign,
        abs(year),
        month,
        day,
        minutes // 60,
        minutes % 60,
        second,
    )


@lru_cache(maxsize=1024)
def quantity(raw: bytes) -> bytes:
    """A Quantity in its canonical spelling, in which Go's clients send it; zero is "0"."""
    text = _bytes_at(raw, 1)
    try:
        return b'"' + canonical_quantity(str(text or b"0", "ascii")).encode() + b'"'
    except (QuantityError, UnicodeDecodeError):
        # The server cannot have read it.
        return quoted(text)


def int_or_string(raw: bytes) -> bytes:
    """A number for type 0, a string for type 1; Go can write no other type."""
    kind = number = 0
    text = b""
    for entry in fields(raw, 0, len(raw)):
        if entry[0] == 1:
            kind = signed(integer(entry), 64)
        elif entry[0] == 2:
            number = signed(integer(entry), 32)
        elif entry[0] == 3:
            first, last = message(*entry[1:])
            text = raw[first:last]
    if kind == 0:
        return b"%d" % number
    if kind == 1:
        return quoted(text)
    raise ProtobufError("an IntOrString of an unknown type")


def raw_json(raw: bytes) -> bytes:
    """RawExtension, FieldsV1 and apiextensions' JSON: the JSON inside, or null."""
    return _spliced(_bytes_at(raw, 1))


def unknown(raw: bytes) -> bytes:
    """runtime.Unknown: the JSON inside, or null."""
    return _spliced(_bytes_at(raw, 2))


def duration(raw: bytes) -> bytes:
    """metav1.Duration: nanoseconds in Go's spelling."""
    nanoseconds = 0
    for entry in fields(raw, 0, len(raw)):
        if entry[0] == 1:
            nanoseconds = signed(integer(entry), 64)
    return b'"' + format_duration(nanoseconds).encode() + b'"'


def string_list(raw: bytes) -> bytes:
    """A list that is wrapped in a message of its own; without elements it is null, as nil is."""
    items = []
    for number, wire, first, last in fields(raw, 0, len(raw)):
        if number == 1:
            message(wire, first, last)
            items.append(quoted(raw[first:last]))
    return b"[" + b",".join(items) + b"]" if items else NULL


def double(raw: bytes) -> bytes:
    """A number of eight bytes as Go writes float64; no JSON exists for NaN and infinities."""
    value: float = struct.unpack("<d", raw)[0]
    if not math.isfinite(value):
        raise ProtobufError("a number that JSON cannot represent")
    if value == 0:
        return b"-0" if math.copysign(1, value) < 0 else b"0"
    # repr gives the shortest digits, as Go does; only the places of the point differ.
    digits, _, exponent = f"{value!r}e".partition("e")
    power = int(exponent.rstrip("e") or "0")
    sign = "-" if digits.startswith("-") else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    power += len(whole) - 1
    all_digits = whole + fraction
    stripped = all_digits.lstrip("0")
    power -= len(all_digits) - len(stripped)
    significant = stripped.rstrip("0")
    if power < -6 or power >= 21:
        mantissa = significant[0] + ("." + significant[1:] if len(significant) > 1 else "")
        return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power)}".encode()
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{significant}".encode()
    if len(significant) <= power + 1:
        return f"{sign}{significant}{'0' * (power + 1 - len(significant))}".encode()
    return f"{sign}{significant[: power + 1]}.{significant[power + 1 :]}".encode()


def _bytes_at(raw: bytes, wanted: int) -> bytes:
    """The bytes of one field, the last one's; empty when it is absent."""
    found = b""
    for number, wire, first, last in fields(raw, 0, len(raw)):
        if number == wanted:
            if wire != BYTES:
                raise ProtobufError("a field has the wrong wire type")
            found = raw[first:last]
    return found


def _spliced(raw: bytes) -> bytes:
    """JSON inside JSON, without its spaces."""
    if not raw:
        return NULL
    try:
        return json.compact(raw)
    except JSONError:
        raise ProtobufError("an embedded value is not JSON") from None
