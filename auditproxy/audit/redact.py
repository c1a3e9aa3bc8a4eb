"""Redaction: secret values of bodies and request URIs become markers before any backend sees them.

A marker holds a keyed digest (HMAC-SHA-256), so that equal values stay
comparable without being shown. Bodies are unfolded along the rules' paths
only; what else they hold keeps its spelling. It fails closed: a scalar or a
list where a path expects an object is itself marked, names match in any case,
doubled members lose all but the last, and what cannot be read at all raises
SerializationError, upon which the caller leaves the body out.
"""

import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit import bodies
from auditproxy.serializer import json
from auditproxy.serializer.errors import SerializationError

MARKER = "auditproxy.io/redacted:hmac-sha256:"
"""What stands before the digest."""
DIGEST_LENGTH = 16
"""Hexadecimal characters of the digest that are shown."""

Path = tuple[str | None, ...]
"""Steps from the object's root: a member's name in lower case, or None for every member."""

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
_DIRECTIVES = frozenset({"replace", "merge", "delete"})
_TOKEN = re.compile("~[01]")


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """Which values of which resources are secret; resources as in an audit policy's rule."""

    group: str
    resources: tuple[str, ...]
    paths: tuple[Path, ...]

    def matches(self, info: RequestInfo) -> bool:
        """Whether a request's bodies hold objects of this rule."""
        if not info.is_resource_request or self.group not in ("*", info.api_group.lower()):
            return False
        resource, subresource = info.resource.lower(), info.subresource.lower()
        accepted = {
            "*",
            f"{resource}/*",
            f"{resource}/{subresource}" if subresource else resource,
            f"*/{subresource}",
        }
        return not accepted.isdisjoint(self.resources)


@dataclass(frozen=True, slots=True)
class Redactor:
    """All rules and the digest's key; query parameters are named in lower case."""

    rules: tuple[RedactionRule, ...]
    query_parameters: frozenset[str]
    key: bytes = field(repr=False)

    def paths(self, info: RequestInfo) -> tuple[Path, ...]:
        """The paths of every rule that matches a request; () when its bodies hold no secret."""
        return tuple(path for rule in self.rules if rule.matches(info) for path in rule.paths)

    def marker(self, value: bytes) -> str:
        """What is shown instead of a value."""
        return MARKER + hmac.digest(self.key, value, "sha256").hex()[:DIGEST_LENGTH]

    def request_uri(self, uri: str) -> str:
        """The URI with the values of secret query parameters marked.

        Parameters are also told apart at ``;``, as servers behind a proxy
        subresource may; a value then ends at ``&`` all the same.
        """
        path, mark, query = uri.partition("?")
        if not mark or not self.query_parameters:
            return uri
        settings = [self._setting(setting) for setting in query.split("&")]
        return f"{path}?{'&'.join(settings)}"

    def _setting(self, setting: str) -> str:
        """One ``name=value``, or several with semicolons between."""
        name, equals, value = setting.partition("=")
        if (
            equals
            and value
            and _unquoted(name).decode("utf-8", "replace").lower() in (self.query_parameters)
        ):
            return f"{name}={self.marker(_unquoted(value))}"
        first, semicolon, rest = setting.partition(";")
        return f"{first};{self._setting(rest)}" if semicolon else setting

    def object(self, raw: bytes, paths: tuple[Path, ...], *, patch: bool) -> tuple[bytes, bool]:
        """The object, list, Table or patch with secret values marked, and whether any was.

        ``patch`` lets an array be a JSON patch. Raises SerializationError.
        """
        try:
            return self._object(raw, paths, patch)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise SerializationError("the body cannot be read for redaction") from None

    def _object(self, raw: bytes, paths: tuple[Path, ...], patch: bool) -> tuple[bytes, bool]:
        work = _Work(self)
        first = raw[:1]
        if first == b"[" and patch:
            done = work.json_patch(raw, paths)
        elif first == b"{":
            members = bodies.members(raw)
            work.members(members, paths)
            for name in members:
                if name.lower() == "items":
                    members[name] = work.value(members[name], tuple((None, *p) for p in paths))
                elif name.lower() == "rows":
                    inner = tuple((None, "object", *p) for p in paths)
                    members[name] = work.value(members[name], inner)
            done = msgspec.Raw(json.encode(members))
        else:
            raise SerializationError("the body is no object")
        return bytes(done), work.marked


class _Work:
    """One body on its way; remembers whether anything was marked."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.marked = False

    def members(self, members: bodies.Members, paths: tuple[Path, ...]) -> None:
        """Mark what the paths reach in an object's members, in place."""
        for name, value in members.items():
            below = _below(name, paths)
            if below and not (name == "$patch" and _text(value) in _DIRECTIVES):
                members[name] = self.value(value, below)

    def value(self, raw: msgspec.Raw, paths: tuple[Path, ...]) -> msgspec.Raw:
        """A value with what the paths reach marked; a path that ends here marks all of it."""
        plain = bytes(raw)
        if plain == b"null" or plain == b'""':
            return raw
        if () in paths or plain[:1] not in (b"{", b"["):
            return self._mark(plain)
        if plain[:1] == b"{":
            members = bodies.members(plain)
            self.members(members, paths)
            return msgspec.Raw(json.encode(members))
        if any(path[0] is not None for path in paths):
            return self._mark(plain)
        below = tuple(path[1:] for path in paths)
        return msgspec.Raw(json.encode([self.value(item, below) for item in _items(plain)]))

    def json_patch(self, raw: bytes, paths: tuple[Path, ...]) -> msgspec.Raw:
        """A JSON patch (RFC 6902) with the secret parts of its values marked."""
        return msgspec.Raw(
            json.encode([self._operation(bytes(item), paths) for item in _items(raw)])
        )

    def _operation(self, raw: bytes, paths: tuple[Path, ...]) -> msgspec.Raw:
        if raw[:1] != b"{":
            return self._mark(raw)
        members = bodies.members(raw)
        below = _at(_text(members.get("path")), paths)
        for name, value in members.items():
            if name == "value":
                members[name] = self.value(value, below) if below else value
            elif name not in ("path", "from") and not (
                name == "op" and _text(value) in _OPERATIONS
            ):
                # No member that RFC 6902 knows: nobody can say what it holds.
                members[name] = self.value(value, ((),))
        return msgspec.Raw(json.encode(members))

    def _mark(self, plain: bytes) -> msgspec.Raw:
        self.marked = True
        text = _text(msgspec.Raw(plain))
        value = plain if text is None else json.go_text(text).encode()
        return msgspec.Raw(json.encode(self._redactor.marker(value)))


def _below(name: str, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """What is left of the paths one member further down."""
    folded = name.lower()
    return tuple(path[1:] for path in paths if path and path[0] in (None, folded))


def _at(pointer: str | None, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """What is left of the paths at a JSON pointer (RFC 6901); everything if it is none."""
    if pointer is None or (pointer and not pointer.startswith("/")):
        return ((),)
    for token in pointer.split("/")[1:]:
        if () in paths:
            break
        paths = _below(_TOKEN.sub(lambda found: "~" if found[0] == "~0" else "/", token), paths)
    return paths


def _items(raw: bytes) -> list[msgspec.Raw]:
    try:
        return _ITEMS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ITEMS.decode(json.normalize(raw))


def _text(raw: msgspec.Raw | None) -> str | None:
    """A JSON string's text; None for anything else."""
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    value = json.decode(bytes(raw))
    return value if isinstance(value, str) else None


def _unquoted(text: str) -> bytes:
    """A query's name or value as bytes."""
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))
