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
from auditproxy.upstream.messages import ResponseHead, UpstreamProtocolError

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
_USUAL_NAMES = ([b"audit-id", b"content-length"], sorted(_OWN_NAMES))
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
_HEAD_END = b"\r\n\r\n"


class KnownHead:
    """A head that was read; the values at ``places`` of its headers are each answer's own.

    ``length_at`` and ``date_at`` say which of the values these are, -1 for none. ``before_date``
    and ``after_date`` are the client's lines around the date. ``begin`` is the client's head up to
    the audit id where such an answer may be a WholeAnswer, else empty.
    """

    __slots__ = (
        "_around",
        "_date",
        "_key",
        "after_date",
        "before_date",
        "begin",
        "date_at",
        "head",
        "length_at",
        "middle",
        "places",
    )

    def __init__(
        self,
        head: ResponseHead,
        key: tuple[bytes, ...],
        places: tuple[int, ...],
        length_at: int,
        date_at: int,
        lines: tuple[bytes, bytes],
        begin: bytes,
    ) -> None:
        self.head = head
        self.places = places
        self.length_at = length_at
        self.date_at = date_at
        self.before_date, self.after_date = lines
        self.begin = begin
        self.middle = b""
        """The client's lines from behind the audit id up to the length, of the last date."""
        self._key = key
        self._date = b""
        # What is around the audit id and the length, of the last date.
        self._around: tuple[bytes, bytes, bytes] | None = None

    def dated(self, values: list[bytes]) -> None:
        """Note the date of an answer of this kind."""
        date = values[self.date_at] if self.date_at >= 0 else b""
        if date == self._date and self.middle:
            return
        self._date = date
        self.middle = b"\r\n%b%b%bContent-Length: " % (self.before_date, date, self.after_date)
        names = [name.lower() for name in self._key[1::2]]
        if sorted(names) in _USUAL_NAMES and names[-1] == b"content-length":
            texts = iter(self._key)
            pieces = [next(texts)]
            for name, text in zip(texts, texts, strict=True):
                own = {b"audit-id": b"\0", b"date": date}.get(name.lower(), b"\1")
                pieces.append(b"\r\n%b: %b%b" % (name, own, text))
            before, _, rest = b"".join(pieces).partition(b"\0")
            until, _, behind = rest.partition(b"\1")
            self._around = before, until, behind

    def again(self, data: bytes, audit_id: bytes) -> tuple[bytes, int]:
        """Return the length in a head of this kind with the same date, and where the head ends.

        The end is 0 if ``data`` begins with another head.
        """
        around = self._around
        if around is None:
            return b"", 0
        before, until, behind = around
        expected = b"%b%b%b" % (before, audit_id, until)
        if not data.startswith(expected):
            return b"", 0
        at = len(expected)
        stop = data.find(behind, at, at + _LONGEST_LENGTH + len(behind))
        return (data[at:stop], stop + len(behind)) if stop > 0 else (b"", 0)

    def __repr__(self) -> str:
        return f"KnownHead({self.head!r})"


class WholeAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer of a 2xx that came at once and as a whole.

    ``written`` is what the client gets. ``head`` is that of a like answer: its date, audit id and
    length are another's. ``kind`` finds the next one like it at less cost.
    """

    head: ResponseHead
    kind: KnownHead
    written: bytes
    body: bytes

    @property
    def written_last(self) -> bytes:
        """``written`` where the client's connection ends with it."""
        end = len(self.written) - len(self.body) - len(b"\r\n")
        return b"".join((self.written[:end], b"Connection: close\r\n\r\n", self.body))

    def __repr__(self) -> str:
        return f"WholeAnswer({self.head!r}, {len(self.body)} bytes)"


class AnswerHeads:
    """Reads the heads of one upstream's answers and remembers them."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memo[tuple[bytes, ...], KnownHead] = Memo(MAXIMUM_HEADS)

    def read(self, raw: bytes, method: bytes) -> ResponseHead:
        """Return what ``read_head`` returns; raises UpstreamProtocolError as it does."""
        if len(raw) > MAXIMUM_HEAD:
            return read_head(raw, method)
        parts = _OWN.split(raw)
        values = parts[2::3]
        del parts[2::3]
        key = tuple(parts)
        if key not in self._known:
            return self._read_new(raw, method, values, key)
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

    def whole(
        self, data: bytes, method: bytes, audit_id: bytes, kind: KnownHead | None = None
    ) -> WholeAnswer | None:
        """Return the answer that ``data`` is, if it is one and nothing else; None: read it.

        None as well for all but a 2xx with a body of the length that it says, and for heads with
        headers that are read each time. The client gets ``audit_id``, which is plain. ``kind`` is
        that of an answer to a like request.
        """
        digits, end = kind.again(data, audit_id) if kind is not None else (b"", 0)
        if not end:
            kind, values, end = self._kind(data, method)
            if kind is None or not kind.begin:
                return None
            kind.dated(values)
            digits = values[kind.length_at]
        if kind is None or method == b"HEAD" or digits != b"%d" % (len(data) - end):
            return None
        body = data[end:]
        written = b"".join((kind.begin, audit_id, kind.middle, digits, _HEAD_END, body))
        return WholeAnswer(kind.head, kind, written, body)

    def _kind(self, data: bytes, method: bytes) -> tuple[KnownHead | None, list[bytes], int]:
        """Find out of which kind the head is that ``data`` begins with; its values, and its end."""
        end = data.find(_HEAD_END) + len(_HEAD_END)
        if end < len(_HEAD_END) or end > MAXIMUM_HEAD or method == b"HEAD":
            return None, [], 0
        raw = data[:end]
        parts = _OWN.split(raw)
        values = parts[2::3]
        del parts[2::3]
        key = tuple(parts)
        known = self._known.get(key)
        if known is None:
            try:
                self._read_new(raw, method, values, key)
            except UpstreamProtocolError:
                return None, [], 0
            known = self._known.get(key)
        return known, values, end

    def _read_new(
        self, raw: bytes, method: bytes, values: list[bytes], key: tuple[bytes, ...]
    ) -> ResponseHead:
        """Read a head that is not known, and remember it if it may be."""
        head = read_head(raw, method)
        # An answer to HEAD does not say whether one to GET has a body.
        if method != b"HEAD" and _USUAL.fullmatch(raw) is not None:
            self._learn(key, values, head)
        return head

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
        else:
            before = head.facts.lines
        begin = b""
        if length_at >= 0 and own.count(b"content-length") == 1 and _may_be_whole(head):
            begin = b"HTTP/1.1 %d %b\r\nAudit-Id: " % (head.status, head.reason)
        known = KnownHead(head, key, places, length_at, date_at, (before, after), begin)
        self._known.remember(key, known)


def _may_be_whole(head: ResponseHead) -> bool:
    """Whether all that comes of such an answer is a body of its length, and nothing to record."""
    return (
        200 <= head.status < 300
        and head.reason != b""
        and head.has_body
        and not head.chunked
        and not head.facts.warnings
        and head.facts.audit_ids <= 1
    )


def _around(lines: bytes, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return what is before and after the value of the header's line; both are empty without it."""
    line = b"\r\n%b: %b\r\n" % header
    before, found, after = (b"\r\n" + lines).partition(line)
    if not found:
        return b"", b""
    return (b"%b\r\n%b: " % (before, header[0]))[2:], b"\r\n" + after
