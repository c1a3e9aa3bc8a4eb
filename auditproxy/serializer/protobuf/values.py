"""Kubernetes' own values in protobuf and the JSON that Go writes for each.

Every function takes the bytes of one message and gives finished JSON. An empty
message is the type's zero value. Of a budget only the time counts. Raises
ProtobufError and BudgetExceededError
(apimachinery pkg/apis/meta/v1 time_proto.go and micro_time.go, pkg/util/intstr,
pkg/runtime/extension.go, pkg/api/resource/quantity_proto.go).
"""

import math
import struct
from functools import lru_cache

import msgspec

from auditproxy.apis.gotext import go_float
from auditproxy.apis.units import SECOND
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.duration import format_duration
from auditproxy.serializer.errors import JSONError, ProtobufError
from auditproxy.serializer.protobuf.wire import BYTES, fields, integer, message, signed
from auditproxy.serializer.quantity import QuantityError, canonical_quantity

NULL = b"null"
CACHED = 64
"""Maximum bytes of a message whose JSON is cached; real ones are shorter."""
_SECONDS_OF_YEAR_1 = -62135596800
_DAY = 86400
_ENCODE = msgspec.json.Encoder().encode


def quoted(raw: bytes) -> bytes:
    """A string; bytes that are not UTF-8 become ``\\ufffd``. ``< > &`` are left to the end."""
    try:
        return _ENCODE(raw.decode())
    except UnicodeDecodeError:
        return json.encode(json.text_from_bytes(raw))


def time(raw: bytes, budget: Budget | None = None) -> bytes:
    """metav1.Time: whole seconds UTC; the zero time is null."""
    return _short_time(raw) if len(raw) <= CACHED else _time(raw, budget)


def _time(raw: bytes, budget: Budget | None = None) -> bytes:
    seconds, _ = _timestamp(raw, budget)
    if not raw or seconds == _SECONDS_OF_YEAR_1:
        return NULL
    return b'"' + _date_and_time(seconds) + b'Z"'


def micro_time(raw: bytes, budget: Budget | None = None) -> bytes:
    """metav1.MicroTime: six digits, cut and not rounded; the zero time is null."""
    return _short_micro_time(raw) if len(raw) <= CACHED else _micro_time(raw, budget)


def _micro_time(raw: bytes, budget: Budget | None = None) -> bytes:
    seconds, nanoseconds = _timestamp(raw, budget)
    carry, nanoseconds = divmod(nanoseconds, SECOND)
    seconds += carry
    if not raw or (seconds == _SECONDS_OF_YEAR_1 and nanoseconds == 0):
        return NULL
    return b'"%b.%06dZ"' % (_date_and_time(seconds), nanoseconds // 1000)


def _timestamp(raw: bytes, budget: Budget | None) -> tuple[int, int]:
    """Seconds and nanoseconds of a Timestamp message."""
    seconds = nanoseconds = 0
    for entry in fields(raw, 0, len(raw), budget):
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


def quantity(raw: bytes, budget: Budget | None = None) -> bytes:
    """A Quantity in its canonical spelling, in which Go's clients send it; zero is "0"."""
    return _short_quantity(raw) if len(raw) <= CACHED else _quantity(raw, budget)


def _quantity(raw: bytes, budget: Budget | None = None) -> bytes:
    text = _bytes_at(raw, 1, budget)
    try:
        return b'"' + canonical_quantity(str(text or b"0", "ascii")).encode() + b'"'
    except (QuantityError, UnicodeDecodeError):
        # The server cannot have read it.
        return quoted(text)


_short_time = lru_cache(maxsize=4096)(_time)
_short_micro_time = lru_cache(maxsize=1024)(_micro_time)
_short_quantity = lru_cache(maxsize=1024)(_quantity)


def int_or_string(raw: bytes, budget: Budget | None = None) -> bytes:
    """A number for type 0, a string for type 1; Go can write no other type."""
    kind = number = 0
    text = b""
    for entry in fields(raw, 0, len(raw), budget):
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


def raw_json(raw: bytes, budget: Budget | None = None) -> bytes:
    """RawExtension, FieldsV1 and apiextensions' JSON: the JSON inside, or null."""
    return _spliced(_bytes_at(raw, 1, budget))


def unknown(raw: bytes, budget: Budget | None = None) -> bytes:
    """runtime.Unknown: the JSON inside, or null."""
    return _spliced(_bytes_at(raw, 2, budget))


def duration(raw: bytes, budget: Budget | None = None) -> bytes:
    """metav1.Duration: nanoseconds in Go's spelling."""
    nanoseconds = 0
    for entry in fields(raw, 0, len(raw), budget):
        if entry[0] == 1:
            nanoseconds = signed(integer(entry), 64)
    return b'"' + format_duration(nanoseconds).encode() + b'"'


def string_list(raw: bytes, budget: Budget | None = None) -> bytes:
    """A list that is wrapped in a message of its own; without elements it is null, as nil is."""
    items = []
    for number, wire, first, last in fields(raw, 0, len(raw), budget):
        if number == 1:
            message(wire, first, last)
            items.append(quoted(raw[first:last]))
    return b"[" + b",".join(items) + b"]" if items else NULL


def double(raw: bytes) -> bytes:
    """A number of eight bytes as Go writes float64; no JSON exists for NaN and infinities."""
    value: float = struct.unpack("<d", raw)[0]
    if not math.isfinite(value):
        raise ProtobufError("a number that JSON has not")
    return go_float(value).encode()


def _bytes_at(raw: bytes, wanted: int, budget: Budget | None) -> bytes:
    """The bytes of one field, the last one's; empty when it is absent."""
    found = b""
    for number, wire, first, last in fields(raw, 0, len(raw), budget):
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
