"""Texts of a body that repeat a secret value which was marked elsewhere."""

from collections.abc import Callable
from typing import Any

from auditproxy.audit.redaction.paths import fold
from auditproxy.audit.redaction.values import HITS_LIMIT, PART, SecretValues, holds
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError

_OBJECT, _METADATA, _OPERATION = "object", "metadata", "operation"
_NAMES_IT = {
    _OBJECT: frozenset({"kind", "apiVersion"}),
    _METADATA: frozenset({"name", "namespace", "uid"}),
    _OPERATION: frozenset({"op"}),
}
"""Members that identify the object; the event's objectRef and requestURI show them anyway."""
_METADATA_OF_IT = (_METADATA, _OBJECT)
_POINTERS = frozenset({"path", "from"})
_STRUCTURE = frozenset(
    {
        "annotations",
        "apiversion",
        "blockownerdeletion",
        "columndefinitions",
        "controller",
        "creationtimestamp",
        "deletiongraceperiodseconds",
        "deletiontimestamp",
        "fieldstype",
        "fieldsv1",
        "finalizers",
        "generatename",
        "generation",
        "immutable",
        "labels",
        "managedfields",
        "manager",
        "metadata",
        "namespace",
        "object",
        "operation",
        "ownerreferences",
        "resourceversion",
        "selflink",
        "status",
        "stringdata",
        "subresource",
    }
)
"""Folded names that every object may have; never secret."""

Replace = Callable[[str], str]


def without_copies(
    raw: bytes,
    values: SecretValues,
    marker: Callable[[bytes], str],
    prefix: str,
    budget: Budget | None = None,
) -> bytes | None:
    """The body with each text marked that holds one of the values; None when none does.

    Names of members count too, but not those whose values are the secrets.
    Numbers may be spelled anew. Raises SerializationError when it takes too long.
    """
    if not values:
        return None
    value = json.decode(raw)
    where = _OPERATION if isinstance(value, list) else _OBJECT
    texts: list[str] = []

    def gather(text: str) -> str:
        texts.append(text)
        return text

    _Walk(values, prefix, gather).value(value, where)
    needles = values.held_by(texts, budget)
    if not needles:
        return None
    if len(needles) * len(texts) > HITS_LIMIT:
        raise SerializationError("too many copies of secret values")
    changed = False
    steps = 1 + len(needles)

    def replace(text: str) -> str:
        nonlocal changed
        if budget is not None:
            budget.tick(steps)
        if not holds(text, needles):
            return text
        changed = True
        return marker(json.go_text(text).encode())

    done = _Walk(values, prefix, replace).value(value, where)
    return json.encode(done) if changed else None


class _Walk:
    """Gives each text of decoded JSON to a function and takes what it returns."""

    def __init__(self, values: SecretValues, prefix: str, replace: Replace) -> None:
        self._names = values.names | _STRUCTURE
        self._prefix = prefix
        self._replace = replace

    def value(self, value: Any, where: str = "") -> Any:
        """Return a value redacted; ``where`` is its role in the object, "" for any other value."""
        if isinstance(value, str):
            return value if value.startswith(self._prefix) else self._replace(value)
        # Plain loops: a call for each level and no more, however deep a body is.
        if isinstance(value, dict):
            members = {}
            for name, member in value.items():
                if name in _NAMES_IT.get(where, ()):
                    members[name] = member
                elif where == _OPERATION and name in _POINTERS and isinstance(member, str):
                    members[name] = self._pointer(member)
                else:
                    inside = name if name == _OBJECT or (name, where) == _METADATA_OF_IT else ""
                    members[self._name(name)] = self.value(member, inside)
            return members
        if isinstance(value, list):
            items = []
            for item in value:
                items.append(self.value(item, where))
            return items
        if isinstance(value, int | float) and not isinstance(value, bool):
            spelled = str(value)
            done = self._replace(spelled)
            return value if done == spelled else done
        return value

    def _pointer(self, pointer: str) -> str:
        """A JSON pointer, whose steps are members' names."""
        steps = pointer.split("/")
        return pointer if steps == [self._name(step) for step in steps] else self._replace(pointer)

    def _name(self, name: str) -> str:
        """A member's name; those of a set's items in managedFields are the items' own values."""
        if name[:2] in ("v:", "k:"):
            return self._item_name(name)
        if len(name) < PART or fold(name.removeprefix("f:")) in self._names:
            return name
        return self._replace(name)

    def _item_name(self, name: str) -> str:
        try:
            item = json.decode(name[2:].encode("utf-8", "replace"))
        except SerializationError:
            return self._replace(name)
        done = self.value(item)
        return name if done == item else name[:2] + json.encode(done).decode()
