"""JSON as Go's encoding/json writes and reads it: lines equal kube-apiserver's byte for byte.

What differs from other writers: ``< > &`` and U+2028, U+2029 are written as
``\\u003c`` and so on, and a byte that is not UTF-8 as the six characters
``\\ufffd``. In Python text such a byte is a lone surrogate U+DC80..U+DCFF.
"""

import codecs
import re
from array import array
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from auditproxy.apis.status import Status
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import JSONError

T = TypeVar("T")

DEPTH_LIMIT = 250
"""Levels of objects and arrays that are read, as in YAML; Go reads 10000.

No supported Python fails at this depth, neither in C nor in recursive functions; the
depth at which one would fail differs between versions.
"""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()

_UTF8 = codecs.getincrementaldecoder("utf-8")
_SURROGATE = re.compile("[\ud800-\udfff]")

_MARK = "\uf8ff"
"""Begins a placeholder in text that is being encoded; itself written twice."""
_MARK_BYTES = _MARK.encode()
_PLACEHOLDER = re.compile(
    _MARK_BYTES + b"(?:" + _MARK_BYTES + rb"|\xee[\x80-\x9f][\x80-\xbf])"  # U+E000..U+E7FF
)
_SURROGATE_TO_PLACEHOLDER = 0xE000 - 0xD800

_ESCAPE = re.compile(
    rb"\\(?:"
    rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)
"""One escape of a JSON string, or a pair of surrogates; ``lone`` is half a pair."""

_STRING_OR_SPACE = re.compile(rb'("(?:[^"\\]++|\\.)*+")|[ \t\r\n]+', re.DOTALL)

_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)

_PIECE = 128 * 1024
"""Bytes that are worked on at once, so that no other thread waits long."""

_STEPS = bytes(1 if byte in b"[{" else 255 if byte in b"]}" else 0 for byte in range(256))
"""What a byte adds to the depth, as a signed byte."""
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STAND_INS = "\0\1\2\3\4\5\6\7\b"
"""Characters that may stand for a question mark for a moment; no JSON has one of them."""


def encode(value: object) -> bytes:
    """Write a Struct, dict, list or scalar on one line, without spaces.

    ``msgspec.Raw`` members are copied, except that ``< > &`` are escaped. No text makes
    it fail. A value nested beyond the interpreter's limit raises JSONError; no value
    read by this module is.
    """
    try:
        try:
            raw = _ENCODER.encode(value)
        except UnicodeEncodeError:
            if isinstance(value, str):
                return escape_html(_encode_text(value))
            raw = _PLACEHOLDER.sub(_placeholder_meaning, _ENCODER.encode(_with_placeholders(value)))
    except RecursionError:
        raise JSONError("the value is nested too deeply") from None
    return escape_html(raw)


def check_depth(raw: bytes) -> None:
    """Raise JSONError for a text nested deeper than DEPTH_LIMIT; checks nothing else.

    Linear; very cheap for a text with few brackets.
    """
    if len(raw) <= DEPTH_LIMIT or raw.count(b"[") + raw.count(b"{") <= DEPTH_LIMIT:
        return
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes and brackets alone; two quotes with nothing between change nothing behind them.
    marks = raw.translate(None, _NO_MARKS).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    depth = 0
    for start in range(0, len(marks), _PIECE):
        steps = array("b", marks[start : start + _PIECE].translate(_STEPS))
        depths = list(accumulate(steps, initial=depth))
        depth = depths[-1]
        if max(depths) > DEPTH_LIMIT:
            raise JSONError("JSON is nested too deeply")


def marks_outside(raw: bytes, marks: bytes, enough: int) -> int:
    """Return how many of some ASCII bytes are outside the strings of a JSON text.

    If the whole text has at most ``enough``, returns that number at once, strings included.
    """
    found = sum(raw.count(mark) for mark in (bytes((byte,)) for byte in marks))
    if found <= enough:
        return found
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    others = bytes(byte for byte in range(256) if byte not in marks + b'"')
    found, inside = 0, 0
    for start in range(0, len(raw), _PIECE):
        parts = raw[start : start + _PIECE].translate(None, others).split(b'"')
        found += sum(map(len, parts[inside::2]))
        inside ^= (len(parts) - 1) & 1
    return found


def cut(raw: bytes, levels: int, budget: Budget | None = None) -> bytes:
    """JSON with null for each object and array that is nested deeper than so many levels.

    Takes any depth, and does not check that it is JSON. Raises BudgetExceededError.
    """
    kept: list[bytes] = []
    start = depth = 0
    for found in _STRING_OR_BRACKET.finditer(raw):
        if budget is not None:
            budget.tick()
        if found[1]:
            depth += 1
            if depth == levels + 1:
                kept += (raw[start : found.start()], b"null")
                start = len(raw)
        elif found[2]:
            if depth == levels + 1:
                start = found.end()
            depth -= 1
    return b"".join((*kept, raw[start:]))


def compact(raw: bytes, *, depth_checked: bool = False) -> bytes:
    """Return the JSON without its spaces, ``< > &`` and U+2028/9 escaped, nothing else changed.

    Numbers, escapes, the order of members and duplicate names stay as sent. A byte
    that is not UTF-8 becomes U+FFFD, so that a line of the log stays valid UTF-8;
    Go would keep it. Raises JSONError if the text is not JSON or is nested too
    deeply; ``depth_checked``: the caller has checked the depth.
    """
    if not depth_checked:
        check_depth(raw)
    text = _valid_utf8(raw)
    try:
        return escape_html(msgspec.json.format(text, indent=-1))
    except msgspec.DecodeError as error:
        normal = _without_lone_surrogates(text)
        if normal == text:
            raise JSONError(str(error)) from None
    # Half a surrogate pair is valid for Go and kept by it, but not for msgspec,
    # which therefore checks a text without it while the spaces are removed here.
    try:
        msgspec.json.format(normal, indent=-1)
    except msgspec.DecodeError as error:
        raise JSONError(str(error)) from None
    return escape_html(_STRING_OR_SPACE.sub(lambda found: found[1] or b"", text))


