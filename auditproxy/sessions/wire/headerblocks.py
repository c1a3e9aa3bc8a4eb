"""SPDY/3 header blocks: compressed, with one context for all blocks of a direction.

Read as the kubelet's library reads them (draft-mbelshe-httpbis-spdy-00, section 2.6.10;
github.com/moby/spdystream, spdy/read.go).
"""

import struct
import zlib

from auditproxy.sessions.wire.budget import SMALL, TOO_MANY, FrameBudget

_LISTED = """
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base content-encoding
content-language content-length content-location content-md5 content-range content-type date etag
expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_WORDS = [word.replace("_", " ").encode() for word in _LISTED.split()]
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word for word in _WORDS) + _TAIL.encode()
"""The compression dictionary of header blocks; the draft gives its Adler-32 as e3c6a7c2."""

MAXIMUM_BLOCK = 64 * 1024
"""Bytes of one inflated block."""

MAXIMUM_HEADERS = 1000


class HeaderBlockError(ValueError):
    """A block that cannot be read; no later one of its direction can."""


class HeaderBlocks:
    """Reads the header blocks of one direction, in order.

    Each header takes a frame of ``budget``, and so does each SMALL bytes of an inflated block: a
    few bytes on the wire may hold many.
    """

    __slots__ = ("_budget", "_unpacker")

    def __init__(self, budget: FrameBudget | None = None) -> None:
        self._budget = FrameBudget() if budget is None else budget
        self._unpacker = zlib.decompressobj(zdict=DICTIONARY)

    def read(self, packed: bytes) -> dict[str, str]:
        """Return the headers of the next block; raises HeaderBlockError.

        Of several values, and of a repeated header, the first is used.
        """
        try:
            block = self._unpacker.decompress(packed, MAXIMUM_BLOCK + 1)
        except zlib.error as error:
            raise HeaderBlockError("a header block cannot be decompressed") from error
        if len(block) > MAXIMUM_BLOCK:
            raise HeaderBlockError(f"a header block is larger than {MAXIMUM_BLOCK} bytes")
        try:
            (count,) = struct.unpack_from(">I", block)
            if count > MAXIMUM_HEADERS:
                raise HeaderBlockError(f"a header block has more than {MAXIMUM_HEADERS} headers")
            if not self._budget.spend(count + len(block) // SMALL):
                raise HeaderBlockError(TOO_MANY)
            headers: dict[str, str] = {}
            at = 4
            for _ in range(count):
                name, at = _text(block, at)
                value, at = _text(block, at)
                if name != name.lower():
                    raise HeaderBlockError("the name of a header is not in lower case")
                headers.setdefault(name, value.partition("\0")[0])
        except struct.error as error:
            raise HeaderBlockError("a header block is too short") from error
        if at != len(block) or self._unpacker.unconsumed_tail or self._unpacker.unused_data:
            # What is left over would precede the receiver's next block.
            raise HeaderBlockError("a header block has more bytes than headers")
        return headers


def _text(block: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">I", block, at)
    start, end = at + 4, at + 4 + size
    if end > len(block):
        raise HeaderBlockError("a header block is too short")
    return block[start:end].decode("utf-8", "replace"), end
