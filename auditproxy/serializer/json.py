"""JSON as Go's encoding/json writes and reads it: lines equal kube-apiserver's byte for byte.

What differs from other writers: ``< > &`` and U+2028, U+2029 are written as
``\\u003c`` and so on, and a byte that is not UTF-8 as the six characters
``\\ufffd``. In Python text such a byte is a lone surrogate U+DC80..U+DCFF.
"""

import re
from typing import Any

import msgspec

from auditproxy.apis.status import Status
from auditproxy.serializer.errors import JSONError

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()

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

_STRING_OR_SPACE = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+', re.DOTALL)


def encode(value: object) -> bytes:
    """Write a Struct, dict, list or scalar on one line, without spaces.

    ``msgspec.Raw`` members are taken as they are but for ``< > &``. Text never
    makes it fail; a value nested beyond the interpreter's limit raises JSONError.
    """
    try:
        try:
            raw = _ENCODER.encode(value)
        except UnicodeEncodeError:
            raw = _PLACEHOLDER.sub(_placeholder_meaning, _ENCODER.encode(_with_placeholders(value)))
    except RecursionError:
        raise JSONError("the value is nested too deeply") from None
    return escape_html(raw)


def compact(raw: bytes) -> bytes:
    """The same JSON without its spaces, ``< > &`` and U+2028/9 escaped, nothing else changed.

    Numbers, escapes, the order of members and doubled names stay as they were
    sent. A byte that is not UTF-8 becomes U+FFFD, so that a line of the log
    stays valid UTF-8; Go would keep it. Raises JSONError when it is not JSON.
    """
    text = _valid_utf8(raw)
    try:
        return escape_html(msgspec.json.format(text, indent=-1))
    except RecursionError:
        raise _too_deep() from None
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
    except RecursionError:
        raise _too_deep() from None
    return escape_html(_STRING_OR_SPACE.sub(lambda found: found[1] or b"", text))


def decode(raw: bytes) -> Any:
    """The value of one JSON text; the last of a doubled name counts, integers stay exact.

    Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD, as
    they do in Go. Raises JSONError.
    """
    try:
        return _DECODER.decode(raw)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        normal = normalize(raw)
        if normal == raw:
            raise JSONError(str(error)) from None
    try:
        return _DECODER.decode(normal)
    except msgspec.DecodeError as error:
        raise JSONError(str(error)) from None
    except RecursionError:
        raise _too_deep() from None


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


def text_from_bytes(raw: bytes) -> str:
    """UTF-8 as text, with one lone surrogate U+DC80..U+DCFF for each byte that is not UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def go_text(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, for readers that need valid Unicode."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def escape_html(raw: bytes) -> bytes:
    """Escape what Go escapes besides the JSON rules; these occur in strings only."""
    raw = raw.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    if raw.isascii():
        return raw
    return raw.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


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
    """What stands in the JSON for a placeholder."""
    return _MARK_BYTES if found[0] == _MARK_BYTES * 2 else b"\\ufffd"


def _valid_utf8(raw: bytes) -> bytes:
    """The same bytes with U+FFFD for each byte that is not UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return go_text(text_from_bytes(raw)).encode()
    return raw


def _without_lone_surrogates(raw: bytes) -> bytes:
    """JSON in which each escaped half of a surrogate pair is U+FFFD."""
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["lone"] else found[0], raw)


def _too_deep() -> JSONError:
    """Go stops at 10000 levels, we at the interpreter's limit."""
    return JSONError("JSON is nested too deeply")
