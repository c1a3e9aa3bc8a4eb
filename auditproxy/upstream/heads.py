"""Heads of answers that come again are not parsed again.

    head -> its bytes without the values of Audit-Id, Date and Content-Length
              seen before   -> what was read of it then, with these values
              otherwise     -> read_head, which alone decides what a head means

What is remembered was read by ``read_head`` from a head that has the same bytes everywhere else.
"""

import re

import msgspec

from auditproxy.apis.memo import Memo
from auditproxy.request.responseheaders import ResponseFacts
from auditproxy.upstream.framing import read_head
from auditproxy.upstream.messages import ResponseHead

MAXIMUM_HEADS = 128
"""Heads that one pool remembers; a cluster has some ten for each flow schema in use."""
MAXIMUM_HEAD = 2048
"""Bytes of a head that is remembered."""

_VALUE = rb"[!-~](?:[ -~]{0,126}[!-~])?"
_OWN = re.compile(
    rb"\r\n(Audit-Id|Date|Content-Length): (%b)(?=\r\n)" % _VALUE, flags=re.IGNORECASE
)
"""What each answer has of its own. In a value without control characters, and with no space at its
ends, nothing has a meaning in a head's grammar."""
_OWN_NAMES = frozenset({b"audit-id", b"date", b"content-length"})
_USUAL = re.compile(
    rb"HTTP/1\.1 [2-5]\d\d [ -~]*\r\n"
    rb"(?:(?:audit-id|cache-control|connection|content-encoding|content-length|content-type|date|"
    rb"keep-alive|server|strict-transport-security|transfer-encoding|vary|"
    rb"x-content-type-options|x-frame-options|x-kubernetes-pf-flowschema-uid|"
    rb"x-kubernetes-pf-prioritylevel-uid): [ -~]*\r\n)+\r\n",
    flags=re.IGNORECASE,
)
"""Heads that may be remembered for all clients. One with another header, such as Set-Cookie,
Location or Warning, is read each time."""
_LONGEST_LENGTH = 15
"""Digits of a Content-Length that need no judgement."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A head that was read; the values at ``places`` of its headers are each answer's own."""

    head: ResponseHead
    places: tuple[int, ...]
    length_at: int
    """Which of the values is the Content-Length; -1 if none is."""
    date_at: int
    before_date: bytes
    after_date: bytes
    """The client's lines around the date."""

    def __repr__(self) -> str:
        return f"_Known({self.head!r})"


class AnswerHeads:
    """Reads the heads of one upstream's answers and remembers them."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memo[tuple[bytes, ...], _Known] = Memo(MAXIMUM_HEADS)

    def read(self, raw: bytes, method: bytes) -> ResponseHead:
        """Return what ``read_head`` returns; raises UpstreamProtocolError as it does."""
        if len(raw) > MAXIMUM_HEAD:
            return read_head(raw, method)
        parts = _OWN.split(raw)
        values = parts[2::3]
        del parts[2::3]
        key = tuple(parts)
        if key not in self._known:
            head = read_head(raw, method)
            # An answer to HEAD does not say whether one to GET has a body.
            if method != b"HEAD" and _USUAL.fullmatch(raw) is not None:
                self._learn(key, values, head)
            return head
        known = self._known[key]
        head, facts = known.head, known.head.facts
        length = None
        if known.length_at >= 0:
            digits = values[known.length_at]
            if len(digits) > _LONGEST_LENGTH or not digits.isdigit():
                return read_head(raw, method)
            length = int(digits)
        if known.date_at >= 0:
            facts = ResponseFacts(
                known.before_date + values[known.date_at] + known.after_date,
                facts.audit_ids,
                facts.content_type,
                facts.content_encoding,
                facts.no_sniff,
                facts.warnings,
            )
        headers = list(head.headers)
        for place, value in zip(known.places, values, strict=True):
            headers[place] = (headers[place][0], value)
        return ResponseHead(
            status=head.status,
            reason=head.reason,
            headers=tuple(headers),
            version=head.version,
            content_length=length,
            chunked=head.chunked,
            has_body=head.has_body and method != b"HEAD",
            keep_alive=head.keep_alive,
            facts=facts,
        )

    def _learn(self, key: tuple[bytes, ...], values: list[bytes], head: ResponseHead) -> None:
        """Remember a head that was just read, unless it has one of these headers otherwise."""
        own = [name.lower() for name in key[1::2]]
        names = [name.lower() for name, _ in head.headers]
        places = tuple([place for place, name in enumerate(names) if name in _OWN_NAMES])
        if [head.headers[place][1] for place in places] != values:
            return
        length_at = own.index(b"content-length") if b"content-length" in own else -1
        date_at, before, after = -1, b"", b""
        if b"date" in own:
            date_at = own.index(b"date")
            before, after = _around(head.facts.lines, head.headers[places[date_at]])
            if own.count(b"date") > 1 or not after:
                # Two of them, or Connection names it.
                return
        self._known.remember(key, _Known(head, places, length_at, date_at, before, after))


def _around(lines: bytes, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return what is before and after the value of the header's line; both are empty without it."""
    line = b"\r\n%b: %b\r\n" % header
    before, found, after = (b"\r\n" + lines).partition(line)
    if not found:
        return b"", b""
    return (b"%b\r\n%b: " % (before, header[0]))[2:], b"\r\n" + after
