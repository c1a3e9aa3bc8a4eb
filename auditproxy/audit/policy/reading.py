"""Read JSON-like values by the types of their fields, and gather what is wrong with them.

A value of another type is a fault; unknown fields and duplicate names are strict errors, which
the caller may let pass. The texts are the same for every file whose rules have selectors.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.serializer import json
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.ownyaml import load_own


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a field; ``element`` is a list's, ``members`` are those of a struct.

    A map has any names, and values of ``element``. ``words`` are what a fault asks for where the
    kind alone says too little, such as "a duration such as 8h".
    """

    kind: Literal["text", "flag", "number", "list", "struct", "map", "anything"]
    element: "FieldType | None" = None
    members: "dict[str, FieldType]" = field(default_factory=dict)
    words: str = ""


def list_of(element: FieldType) -> FieldType:
    """A list of such values."""
    return FieldType("list", element)


TEXT = FieldType("text")
TEXTS = list_of(TEXT)
FLAG = FieldType("flag")
ANYTHING = FieldType("anything")


def read_document(
    text: bytes,
    wanted: FieldType,
    *,
    api_version: str | tuple[str, ...],
    kind: str,
    error: type[Unusable] = Unusable,
) -> tuple[dict[str, Any], list[str]]:
    """The members of a file of one kind, YAML or JSON, and every fault, strict ones included.

    ``wanted`` is a struct with ``apiVersion``, which is one of those given, and ``kind``. Raises
    ``error`` for what is not such a file at all.
    """
    try:
        document, strict_errors = load_own(text)
    except YAMLError as fault:
        raise error(str(fault)) from None
    if not isinstance(document, dict):
        raise error(f"the file must be a mapping with kind: {kind}")
    versions = (api_version,) if isinstance(api_version, str) else api_version
    given, version = document.get("kind"), document.get("apiVersion")
    is_foreign = (
        given not in (None, "", kind)
        and version not in (None, "", *versions)
        and not set(document) & (wanted.members.keys() - {"apiVersion", "kind"})
    )
    if given in _OTHER_KINDS - {kind} or is_foreign:
        # Every field would be unknown.
        raise error(f"kind: {not_one_of(given, (kind,))}; name another file")
    reader = FieldReader([*strict_errors], suggests=True)
    members = reader.read(wanted, document, "")
    faults = [*reader.strict_errors, *reader.faults]
    for name, allowed in (("apiVersion", versions), ("kind", (kind,))):
        if members.get(name) not in allowed:
            faults.append(f"{name}: {not_one_of(members.get(name), allowed)}")
    return members, faults


def distinct(faults: Iterable[str]) -> tuple[str, ...]:
    """Faults in their order, each once, and none that only follows from another one.

    A field that has a fault is read as empty, so that it would be missing as well.
    """
    found: list[str] = []
    faulty: set[str] = set()
    for fault in dict.fromkeys(faults):
        path, _, text = _RULE_NAME.sub("", fault).partition(": ")
        if path in faulty and "is missing" in text:
            continue
        faulty.add(path)
        found.append(fault)
    return tuple(found)


def not_one_of(value: Any, allowed: tuple[str, ...]) -> str:
    """The fault of a value that is not one of the allowed ones, or is missing."""
    words = ", ".join(allowed)
    some = f"one of {words}" if len(allowed) > 1 else words
    if value in (None, ""):
        return f"is missing; give {some}"
    return f"must be {some}; is {go_quote(str(value))}"


class Members(dict[str, Any]):
    """A JSON object that remembers its duplicate names."""

    doubled: frozenset[str] = frozenset()


class FieldReader:
    """Reads values by their types; ``faults`` and ``strict_errors`` are in the document's order."""

    def __init__(self, strict_errors: list[str], *, suggests: bool = False) -> None:
        self.strict_errors = strict_errors
        self._suggests = suggests
        self.faults: list[str] = []

    def read(self, wanted: FieldType, value: Any, path: str) -> Any:
        """Read one value at ``path``: text, number, flag or None, list, or dict of what was set.

        What has a fault, and null, is read as the empty value of its type.
        """
        if wanted.kind == "anything":
            return value
        if wanted.kind == "text" and isinstance(value, str):
            return json.go_text(value)
        if wanted.kind == "flag" and isinstance(value, bool):
            return value
        if (
            wanted.kind == "number"
            and isinstance(value, int | float)
            and not isinstance(value, bool)
        ):
            return value
        if wanted.kind == "list" and isinstance(value, list) and wanted.element:
            return [
                self.read(wanted.element, item, f"{path}[{index}]")
                for index, item in enumerate(value)
            ]
        if wanted.kind == "map" and isinstance(value, dict) and wanted.element:
            return {
                json.go_text(name): self.read(wanted.element, item, f"{path}.{name}")
                for name, item in value.items()
            }
        if wanted.kind == "struct" and isinstance(value, dict):
            return self._read_struct(wanted, value, path)
        if value is not None:
            words = wanted.words or _WANTED[wanted.kind]
            self.faults.append(f"{path}: must be {words}, is {kind_of(value)}")
        return _EMPTY.get(wanted.kind, lambda: None)()

    def _read_struct(self, wanted: FieldType, value: dict[str, Any], path: str) -> dict[str, Any]:
        """Read the members of an object that the type knows; the others are strict errors."""
        members = {}
        doubled = value.doubled if isinstance(value, Members) else frozenset()
        for key, member in value.items():
            inner = f"{path}.{key}" if path else key
            member_type = wanted.members.get(key)
            if member_type is None:
                meant = self._meant(key, wanted, value)
                hint = f" (did you mean {meant}?)" if meant else ""
                if not hint and self._suggests:
                    hint = f" (its fields are {', '.join(wanted.members)})"
                self.strict_errors.append(f"unknown field {go_quote(inner)}{hint}")
                if meant:
                    # So that it is not reported as missing as well.
                    members[meant] = self.read(wanted.members[meant], member, inner)
                continue
            if key in doubled:
                self.strict_errors.append(f"duplicate field {go_quote(inner)}")
            members[key] = self.read(member_type, member, inner)
        return members

    def _meant(self, key: str, wanted: FieldType, value: dict[str, Any]) -> str:
        """The field that an unknown one was probably meant to be; "" for none."""
        if not self._suggests:
            return ""
        names = {name.lower(): name for name in wanted.members if name not in value}
        import difflib

        found = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.7)
        return names[found[0]] if found else ""


_RULE_NAME = re.compile(r" \([^()]*\)(?=[.:\[])")
"""The name of a rule behind its number in a path."""
_OTHER_KINDS = frozenset(
    {
        "AlertDestinations",
        "AlertRules",
        "AuthenticationConfiguration",
        "EgressSelectorConfiguration",
        "Policy",
        "ProxyConfiguration",
        "RedactionConfiguration",
        "SessionRecordingPolicy",
        "SessionRecordingUpload",
        "TracingConfiguration",
    }
)
"""Kinds of files that are given to the wrong flag."""
_EMPTY = {"text": str, "list": list, "struct": dict, "map": dict}
_WANTED = {
    "text": "text",
    "flag": "true or false",
    "number": "a number",
    "list": "a list",
    "struct": "an object",
    "map": "an object",
}


def kind_of(value: object) -> str:
    """Describe the type of a value for the author of the file."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"
