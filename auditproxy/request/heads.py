"""Request heads that the parser refuses, read once more: what may be served, and what is known.

    respelled(head) -> the head in a spelling that the parser takes, and what to put back
    request_line(head) -> method and target, as far as they can be told
    head_fault(head) -> the Status for one that stays refused

Go's net/http takes more than the parser does: bytes over 0x7f in a target, a
second User-Agent line. Such a head is given to the parser again with these
places spelled otherwise, so that there is one reader of the grammar and one
framing; names, target and method are put back into what it read.
"""

import re
from dataclasses import dataclass

from auditproxy.apis.status import Status, failure, new_bad_request

METHOD_LIMIT = 64
"""Characters of a method; no API knows one as long."""

MAXIMUM_HEAD = 1 << 20
"""Bytes of request line and headers together, as kube-apiserver allows."""

MAXIMUM_HEADERS = 4096
"""Header lines of one request."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BEGINNING = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: [^\r\n]*\r?)?")
_VERSION = re.compile(rb"HTTP/[0-9]+\.[0-9]+")
_SPOKEN = frozenset({b"HTTP/1.0", b"HTTP/1.1"})
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")

_ONCE = frozenset(
    {
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"max-forwards",
        b"server",
        b"user-agent",
    }
)
"""Headers that the parser takes once; of several lines the first counts, as in Go's Header.Get."""

OTHER_NAME = b"X-Respelled"
"""What the parser is shown for such a name."""

_ALWAYS = frozenset({b"sec-websocket-key1", OTHER_NAME.lower()})
"""Names that are replaced each time: the parser does not take them, or they are the other name."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """Method and target as sent; ``version`` is empty where there is none."""

    method: str
    target: bytes
    version: bytes


@dataclass(frozen=True, slots=True)
class Respelled:
    """A head for the parser, and what its reading must be given back.

    ``names`` are the header names that were replaced by OTHER_NAME, in their order.
    """

    head: bytes
    line: RequestLine
    names: tuple[bytes, ...]


def may_begin(data: bytes) -> bool:
    """Whether an incomplete head may still become one; False for what never will."""
    line, feed, _ = data.partition(b"\n")
    if feed:
        return line.endswith(b"\r") and request_line(data) is not None
    return _BEGINNING.fullmatch(data) is not None


def has_bare_line_feed(data: bytes) -> bool:
    """Whether a line ends without a carriage return."""
    return _BARE_LINE_FEED.search(data) is not None


def request_line(head: bytes) -> RequestLine | None:
    """The first line's method and target, None when it is no line of HTTP.

    ``head`` may be incomplete: a target that is cut counts as far as it came.
    """
    line = head.partition(b"\n")[0].removesuffix(b"\r")
    words = line.split(b" ")
    if len(words) < 2 or _TOKEN.fullmatch(words[0]) is None:
        return None
    version = words.pop() if len(words) > 2 and words[-1].startswith(b"HTTP/") else b""
    target = b" ".join(words[1:])
    if not version and not target.startswith(b"/"):
        return None
    return RequestLine(words[0][:METHOD_LIMIT].decode("ascii"), target, version)


def respelled(head: bytes) -> Respelled | None:
    """A whole head in the parser's spelling; None without a request line that may be served."""
    first, _, rest = head.removesuffix(b"\r\n\r\n").partition(b"\r\n")
    line = request_line(first)
    if line is None or line.version not in _SPOKEN or b" " in line.target or not line.target:
        return None
    if first != b"%b %b %b" % (line.method.encode(), line.target, line.version):
        return None
    lines = rest.split(b"\r\n") if rest else []
    names = []
    seen = set()
    for place, text in enumerate(lines):
        name, colon, _ = text.partition(b":")
        key = name.lower()
        if key in seen or (colon and key in _ALWAYS):
            names.append(name)
            lines[place] = OTHER_NAME + text[len(name) :]
        elif colon and key in _ONCE:
            seen.add(key)
    start = b"POST / " + line.version
    return Respelled(b"\r\n".join((start, *lines, b"", b"")), line, tuple(names))


def head_fault(head: bytes, line: RequestLine) -> Status:
    """Why a head that begins with this request line is refused; repeats nothing of it."""
    first, _, rest = head.partition(b"\n")
    if line.version and line.version not in _SPOKEN and _VERSION.fullmatch(line.version):
        return failure(505, "", "only HTTP/1.0 and HTTP/1.1 are supported")
    if len(first.partition(b" ")[0]) > METHOD_LIMIT:
        return new_bad_request(f"the method is longer than {METHOD_LIMIT} characters")
    if line.version not in _SPOKEN or b" " in line.target or not line.target:
        return new_bad_request("the request line is not METHOD TARGET HTTP/1.1")
    if has_bare_line_feed(head):
        return new_bad_request("a line of the request's head ends without a carriage return")
    lines = rest.split(b"\r\n")
    if len(lines) - 2 > MAXIMUM_HEADERS:
        return failure(431, "", f"the request has more than {MAXIMUM_HEADERS} headers")
    if any(text.startswith((b" ", b"\t")) for text in lines):
        return new_bad_request("a header is folded")
    names = [text.partition(b":")[0].lower() for text in lines]
    if b"content-length" in names and b"transfer-encoding" in names:
        return new_bad_request("the request has a length and a transfer coding")
    for name, text in (
        (b"host", "Host header"),
        (b"content-length", "Content-Length"),
        (b"transfer-encoding", "Transfer-Encoding"),
    ):
        if names.count(name) > 1:
            return new_bad_request(f"the request has more than one {text}")
    if b"host" not in names and line.version == b"HTTP/1.1":
        return new_bad_request("missing required Host header")
    return new_bad_request("the request's head is malformed")
