"""One body with its secret values marked: an object, a list, a Table or a patch.

Bodies are decoded along the rules' paths only; the rest keeps its spelling. It
fails closed: a scalar or a list where a path expects an object is itself marked,
names match in any case, only the last of duplicate members is kept, members that
the type does not have are marked, and so is every text that contains a value marked
elsewhere. A JSON patch is followed operation by operation: a value copied into a
secret's place, or out of it, is marked wherever it occurs.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from auditproxy.audit import bodies
from auditproxy.audit.redaction.copies import without_copies
from auditproxy.audit.redaction.paths import (
    EVERYWHERE,
    Known,
    Paths,
    Scope,
    at,
    below,
    every_item,
    fold,
    is_known,
    place,
    spread,
)
from auditproxy.audit.redaction.values import SecretValues
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
_WITH_VALUE = frozenset({"add", "replace", "test"})
_PATCH_WORDS = frozenset({"replace", "merge", "delete"})
_DIRECTIVES = ("$patch", "$retainkeys", "$setelementorder/", "$deletefromprimitivelist/")
"""What a strategic merge patch says besides members; the last two end with a member's name."""
_LISTS = frozenset({"items", "rows"})
"""Members of lists and Tables that hold objects."""


class BodyRedactor:
    """One body on its way; remembers whether anything was marked, and which values were."""

    def __init__(
        self,
        marker: Callable[[bytes], str],
        prefix: str,
        scope: Scope,
        budget: Budget | None = None,
    ) -> None:
        self._budget = budget
        self._marker = marker
        self._prefix = prefix
        self._scope = scope
        self._inside = SecretValues()
        self._shown: dict[bytes, msgspec.Raw] = {}
        self.paths = scope.paths
        """The rules' paths and, after a JSON patch, those to which it carries their values."""
        self.values = SecretValues()
        """The marked values; those of a list's items are kept per item."""
        self.marked = False

    def redact(self, raw: bytes, *, patch: bool) -> bytes:
        """The body with its secrets marked; ``patch`` lets an array be a JSON patch.

        Raises SerializationError for what cannot be read, when all of it is secret, and when
        it takes more than the budget.
        """
        try:
            if patch and raw[:1] == b"[":
                return self._json_patch(raw)
            if raw[:1] == b"{" and () not in self.paths:
                return self._body(raw)
        except (msgspec.DecodeError, UnicodeError):
            pass
        raise SerializationError("the body cannot be read for redaction")

    def mark(self, plain: bytes) -> msgspec.Raw:
        """What is shown instead of a value; the value is remembered."""
        self.marked = True
        decoded = json.decode(plain)
        self._inside.add(decoded, self._budget)
        shown = self._shown.get(plain)
        if shown is None:
            value = json.go_text(decoded).encode() if isinstance(decoded, str) else plain
            shown = self._shown[plain] = msgspec.Raw(json.encode(self._marker(value)))
        return shown

    # --- objects, lists, Tables -----------------------------------------------------

    def _body(self, raw: bytes) -> bytes:
        members = bodies.members(raw)
        order = tuple(members)
        lists = {name: members.pop(name) for name in order if fold(name) in _LISTS}
        known = self._scope.known
        if known is not None and any(fold(name) == "rows" for name in lists):
            known = {**known, "columndefinitions": None}
        self._inside = self.values
        columns = self._columns_shown(members)
        self._members(members, self.paths, known)
        done = self._search(json.encode(members), self.values)
        if not lists:
            return done
        for name, value in lists.items():
            one = self._item if fold(name) == "items" else partial(self._row, shown=columns)
            lists[name] = self._each(value, one)
        found = {**bodies.members(done), **lists}
        # A name that was a copy of a secret has been replaced.
        return json.encode({name: found.pop(name) for name in order if name in found} | found)

    def _each(self, raw: msgspec.Raw, one: Callable[[bytes], bytes]) -> msgspec.Raw:
        """Redact each object of a list separately."""
        plain = bytes(raw)
        if plain == b"null":
            return raw
        if plain[:1] != b"[":
            return self.mark(plain)
        return msgspec.Raw(json.encode([msgspec.Raw(one(bytes(item))) for item in _items(plain)]))

    def _item(self, raw: bytes) -> bytes:
        if raw[:1] != b"{":
            return raw if raw == b"null" else bytes(self.mark(raw))
        self._inside = SecretValues()
        members = bodies.members(raw)
        self._members(members, self.paths, self._scope.known)
        done = self._search(json.encode(members), self._inside)
        return self._search(done, self.values)

    def _row(self, raw: bytes, shown: frozenset[int] | None) -> bytes:
        if raw[:1] != b"{":
            return raw if raw == b"null" else bytes(self.mark(raw))
        self._inside = SecretValues()
        members = bodies.members(raw)
        for name, value in members.items():
            if fold(name) == "object":
                if bytes(value)[:1] != b"{":
                    members[name] = self._value(value, EVERYWHERE, None)
                    continue
                inner = bodies.members(bytes(value))
                self._members(inner, self.paths, self._scope.known)
                members[name] = msgspec.Raw(json.encode(inner))
            elif fold(name) == "cells" and shown is not None:
                members[name] = self._cells(value, shown)
        done = self._search(json.encode(members), self._inside)
        return self._search(done, self.values)

    def _cells(self, raw: msgspec.Raw, shown: frozenset[int]) -> msgspec.Raw:
        plain = bytes(raw)
        if plain[:1] != b"[":
            return self._value(raw, EVERYWHERE, None)
        cells = [
            cell if index in shown else self._value(cell, EVERYWHERE, None)
            for index, cell in enumerate(_items(plain))
        ]
        return msgspec.Raw(json.encode(cells))

    def _columns_shown(self, members: bodies.Members) -> frozenset[int] | None:
        """Which cells of a row can hold no secret; None is all of them."""
        harmless = self._scope.columns
        if harmless is None:
            return None
        raw = next((v for name, v in members.items() if fold(name) == "columndefinitions"), None)
        columns = json.decode(bytes(raw)) if raw is not None else []
        return frozenset(
            index
            for index, column in enumerate(columns if isinstance(columns, list) else ())
            if isinstance(column, dict)
            and (
                column.get("format") == "name"
                or column.get("type") == "date"
                or fold(str(column.get("name"))) in harmless
            )
        )

    def _search(self, raw: bytes, values: SecretValues) -> bytes:
        """An object without copies of values that were marked in it or in another."""
        done = without_copies(raw, values, self._marker, self._prefix, self._budget)
        if done is None:
            return raw
        self.marked = True
        return done

    # --- members --------------------------------------------------------------------

    def _members(self, members: bodies.Members, paths: Paths, known: Known) -> None:
        """Mark what the paths reach in an object's members, and what its type has not, in place."""
        names = frozenset(members)
        for name, value in members.items():
            folded = fold(name)
            if name.startswith("$") and (kind := _directive(folded)):
                if not _is_harmless(kind, folded, value, paths, known, names):
                    members[name] = self._value(value, EVERYWHERE, None)
                continue
            left = below(name, paths)
            if () in left:
                self._inside.names.add(folded)
            if known is not None and folded not in known:
                members[name] = self._value(value, EVERYWHERE, None)
            else:
                child = None if known is None else known[folded]
                if left or child is not None:
                    members[name] = self._value(value, left, child)

    def _value(self, raw: msgspec.Raw, paths: Paths, known: Known) -> msgspec.Raw:
        """A value with what the paths reach marked; a path that ends here marks all of it."""
        plain = bytes(raw)
        if plain in (b"null", b'""'):
            return raw
        if () in paths or plain[:1] not in (b"{", b"["):
            return self.mark(plain)
        if plain[:1] == b"{":
            members = bodies.members(plain)
            self._members(members, paths, known)
            return msgspec.Raw(json.encode(members))
        if known is not None or any(path[0] is not None for path in paths):
            return self.mark(plain)
        left = every_item(paths)
        return msgspec.Raw(json.encode([self._value(item, left, None) for item in _items(plain)]))

    # --- JSON patches ---------------------------------------------------------------

    def _json_patch(self, raw: bytes) -> bytes:
        """A JSON patch (RFC 6902) with the secret parts of its values marked."""
        operations = [
            bodies.members(bytes(item)) if bytes(item)[:1] == b"{" else bytes(item)
            for item in _items(raw)
        ]
        self.paths = spread(
            self._scope.paths,
            (
                (place(_text(op["from"])), place(_text(op.get("path"))))
                for op in operations
                if isinstance(op, dict) and "from" in op
            ),
        )
        self._inside = self.values
        done = json.encode(
            [self._operation(op) if isinstance(op, dict) else self.mark(op) for op in operations]
        )
        return self._search(done, self.values)

    def _operation(self, members: bodies.Members) -> bodies.Members:
        operation = _text(members.get("op"))
        pointer = _text(members.get("path"))
        where = place(pointer)
        left = at(where, self.paths)
        known = is_known(where, self._scope.known)
        if () in left and pointer:
            self._inside.names.add(fold(pointer.rpartition("/")[2]))
        for name, value in members.items():
            if name == "value" and operation in _WITH_VALUE:
                if not known:
                    members[name] = self._value(value, EVERYWHERE, None)
                elif left:
                    members[name] = self._value(value, left, self._known_at(where))
            elif name == "path" or (name == "from" and operation in ("move", "copy")):
                if pointer is None or not bytes(value).startswith(b'"'):
                    members[name] = self._value(value, EVERYWHERE, None)
            elif not (name == "op" and operation in _OPERATIONS):
                # Not a member of RFC 6902: it may hold anything.
                members[name] = self._value(value, EVERYWHERE, None)
        return members

    def _known_at(self, where: tuple[str | None, ...] | None) -> Known:
        known = self._scope.known
        for step in where or ():
            if known is None or step is None:
                return None
            known = known[step]
        return known


def _directive(folded: str) -> str:
    """Return the directive of a strategic merge patch that a name is; "" for any other name."""
    return next((word for word in _DIRECTIVES if folded.startswith(word)), "")


def _is_harmless(
    kind: str,
    folded: str,
    value: msgspec.Raw,
    paths: Paths,
    known: Known,
    names: frozenset[str],
) -> bool:
    """Whether a directive can hold no secret: a known word, its siblings' names, others' items."""
    if kind == "$patch":
        return _text(value) in _PATCH_WORDS
    if kind == "$retainkeys":
        return bytes(value)[:1] == b"[" and all(_text(i) in names for i in _items(bytes(value)))
    target = folded.removeprefix(kind)
    return not below(target, paths) and (known is None or target in known)


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
