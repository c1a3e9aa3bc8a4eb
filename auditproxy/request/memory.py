"""What the requests of one connection have in common, remembered while it lasts.

Clients send the same header block again and again. What follows from it is found out once, and by
each connection for itself: a block may hold a credential.
"""

from auditproxy.apis.memo import Memo
from auditproxy.request.headers import ClientHeaders, RawHeaders

MAXIMUM_BLOCKS = 8
"""Header blocks that one connection remembers."""
MAXIMUM_BLOCK = 4096
"""Bytes of names and values in one of them; longer ones are read each time."""


class ConnectionMemory:
    """Facts that follow from bytes of one client connection."""

    __slots__ = ("_headers",)

    def __init__(self) -> None:
        self._headers: Memo[RawHeaders, ClientHeaders] = Memo(MAXIMUM_BLOCKS)

    def headers(self, raw: RawHeaders) -> ClientHeaders:
        """The headers of a block; of the same block, the same object."""
        found = self._headers.get(raw)
        if found is not None:
            return found
        found = ClientHeaders(raw)
        if found.audit_id:
            # Each request of such a client has another block: keep those that come again.
            return found
        if sum(len(name) + len(value) for name, value in raw) <= MAXIMUM_BLOCK:
            self._headers.remember(raw, found)
        return found
