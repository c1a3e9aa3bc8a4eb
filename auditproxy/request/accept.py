"""Negotiate the media type of our own answers (apiserver negotiation/negotiate.go).

The result affects more than the encoding: a Status whose media type could not be
negotiated is left out of the event. Clauses are parsed and sorted like Go's goautoneg,
edge cases included.
"""

import re
import struct
from functools import cmp_to_key, lru_cache
from typing import NamedTuple

from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target

JSON, YAML, PROTOBUF = SUPPORTED = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
)
"""The media types kube-apiserver writes, in its order of preference."""

_SPLIT = tuple(tuple(media_type.split("/")) for media_type in SUPPORTED)
_STREAMABLE = frozenset({JSON, PROTOBUF})
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_HUMAN_AGENTS = ("curl", "Wget", "Mozilla/5.0")
_INSERTION_SORT_MAXIMUM = 12
_REMEMBERED_LENGTH = 512
"""Longest Accept, in characters, whose result is cached; clients repeat theirs."""

_TOKEN = r"[!#-'*+\-.0-9A-Z^-~]+"  # noqa: S105 - a pattern
_MEDIA_TYPE = re.compile(rf"\s*({_TOKEN}(?:/{_TOKEN})?)\s*")
_SPECIAL = r'[()<>@,;:\\"/\[\]?=]'
_QUOTED = rf'(?:\\{_SPECIAL}|\\(?!{_SPECIAL})|[^"\\\r\n])*'
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})\s*=\s*(?:({_TOKEN})|"({_QUOTED})")')
_PARAMETERS_END = re.compile(r"\s*;?\s*")
_ESCAPED = re.compile(rf"\\({_SPECIAL})")


class Clause(NamedTuple):
    """One media range of an Accept header; the quality is a 32-bit float."""

    type: str
    subtype: str
    quality: float
    parameters: dict[str, str]


class Negotiated(NamedTuple):
    """Result of negotiation: one of SUPPORTED, and whether it asks for ``pretty=1``."""

    media_type: str
    pretty: bool


def negotiate(accept: str) -> str | None:
    """Return the media type for an answer, None if the client accepts none of ours.

    ``accept`` is the first Accept line. The result is one of SUPPORTED.
    """
    negotiated = _negotiated(accept)
    return negotiated.media_type if negotiated is not None else None


def wants_pretty(target: Target, headers: ClientHeaders) -> bool:
    """Return whether to indent a JSON answer.

    It is indented for ``;pretty=1`` in the accepted clause, for a true ``?pretty=``, and,
    without that parameter, for clients used interactively.
    """
    negotiated = _negotiated(headers.accept)
    if negotiated is not None and negotiated.pretty:
        return True
    # The raw query is checked first, so an escaped key is not recognised.
    if b"pretty" in target.raw_query:
        text = target.query.first("pretty")
        if text:
            return text in _TRUE
    return headers.get("user-agent").startswith(_HUMAN_AGENTS)


def _negotiated(accept: str) -> Negotiated | None:
    return _remembered(accept) if len(accept) <= _REMEMBERED_LENGTH else _negotiate(accept)


def _negotiate(accept: str) -> Negotiated | None:
    """Return the first clause, in Go's order, that one of our types satisfies."""
    if not accept:
        return Negotiated(JSON, pretty=False)
    for clause in _clauses(accept):
        for media_type, (type_, subtype) in zip(SUPPORTED, _SPLIT, strict=True):
            if clause.type not in (type_, "*") or clause.subtype not in (subtype, "*"):
                continue
            if clause.type == "*" and clause.subtype != "*":
                continue
            if _acceptable(media_type, clause.parameters):
                return Negotiated(media_type, clause.parameters.get("pretty") == "1")
    return None


_remembered = lru_cache(maxsize=512)(_negotiate)


def _acceptable(media_type: str, parameters: dict[str, str]) -> bool:
    """Return whether a Status can have these parameters: no transformation, no versions."""
    if parameters.keys() & {"as", "g", "v"} or parameters.get("sv"):
        return False
    stream = parameters.get("stream")
    return not stream or (stream == "watch" and media_type in _STREAMABLE)


def _clauses(accept: str) -> list[Clause]:
    """Return the media ranges in the order in which Go's server tries them."""
    found = []
    for text in accept.split(","):
        clause = _clause(text)
        if clause is not None:
            found.append(clause)
    if len(found) > _INSERTION_SORT_MAXIMUM:
        # Go switches from insertion sort to another algorithm here. Its comparison is not a
        # consistent order, so no client can rely on the result for this many clauses.
        return sorted(found, key=cmp_to_key(_compare))
    for index in range(1, len(found)):
        position = index
        while position > 0 and _less(found[position], found[position - 1]):
            found[position - 1], found[position] = found[position], found[position - 1]
            position -= 1
    return found


def _compare(one: Clause, other: Clause) -> int:
    return -1 if _less(one, other) else int(_less(other, one))


def _less(one: Clause, other: Clause) -> bool:
    if one.quality > other.quality:
        return True
    if one.type != "*" and other.type == "*":
        return True
    return one.subtype != "*" and other.subtype == "*"


def _clause(text: str) -> Clause | None:
    """Parse one clause, None if malformed; only spaces are trimmed, not tabs."""
    media_range, *parameters = text.strip(" ").split(";")
    type_, _, rest = media_range.partition("/")
    type_ = type_.strip(" ")
    subtype, _, excess = rest.partition("/")
    if not rest and type_ == "*":
        subtype = "*"
    elif not rest or excess:
        return None
    quality = 1.0
    found = {}
    for parameter in parameters:
        name, _, rest = parameter.partition("=")
        value, _, excess = rest.partition("=")
        if not rest or excess:
            continue
        name = name.strip(" ")
        if name == "q":
            quality = _quality(value)
        else:
            found[name] = value.strip(" ")
    return Clause(type_, subtype.strip(" "), quality, found)


def _quality(text: str) -> float:
    """Parse like Go's ParseFloat for 32 bits; invalid numbers become 0."""
    if text != text.strip() or not text.isascii():
        return 0.0
    try:
        return float(struct.unpack("f", struct.pack("f", float(text)))[0])
    except ValueError:
        return 0.0
    except OverflowError:
        return float("-inf") if text.startswith("-") else float("inf")


def parse_media_type(text: str) -> str | None:
    """Return the media type of a Content-Type in lower case; None if Go's parser fails.

    mime.ParseMediaType fails on an invalid type, on an invalid parameter, and on a
    parameter given twice with different values. A trailing ``;`` is accepted.
    """
    match = _MEDIA_TYPE.match(text)
    if match is None or (match.end() < len(text) and text[match.end()] != ";"):
        return None
    position = match.end()
    parameters: dict[str, str] = {}
    while (parameter := _PARAMETER.match(text, position)) is not None:
        name, plain, quoted = parameter[1].lower(), parameter[2], parameter[3]
        value = plain if plain is not None else _ESCAPED.sub(r"\1", quoted)
        if parameters.setdefault(name, value) != value:
            return None
        position = parameter.end()
    return match[1].lower() if _PARAMETERS_END.fullmatch(text, position) is not None else None