def decode(raw: bytes) -> Any:
    """Return the value of one JSON text; the last of duplicate names is kept, integers are exact.

    Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD, as
    they do in Go. Raises JSONError.
    """
    check_depth(raw)
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        normal = normalize(raw)
        if normal == raw:
            raise JSONError(str(error)) from None
    try:
        return _DECODER.decode(normal)
    except msgspec.DecodeError as error:
        raise JSONError(str(error)) from None


def decode_as(raw: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Return one JSON text as a type of msgspec's; unlike ``decode``, requires valid UTF-8.

    Raises JSONError, whose text shows only a place and a type.
    """
    check_depth(bytes(raw))
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JSONError(str(error)) from None


def status_object(status: Status) -> bytes:
    """A Status as an object of its own, kind and apiVersion in front."""
    # metadata is always there, so the opening brace is always followed by a member.
    return b'{"kind":"Status","apiVersion":"v1",' + encode(status)[1:]


def normalize(raw: bytes) -> bytes:
    """JSON text with U+FFFD for each byte that is not UTF-8 and each half of a surrogate pair.

    That is how Go decodes them; other readers refuse such a text. Does not fail
    and does not check that it is JSON.
    """
    return _without_lone_surrogates(_valid_utf8(raw))


def status_body(status: Status) -> bytes:
    """A Status as the body of an answer: on one line, newline included."""
    return status_object(status) + b"\n"


def status_body_indented(status: Status) -> bytes:
    """A Status as kube-apiserver writes it for eyes: two spaces a level, no newline at the end."""
    return msgspec.json.format(status_body(status), indent=2)


def string(raw: bytes) -> bytes:
    """Any bytes as a JSON string."""
    return encode(text_from_bytes(raw))


def text_from_bytes(raw: bytes) -> str:
    """UTF-8 as text, with one lone surrogate U+DC80..U+DCFF for each byte that is not UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def go_text(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, for readers that need valid Unicode."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    for stand_in in _STAND_INS:
        if stand_in not in text:
            # The encoder writes ? for a surrogate, a hundred times faster than a search does.
            plain = text.replace("?", stand_in).encode("utf-8", "replace").decode()
            return plain.replace("?", "\ufffd").replace(stand_in, "?")
    return _SURROGATE.sub("\ufffd", text)


def escape_html(raw: bytes) -> bytes:
    """Escape what Go escapes besides the JSON rules; these occur in strings only."""
    raw = raw.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    if raw.isascii():
        return raw
    return raw.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def _encode_text(text: str) -> bytes:
    """A text with lone surrogates as a JSON string, its own U+FFFD kept apart from theirs."""
    if len(text) > _PIECE:
        pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
        return b'"' + b"".join(_encode_text(piece)[1:-1] for piece in pieces) + b'"'
    kept = next((mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in text), "")
    if not kept:
        return _PLACEHOLDER.sub(_placeholder_meaning, _ENCODER.encode(_with_placeholders(text)))
    raw = _ENCODER.encode(go_text(text.replace("\ufffd", kept)))
    return raw.replace(b"\xef\xbf\xbd", b"\\ufffd").replace(kept.encode(), b"\xef\xbf\xbd")


def _with_placeholders(value: Any) -> Any:
    """Copy a value with each lone surrogate as mark + private character, each mark doubled.

    Doubling keeps the marks apart from those that the value itself contains,
    in its raw JSON too.
    """
    if isinstance(value, str):
        if _MARK not in value and _SURROGATE.search(value) is None:
            return value
        return _SURROGATE.sub(_placeholder, value.replace(_MARK, _MARK + _MARK))
    if isinstance(value, msgspec.Raw):
        return msgspec.Raw(bytes(value).replace(_MARK_BYTES, _MARK_BYTES * 2))
    if isinstance(value, msgspec.Struct):
        members = {name: getattr(value, name) for name in value.__struct_fields__}
        return msgspec.structs.replace(
            value, **{name: _with_placeholders(member) for name, member in members.items()}
        )
    if isinstance(value, dict):
        return {
            _with_placeholders(key): _with_placeholders(member) for key, member in value.items()
        }
    if isinstance(value, list):
        return [_with_placeholders(member) for member in value]
    if isinstance(value, tuple):
        # Must stay a tuple: an empty one is omitted where it is the default.
        return tuple(_with_placeholders(member) for member in value)
    return value


def _placeholder(found: re.Match[str]) -> str:
    """Mark and private character; a different one for each surrogate keeps names apart."""
    return _MARK + chr(ord(found[0]) + _SURROGATE_TO_PLACEHOLDER)


def _placeholder_meaning(found: re.Match[bytes]) -> bytes:
    """Return the JSON that replaces a placeholder."""
    return _MARK_BYTES if found[0] == _MARK_BYTES * 2 else b"\\ufffd"


def _valid_utf8(raw: bytes) -> bytes:
    """The same bytes with U+FFFD for each byte that is not UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        decoder = _UTF8("surrogateescape")
        pieces = [
            go_text(decoder.decode(raw[start : start + _PIECE])).encode()
            for start in range(0, len(raw), _PIECE)
        ]
        return b"".join((*pieces, go_text(decoder.decode(b"", final=True)).encode()))
    return raw


def _without_lone_surrogates(raw: bytes) -> bytes:
    """JSON in which each escaped half of a surrogate pair is U+FFFD."""
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["lone"] else found[0], raw)
