"""What the requests of one connection have in common, remembered while it lasts.

Clients send the same header block again and again. What follows from it is found out once, and by
each connection for itself: a block may hold a credential, and so may the query of a target.
Requests with bodies often differ in their Content-Length alone: then only what follows from the
length is found out anew.
"""

from typing import Any

from auditproxy.apis.memo import Memo
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.resolution import MAXIMUM_QUERIES, TargetMemo

MAXIMUM_BLOCKS = 8
"""Header blocks that one connection remembers, without a Content-Length and as many with one."""
MAXIMUM_BLOCK = 4096
"""Bytes of names and values in one of them; longer ones are read each time."""
MAXIMUM_LINES = 32
"""Headers of one of them: each costs some hundred bytes, however short it is."""

_LENGTH = b"Content-Length"
_LONGEST_LENGTH = 15
"""Digits of a Content-Length that need no judgement."""


class ConnectionMemory:
    """Facts that follow from bytes of one client connection.

    ``queries`` are its targets with a query (``KnownTargets``), ``short`` request lines with one
    as the short way knows them, and ``blocks`` header blocks by their bytes, as the parser has
    read them.
    """

    __slots__ = ("_alike", "_headers", "_sized", "blocks", "queries", "short")

    def __init__(self) -> None:
        self.queries: TargetMemo = Memo(MAXIMUM_QUERIES)
        self.short: Memo[bytes, Any] = Memo(MAXIMUM_QUERIES)
        self.blocks: Memo[bytes, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        self._headers: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        # Those with a plain Content-Length: by the whole block, and one by the rest of it.
        self._sized: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)
        self._alike: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)

    def headers(self, raw: RawHeaders) -> ClientHeaders:
        """The headers of a block; of the same block, the same object."""
        found = self._headers.get(raw) or self._sized.get(raw)
        if found is not None:
            return found
        lengths = [value for name, value in raw if name == _LENGTH]
        if len(lengths) == 1 and len(lengths[0]) <= _LONGEST_LENGTH and lengths[0].isdigit():
            return self._with_length(raw, lengths[0])
        found = ClientHeaders(raw)
        if _comes_again(found):
            self._headers.remember(raw, found)
        return found

    def read(self, block: bytes, raw: RawHeaders) -> None:
        """Note that the parser has read ``raw`` from a block, from its first line to its end.

        The bytes are kept if the block may come again.
        """
        if block in self.blocks or len(block) > MAXIMUM_BLOCK:
            return
        headers = self.headers(raw)
        if raw in self._headers or raw in self._sized:
            self.blocks.remember(block, headers)

    def _with_length(self, raw: RawHeaders, length: bytes) -> ClientHeaders:
        """The headers of a block with this one Content-Length of that spelling."""
        rest = tuple([header for header in raw if header[0] != _LENGTH])
        alike = self._alike.get(rest)
        if alike is not None:
            return self._sized.remember(raw, alike.with_length(raw, length))
        found = ClientHeaders(raw)
        if _comes_again(found) and len(found.values("content-length")) == 1:
            self._alike.remember(rest, found)
            self._sized.remember(raw, found)
        return found


def _comes_again(headers: ClientHeaders) -> bool:
    """Whether to remember a block: not if it is long, or if each request has an id of its own."""
    return (
        len(headers.raw) <= MAXIMUM_LINES
        and not headers.audit_id
        and len(b"".join(map(b"".join, headers.raw))) <= MAXIMUM_BLOCK
    )
