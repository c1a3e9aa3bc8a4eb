"""How Go's net/http server reads a request: the upstream's side of every comparison.

Written from the documented behaviour of net/http, net/textproto and net/url
(RFC 9112 where Go follows it), in other ways than auditproxy/request does it,
so that the two can be held against each other. ``read_request`` is a pure
function of the bytes so far; ``request_info`` is a second RequestInfo.
"""

import re
import urllib.parse
from dataclasses import dataclass, field

MAXIMUM_HEAD = (1 << 20) + 4096
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(rb"[!$%&'()*+,\-.:;=\[\]_~0-9A-Za-z]*")
_VALUE_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ESCAPE_FAULT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_VALID_PATH = re.compile(rb"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@/\[\]]|%)*")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]{1,16}")


class MalformedError(Exception):
    """Go's server answers these bytes with an error of its own and closes."""


@dataclass(frozen=True)
class GoRequest:
    """One request as Go's handler gets it; names are lower-cased, values trimmed."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)

    def values(self, name: bytes) -> list[bytes]:
        """Every value of one header."""
        return [value for key, value in self.headers if key == name]


def read_request(data: bytes | bytearray) -> tuple[GoRequest, int] | None:
    """The first request and where it ends; None when more bytes are needed.

    Raises MalformedError for what Go refuses.
    """
    lines: list[bytes] = []
    position = 0
    while True:
        end = data.find(b"\n", position)
        if end < 0:
            if len(data) > MAXIMUM_HEAD:
                raise MalformedError("the head is too large")
            return None
        line = bytes(data[position:end])
        line = line[:-1] if line.endswith(b"\r") else line
        position = end + 1
        if not line and lines:
            break
        lines.append(line)
    method, version = _request_line(lines[0])
    target = lines[0].split(b" ", 2)[1]
    headers = _header_lines(lines[1:])
    if method != "CONNECT" or target.startswith(b"/"):
        request_uri(target)
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == 1 and method != "CONNECT"):
        raise MalformedError("not exactly one Host")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise MalformedError("malformed Host")
    body = _body(data, position, headers, version)
    if body is None:
        return None
    content, position = body
    return GoRequest(method, target, tuple(headers), content), position


def _request_line(line: bytes) -> tuple[str, int]:
    words = line.split(b" ", 2)
    if len(words) != 3 or _TOKEN.fullmatch(words[0]) is None:
        raise MalformedError("malformed request line")
    if words[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise MalformedError("not HTTP/1")
    return words[0].decode("ascii"), int(words[2][-1:])


def _header_lines(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    joined: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not joined:
                raise MalformedError("the first header line is a continuation")
            joined[-1] += b" " + line.strip(b" \t")
        else:
            joined.append(line)
    headers = []
    for line in joined:
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name) is None or _VALUE_FORBIDDEN.search(value):
            raise MalformedError("malformed header line")
        headers.append((name.lower(), value.strip(b" \t")))
    return headers


def _body(
    data: bytes | bytearray, position: int, headers: list[tuple[bytes, bytes]], version: int
) -> tuple[bytes, int] | None:
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    lengths = {value for name, value in headers if name == b"content-length"}
    if codings and version:
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise MalformedError("unsupported transfer encoding")
        return _chunks(data, position)
    if len(lengths) > 1:
        raise MalformedError("different lengths")
    if not lengths:
        return b"", position
    text = lengths.pop()
    if re.fullmatch(rb"[0-9]{1,5000}", text) is None or int(text) >= 1 << 63:
        raise MalformedError("bad Content-Length")
    end = position + int(text)
    return (bytes(data[position:end]), end) if len(data) >= end else None


def _chunks(data: bytes | bytearray, position: int) -> tuple[bytes, int] | None:
    pieces = []
    while True:
        end = data.find(b"\n", position)
        if end < 0 or end - position > 4096:
            if len(data) - position > 4096:
                raise MalformedError("a chunk's first line is too long")
            return None
        line = bytes(data[position:end])
        if not line.endswith(b"\r"):
            raise MalformedError("a bare line feed ends a chunk's first line")
        size_text = line.rstrip(b" \t\r").partition(b";")[0]
        if _HEX_DIGITS.fullmatch(size_text) is None:
            raise MalformedError("bad chunk size")
        size = int(size_text, 16)
        position = end + 1
        if not size:
            break
        if len(data) < position + size + 2:
            return None
        pieces.append(bytes(data[position : position + size]))
        position += size + 2
        if bytes(data[position - 2 : position]) != b"\r\n":
            raise MalformedError("a chunk is longer than it says")
    while True:  # trailers
        end = data.find(b"\n", position)
        if end < 0:
            return None
        line = bytes(data[position:end]).rstrip(b"\r")
        position = end + 1
        if not line:
            return b"".join(pieces), position


# --- net/url ---------------------------------------------------------------------


def split_target(target: bytes) -> tuple[bytes, bytes, bool]:
    """Raw path, raw query, and whether a lone ``?`` ends the target; absolute form loses its host."""
    if re.search(rb"[\x00-\x1f\x7f]", target) or not target:
        raise MalformedError("control characters in the target, or nothing")
    scheme = re.match(rb"[A-Za-z][A-Za-z0-9+.\-]*:", target)
    if scheme is not None:
        target = target[scheme.end() :]
    elif target != b"*" and not target.startswith(b"/"):
        raise MalformedError("invalid URI for request")
    force = target.endswith(b"?") and target.count(b"?") == 1
    path, _, query = target.partition(b"?")
    if scheme is not None and path.startswith(b"//"):
        _, slash, rest = path[2:].partition(b"/")
        path = slash + rest
    if _ESCAPE_FAULT.search(path):
        raise MalformedError("invalid URL escape")
    return path, query, force


def request_uri(target: bytes) -> bytes:
    """URL.RequestURI() of a request line's target, which is what audit stores."""
    path, query, force = split_target(target)
    if _VALID_PATH.fullmatch(path) is None:
        quoted = urllib.parse.quote_from_bytes(urllib.parse.unquote_to_bytes(path), "-_.~$&+,/:;=@")
        path = quoted.encode("ascii")
    return (path or b"/") + (b"?" + query if query or force else b"")


