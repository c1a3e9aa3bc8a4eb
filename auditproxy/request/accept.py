"""Accept: in which form a client can read an answer of ours (apiserver negotiation/negotiate.go).

Whether the header can be met at all decides more than the form: a Status that
could not be negotiated does not appear in the event.
"""

from functools import cmp_to_key, lru_cache
from typing import NamedTuple

from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target

SUPPORTED = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_HUMAN_AGENTS = ("curl", "Wget", "Mozilla/5.0")
_INSERTION_SORT_MAXIMUM = 12


class Clause(NamedTuple):
    """One media range of an Accept header."""

    type: str
    subtype: str
    quality: float
    parameters: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def negotiate(accept: str) -> str | None:
    """The media type for an answer, None when the client accepts none of ours.

    ``accept`` is the first Accept line. The answer is one of SUPPORTED.
    """
    if not accept.strip(" \t"):
        return SUPPORTED[0]
    for clause in _clauses(accept):
        for supported in SUPPORTED:
            type_, _, subtype = supported.partition("/")
            exact = clause.type == type_ and clause.subtype == subtype
            if not (
                exact
                or (clause.type == type_ and clause.subtype == "*")
                or (clause.type == "*" and clause.subtype == "*")
            ):
                continue
            if _acceptable(clause.parameters):
                return supported
    return None


def _acceptable(parameters: tuple[tuple[str, str], ...]) -> bool:
    for name, value in parameters:
        if name in ("as", "g", "v"):
            return False
        if name == "stream" and value != "watch":
            return False
        if name == "sv" and value:
            return False
    return True


def _clauses(accept: str) -> list[Clause]:
    """The media ranges in the order in which Go's server tries them."""
    found = []
    for text in accept.split(","):
        clause = _clause(text.strip(" \t"))
        if clause is not None:
            found.append(clause)
    if len(found) > _INSERTION_SORT_MAXIMUM:
        # Go leaves insertion sort here; the order is not a consistent one, so
        # what it does with so many clauses is as good as any.
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
    """One clause, None when it is malformed."""
    media_range, *parameters = text.split(";")
    media_range = media_range.strip(" \t")
    if media_range == "*":
        media_range = "*/*"
    type_, slash, subtype = media_range.partition("/")
    if not slash or not type_ or not subtype or "/" in subtype:
        return None
    quality = 1.0
    found = []
    for parameter in parameters:
        name, equals, value = parameter.strip(" \t").partition("=")
        if not equals:
            continue
        if name == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 1.0
        else:
            found.append((name, value))
    return Clause(type_, subtype, quality, tuple(found))


def wants_pretty(target: Target, headers: ClientHeaders) -> bool:
    """Whether an answer is indented: ``?pretty``, ``;pretty=1``, or a client that people read."""
    text = target.query.first("pretty") if target.raw_query else None
    if text is not None:
        return text in _TRUE
    accept = headers.get("accept")
    if "pretty" in accept:
        first = _clauses(accept)[:1]
        if first and ("pretty", "1") in first[0].parameters:
            return True
    return headers.get("user-agent").startswith(_HUMAN_AGENTS)
