"""Reading captured bodies: unpacking, members, metadata, Status.

Members stay raw JSON as long as possible, so that numbers and texts are
recorded in the spelling they were sent in. Everything that cannot be read
raises SerializationError and nothing else.
"""

import zlib
from typing import Any, TypeVar

import msgspec

from auditproxy.apis.status import Status, StatusCause, StatusDetails
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import JSONError, SerializationError
from auditproxy.serializer.jsonnumbers import check_numbers

GZIP = b"\x1f\x8b"
"""How every gzip body begins."""
CODING_SHOWN = 40
"""Characters of an unknown content coding that are shown."""
MEMBERS_LIMIT = 64
"""Members of one gzip body; reading each costs a copy of what follows it."""
RATIO_FREE = 1024 * 1024
"""Bytes to which any body may unfold, however small it is."""
RATIO_LIMIT = 200
"""Times its own size to which a larger one may; JSON lists unfold ten to fifty times."""

Members = dict[str, msgspec.Raw]
Decoded = TypeVar("Decoded")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises for bytes that are not JSON; the depth is checked before."""
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


NO_VALUE = msgspec.Raw(b"null")
"""A member that is absent."""
MEMBERS_AT_ONCE = 50_000
"""Members of one object; they are made in one piece, and nothing else runs meanwhile."""
SHORTEST_MEMBER = 5
"""Bytes that a member takes at the least: "":1,"""


class _Kind(msgspec.Struct):
    """Just the kind of an object, as raw bytes, so that its value is not decoded."""

    kind: msgspec.Raw = NO_VALUE


class _Large(msgspec.Struct, rename="camel"):
    """The members that large objects have."""

    metadata: msgspec.Raw = NO_VALUE
    spec: msgspec.Raw = NO_VALUE
    status: msgspec.Raw = NO_VALUE
    data: msgspec.Raw = NO_VALUE
    binary_data: msgspec.Raw = NO_VALUE
    items: msgspec.Raw = NO_VALUE
    rows: msgspec.Raw = NO_VALUE
    rules: msgspec.Raw = NO_VALUE
    results: msgspec.Raw = NO_VALUE
    groups: msgspec.Raw = NO_VALUE
    resources: msgspec.Raw = NO_VALUE
    webhooks: msgspec.Raw = NO_VALUE


_KIND = msgspec.json.Decoder(_Kind)
_LARGE = msgspec.json.Decoder(_Large)


def inflate(body: bytes, content_encoding: str, limit: int) -> bytes:
    """The body without its content coding; raises SerializationError when it cannot be.

    It may unfold to ``limit`` bytes, and beyond a mebibyte to RATIO_LIMIT times
    what was sent; no more than that is ever held.
    """
    if not content_encoding:
        return body
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise SerializationError(f"content encoding {coding[:CODING_SHOWN]!r} is not decoded")
    allowed = unfolded_limit(len(body), limit)
    # Deflate is zlib's format (RFC 9110), but some senders leave its frame out.
    framed = body.startswith(GZIP) or zlib_header(body)
    window = zlib.MAX_WBITS | 32 if framed else -zlib.MAX_WBITS
    parts: list[bytes] = []
    rest, size = body, 0
    while rest:
        if len(parts) == MEMBERS_LIMIT:
            raise SerializationError(f"the {coding} body has too many members")
        unpacker = zlib.decompressobj(window)
        try:
            part = unpacker.decompress(rest, allowed - size + 1)
        except zlib.error:
            raise SerializationError(f"the body is not {coding}") from None
        size += len(part)
        if size > allowed:
            raise SerializationError(f"larger than {allowed} bytes when unpacked")
        if not unpacker.eof:
            raise SerializationError(f"the {coding} body ends early")
        parts.append(part)
        # A gzip body may have several members, one after the other.
        rest = unpacker.unused_data
    return b"".join(parts)


def unfolded_limit(size: int, limit: int) -> int:
    """Bytes to which a compressed body of ``size`` bytes may unfold."""
    return min(limit, max(RATIO_FREE, RATIO_LIMIT * size))


def zlib_header(body: bytes) -> bool:
    """Whether a body begins as zlib's format does (RFC 1950)."""
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def members(raw: bytes, budget: Budget | None = None) -> Members:
    """Return the members of a JSON object, values still raw; a duplicate replaces earlier ones.

    With a budget, raises its error for more members than any API object has. A number that no
    float64 holds is a JSONError, as in Go.
    """
    json.check_depth(raw)
    check_numbers(raw)
    if budget is not None and _most_members(raw) > MEMBERS_AT_ONCE:
        raise budget.exceeded("nodes", f"more than {MEMBERS_AT_ONCE} members of one object")
    try:
        return _MEMBERS.decode(raw)
    except UNREADABLE:
        pass
    if raw.strip(b" \t\r\n") == b"null":
        # Go decodes null into an empty object.
        return {}
    # Go may still accept it, for example bytes that are not UTF-8.
    return decode_object(_MEMBERS, json.normalize(raw))


