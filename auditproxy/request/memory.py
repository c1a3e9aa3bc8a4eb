"""What the requests of one connection have in common, remembered while it lasts.

Clients send the same header block again and again. What follows from it is found out once, and by
each connection for itself: a block may hold a credential, and so may the query of a target.
Requests with bodies often differ in their Content-Length alone, and those of traced programs in
their Traceparent: then only what follows from these values is found out anew.

    Content-Length: 213                                                       up to 15 digits
    Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01      version 00
"""

import re
from typing import Any, NamedTuple

from auditproxy.apis.memo import Memo
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.resolution import MAXIMUM_QUERIES, TargetMemo

MAXIMUM_BLOCKS = 8
"""Header blocks that one connection remembers: of each kind, and as many by their bytes."""
MAXIMUM_BLOCK = 4096
"""Bytes of names and values in one of them; longer ones are read each time."""
MAXIMUM_LINES = 32
"""Headers of one of them: each costs some hundred bytes, however short it is."""

_LENGTH = b"Content-Length"
_TRACES = frozenset({b"Traceparent", b"traceparent"})
_LENGTH_VALUE = rb"[0-9]{1,15}"
_TRACE_VALUE = rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
_IS_LENGTH = re.compile(_LENGTH_VALUE).fullmatch
_IS_TRACE = re.compile(_TRACE_VALUE).fullmatch
_OWN_LINES = re.compile(
    rb"\r\n(?:Content-Length: (%b)|[Tt]raceparent: (%b))(?=\r\n)" % (_LENGTH_VALUE, _TRACE_VALUE)
)


class _Own(NamedTuple):
    """The values in which a block may differ from others: where they stand, and all else of it."""

    rest: tuple[object, ...]
    length: bytes
    trace: bytes
    places: tuple[int, ...]


class _Template(NamedTuple):
    """A block that the parser has read, for others that have other values at these places."""

    headers: ClientHeaders
    places: tuple[int, ...]


class ConnectionMemory:
    """Facts that follow from bytes of one client connection.

    ``queries`` are its targets with a query (``KnownTargets``), ``short`` request lines with one
    as the short way knows them, and ``blocks`` header blocks by their bytes, as the parser has
    read them.
    """

    __slots__ = ("_alike", "_headers", "_sized", "_templates", "blocks", "queries", "short")

    def __init__(self) -> None:
        self.queries: TargetMemo = Memo(MAXIMUM_QUERIES)
        self.short: Memo[bytes, Any] = Memo(MAXIMUM_QUERIES)
        self._headers: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        # Those with own values: by the whole block if it may come again, and one by all else.
        self._sized: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        self._alike: Memo[tuple[object, ...], ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        # The same by the bytes that the parser has read: of all, and of those around the values.
        self.blocks: Memo[bytes, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        self._templates: Memo[tuple[bytes, ...], _Template] = Memo(MAXIMUM_BLOCKS)

    def headers(self, raw: RawHeaders) -> ClientHeaders:
        """The headers of a block; of the same block, the same object, unless it is traced."""
        found = self._headers.get(raw) or self._sized.get(raw)
        if found is not None:
            return found
        own = _own_values(raw)
        if own is not None:
            return self._with_own(raw, own)
        found = ClientHeaders(raw)
        if _comes_again(found):
            self._headers.remember(raw, found)
        return found

    def read(self, block: bytes, raw: RawHeaders) -> None:
        """Note that the parser has read ``raw`` from a block, from its first line to its end.

        The bytes are kept if the block may come again, and those around its own values if it may
        come with others.
        """
        if block in self.blocks or len(block) > MAXIMUM_BLOCK:
            return
        around, values = _split(block)
        if values and around in self._templates:
            return
        headers = self.headers(raw)
        if raw in self._headers or raw in self._sized:
            self.blocks.remember(block, headers)
        own = _own_values(raw)
        if own is None or own.rest not in self._alike:
            return
        # What was read is what is looked for in later blocks: each value at its place.
        if [raw[place][1] for place in own.places] == values:
            self._templates.remember(around, _Template(headers, own.places))

    def alike(self, block: bytes) -> ClientHeaders | None:
        """The headers of a block, if the parser has read one like it; None otherwise."""
        if not self._templates:
            return None
        around, values = _split(block)
        template = self._templates.get(around)
        if template is None:
            return None
        length, trace, raw = b"", b"", list(template.headers.raw)
        for place, value in zip(template.places, values, strict=True):
            name = raw[place][0]
            raw[place] = (name, value)
            if name == _LENGTH:
                length = value
            else:
                trace = value
        return template.headers.with_own(tuple(raw), length, trace)

    def _with_own(self, raw: RawHeaders, own: _Own) -> ClientHeaders:
        """The headers of a block with values of its own."""
        alike = self._alike.get(own.rest)
        if alike is not None:
            found = alike.with_own(raw, own.length, own.trace)
        else:
            found = ClientHeaders(raw)
            if not _comes_again(found):
                return found
            found.trace = own.trace
            self._alike.remember(own.rest, found)
        # A trace does not come again.
        return found if own.trace else self._sized.remember(raw, found)


def _split(block: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """Return the bytes around a block's own values, and the values."""
    around, values, begin = [], [], 0
    for line in _OWN_LINES.finditer(block):
        start, end = line.span(line.lastindex or 0)
        around.append(block[begin:start])
        values.append(block[start:end])
        begin = end
    around.append(block[begin:])
    return tuple(around), values


def _own_values(raw: RawHeaders) -> _Own | None:
    """Return a block's own values; None if it has none, or any that is not plain or not the only
    one of its name, in whatever spelling."""
    length, trace, places = b"", b"", []
    for place, (name, value) in enumerate(raw):
        if name == _LENGTH and not length and _IS_LENGTH(value):
            length = value
        elif name in _TRACES and not trace and _IS_TRACE(value):
            trace = value
        elif name.lower() in (b"content-length", b"traceparent"):
            return None
        else:
            continue
        places.append(place)
    if not places:
        return None
    # By places and spelling, too: the same lines in another order are another block.
    own = frozenset(places)
    rest = tuple([line[0] if place in own else line for place, line in enumerate(raw)])
    return _Own(rest, length, trace, tuple(places))


def _comes_again(headers: ClientHeaders) -> bool:
    """Whether to remember a block: not if it is long, or if each request has an id of its own."""
    return (
        len(headers.raw) <= MAXIMUM_LINES
        and not headers.audit_id
        and len(b"".join(map(b"".join, headers.raw))) <= MAXIMUM_BLOCK
    )