def query_map(raw: bytes) -> dict[str, list[str]]:
    """URL.Query()."""
    found: dict[str, list[str]] = {}
    if raw.count(b"&") >= 10_000:
        return found
    for pair in raw.split(b"&"):
        if not pair or b";" in pair or _ESCAPE_FAULT.search(pair):
            continue
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        key, text = (
            urllib.parse.unquote_to_bytes(part).decode("utf-8", "surrogateescape")
            for part in (name, value)
        )
        found.setdefault(key, []).append(text)
    return found


# --- RequestInfo -----------------------------------------------------------------

_VERBS_BY_METHOD = {"POST": "create", "PUT": "update", "GET": "get", "HEAD": "get"}
_VERBS_BY_METHOD |= {method: method.lower() for method in ("PATCH", "DELETE")}
_RESOURCE = re.compile(
    r"/*(?:api|apis/(?P<group>[^/]*))/(?P<version>[^/]*)/(?:(?P<special>watch|proxy)(?=/|$)/?)?"
    r"(?P<rest>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class ReferenceInfo:
    """What a request means, in the members that an event shows; ``resource`` None: no resource."""

    verb: str
    resource: str | None = None
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    group: str = ""
    version: str = ""


def request_info(method: str, target: bytes) -> ReferenceInfo | None:
    """A second reading of apiserver endpoints/request/requestinfo.go; None for its error.

    A list's name by field selector is taken only from the plain form
    ``metadata.name=x`` among known, readable options; other selectors give no
    opinion here ("?" as the name).
    """
    raw_path, raw_query, _ = split_target(target)
    path = urllib.parse.unquote_to_bytes(raw_path).decode("utf-8", "surrogateescape")
    match = _RESOURCE.fullmatch(path.strip("/"))
    if match is None:
        return ReferenceInfo(method.lower())
    special, rest = match["special"] or "", match["rest"]
    if special and not rest:
        return None
    verb = special or _VERBS_BY_METHOD.get(method, "")
    words = rest.split("/")
    namespace = ""
    if words[0] == "namespaces" and len(words) > 1:
        namespace = words[1]
        if len(words) > 2 and words[2] not in ("status", "finalize"):
            words = words[2:]
    resource, name, subresource = (*words, "", "")[:3]
    if special == "proxy":
        subresource = ""
    if not name and verb == "get":
        verb, name = _list_or_watch(query_map(raw_query))
    elif not name and verb == "delete":
        verb = "deletecollection"
    return ReferenceInfo(
        verb, resource, subresource, namespace, name, match["group"] or "", match["version"]
    )


def _list_or_watch(query: dict[str, list[str]]) -> tuple[str, str]:
    watch = query.get("watch", ["0"])[0]
    verb = "list" if watch == "0" or watch.lower() == "false" else "watch"
    selector = query.get("fieldSelector", [""])[0]
    plain = re.fullmatch(r"metadata\.name==?([a-z0-9.\-]+)", selector)
    if "metadata.name" not in selector:
        return verb, ""
    if plain is None or query.keys() - {"fieldSelector", "watch"} or plain[1] in (".", ".."):
        return verb, "?"
    return verb, plain[1]