def _most_members(raw: bytes) -> int:
    """Return an upper bound of an object's members, without inspecting each."""
    names = len(raw) // SHORTEST_MEMBER
    if names <= MEMBERS_AT_ONCE:
        return names
    names = json.marks_outside(raw, b":", MEMBERS_AT_ONCE)
    if names <= MEMBERS_AT_ONCE:
        return names
    try:
        large = _LARGE.decode(raw)
    except UNREADABLE:
        return names
    known = sum(memoryview(getattr(large, name)).nbytes for name in large.__struct_fields__)
    return min(names, (len(raw) - known) // SHORTEST_MEMBER)


def decode_object(decoder: msgspec.json.Decoder[Decoded], raw: bytes) -> Decoded:
    """Decode a JSON object; only the members that the decoder wants are built."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise SerializationError("the body is not a JSON object") from None
    except UNREADABLE as error:
        raise JSONError(str(error)) from None


def kind(raw: bytes) -> str:
    """The kind of a JSON object, empty when it has none."""
    try:
        json.check_depth(raw)
        found = _KIND.decode(raw).kind
    except UNREADABLE:
        try:
            found = _KIND.decode(json.normalize(raw)).kind
        except UNREADABLE:
            return ""
    except SerializationError:
        return ""
    return text_of(found) or ""


def text_of(raw: msgspec.Raw) -> str | None:
    """Return a raw member as text; None, without decoding it, if it is something else."""
    plain = bytes(raw)
    if not plain.startswith(b'"'):
        return None
    if b"\\" not in plain and plain.isascii():
        text = plain[1:-1].decode()
        if text.isprintable():
            return text
    found = json.decode(plain)
    return found if isinstance(found, str) else None


def drop_managed_fields(object_members: Members) -> bool:
    """Take metadata.managedFields out of an object, a list's items, or a Table's rows, in place.

    Returns whether anything changed.
    """
    changed = _drop_from_metadata(object_members)
    name = kind(bytes(msgspec.json.encode({"kind": object_members.get("kind")})))
    if name == "Table":
        changed |= _drop_from_items(object_members, "rows", inner="object")
    elif name.endswith("List"):
        changed |= _drop_from_items(object_members, "items", inner=None)
    return changed


def _drop_from_metadata(object_members: Members) -> bool:
    """Take managedFields out of one object's metadata."""
    raw = object_members.get("metadata")
    if raw is None or b"managedFields" not in bytes(raw):
        return False
    try:
        found = _MEMBERS.decode(raw)
    except UNREADABLE:
        return False
    if found.pop("managedFields", None) is None:
        return False
    object_members["metadata"] = msgspec.Raw(msgspec.json.encode(found))
    return True


def _drop_from_items(object_members: Members, name: str, *, inner: str | None) -> bool:
    """Take managedFields out of each item, or out of the object inside each row."""
    raw = object_members.get(name)
    if raw is None or b"managedFields" not in bytes(raw):
        return False
    try:
        items = _ITEMS.decode(raw)
    except UNREADABLE:
        return False
    changed = False
    for index, item in enumerate(items):
        try:
            item_members = _MEMBERS.decode(item)
            if inner is None:
                dropped = _drop_from_metadata(item_members)
            elif inner in item_members:
                object_of_row = _MEMBERS.decode(item_members[inner])
                dropped = _drop_from_metadata(object_of_row)
                item_members[inner] = msgspec.Raw(msgspec.json.encode(object_of_row))
            else:
                dropped = False
        except UNREADABLE:
            continue
        if dropped:
            items[index] = msgspec.Raw(msgspec.json.encode(item_members))
            changed = True
    if changed:
        object_members[name] = msgspec.Raw(msgspec.json.encode(items))
    return changed


def status_from_json(raw: bytes) -> Status:
    """Return the Status of a JSON body; members of a wrong type are treated as absent."""
    body = json.decode(raw)
    if not isinstance(body, dict):
        raise SerializationError("the Status is not a JSON object")
    details = body.get("details")
    return Status(
        metadata={},
        status=text(body, "status"),
        message=text(body, "message"),
        reason=text(body, "reason"),
        details=status_details(details) if isinstance(details, dict) else None,
        code=integer(body, "code"),
    )


def status_details(details: dict[str, Any]) -> StatusDetails:
    """StatusDetails from decoded JSON."""
    causes = details.get("causes")
    return StatusDetails(
        name=text(details, "name"),
        group=text(details, "group"),
        kind=text(details, "kind"),
        uid=text(details, "uid"),
        causes=tuple(
            StatusCause(text(cause, "reason"), text(cause, "message"), text(cause, "field"))
            for cause in (causes if isinstance(causes, list) else ())
            if isinstance(cause, dict)
        ),
        retry_after_seconds=integer(details, "retryAfterSeconds"),
    )


def text(found: dict[str, Any], key: str) -> str:
    """A member as text, empty when it is something else."""
    value = found.get(key)
    return value if isinstance(value, str) else ""


def integer(found: dict[str, Any], key: str) -> int:
    """A member as an integer, 0 when it is something else."""
    value = found.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
