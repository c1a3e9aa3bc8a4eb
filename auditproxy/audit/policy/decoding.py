"""Decode a policy file with kube-apiserver's strictness.

The first character distinguishes JSON from YAML. Faults of strict decoding only
(unknown fields and duplicate keys) are returned as texts; a wrong type, bad syntax
or another version or kind raises PolicyError (apiserver audit/policy/reader.go,
apimachinery runtime/serializer/json).
"""

import json as standard_json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from auditproxy.apis.audit import API_VERSION, GroupResources
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.serializer import json, yaml
from auditproxy.serializer.errors import JSONError, YAMLError


class PolicyError(Unusable):
    """The policy cannot be used; the text is kube-apiserver's and says where and what.

    ``reasons`` are the faults that the text aggregates, each by itself, and ``strict_errors``
    what strict decoding would have refused besides.
    """

    def __init__(
        self, text: str, reasons: tuple[str, ...] = (), strict_errors: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text)
        self.reasons = reasons or (text,)
        self.strict_errors = strict_errors


class WrittenRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as written: levels and stages are any text."""

    level: str
    users: tuple[str, ...]
    user_groups: tuple[str, ...]
    verbs: tuple[str, ...]
    resources: tuple[GroupResources, ...]
    namespaces: tuple[str, ...]
    non_resource_urls: tuple[str, ...]
    omit_stages: tuple[str, ...]
    omit_managed_fields: bool | None


class WrittenPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as written, not validated."""

    rules: tuple[WrittenRule, ...]
    omit_stages: tuple[str, ...]
    omit_managed_fields: bool


def decode_policy(text: bytes) -> tuple[WrittenPolicy, tuple[str, ...]]:
    """The policy in a file's text, and what strict decoding found; raises PolicyError."""
    document, strict_errors = _document(text)
    _check_group_version_kind(document)
    reader = _Reader(list(strict_errors))
    members = reader.read(_POLICY, document if document is not None else {}, "")
    # Repeated texts are redundant.
    strict_errors = tuple(dict.fromkeys(reader.strict_errors))
    if reader.faults:
        reasons = tuple(f"failed decoding: {fault}" for fault in reader.faults)
        # kube-apiserver stops at the first.
        raise PolicyError(reasons[0], reasons, strict_errors)
    return _written_policy(members), strict_errors


class _Members(dict[str, Any]):
    """A JSON object that remembers its duplicate names."""

    doubled: frozenset[str] = frozenset()


def _document(text: bytes) -> tuple[Any, tuple[str, ...]]:
    """Parse JSON or YAML; YAML comes with sorted keys, as it goes through JSON in Go."""
    if not text.lstrip().startswith(b"{"):
        try:
            value, strict_errors = yaml.load_strict(text)
        except YAMLError as error:
            raise PolicyError(f"failed decoding: {error}") from None
        return _sorted(value), strict_errors
    try:
        return standard_json.loads(
            json.compact(text), object_pairs_hook=_members, parse_int=_zero, parse_float=_zero
        ), ()
    except JSONError as error:
        raise PolicyError(f"failed decoding: not valid JSON: {error}") from None


def _sorted(value: Any) -> Any:
    """The value with the keys of every mapping in order."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _members(pairs: list[tuple[str, Any]]) -> _Members:
    """Build one JSON object; the last value of a duplicate name is kept."""
    members = _Members(pairs)
    if len(members) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        members.doubled = frozenset(name for name, count in counts.items() if count > 1)
    return members


def _zero(_: str) -> int:
    """Replace any number: no field of a policy takes one, and long ones are slow to parse."""
    return 0


_KINDS = frozenset({"Event", "EventList", "Policy", "PolicyList"})
_INTERNAL = "audit.k8s.io/__internal"
_HOW = f"a policy has apiVersion: {API_VERSION} and kind: Policy"


def _check_group_version_kind(document: Any) -> None:
    """Accept a Policy of audit.k8s.io/v1; the kind may be absent, the version may not."""
    if document is not None and not isinstance(document, dict):
        raise PolicyError(f"failed decoding: the file holds {_kind_of(document)}; {_HOW}")
    found = {"apiVersion": "", "kind": ""}
    for key, value in (document or {}).items():
        # This first look takes names in any case.
        name = next((name for name in found if name.lower() == key.lower()), None)
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            raise PolicyError(f"failed decoding: {name}: must be text, is {_kind_of(value)}")
        found[name] = value
    api_version, kind = found["apiVersion"], found["kind"] or "Policy"
    if api_version.count("/") > 1:
        raise PolicyError(
            f"failed decoding: apiVersion {go_quote(api_version)} is not valid; {_HOW}"
        )
    if api_version in ("", "/", "audit.k8s.io/"):
        api_version = _INTERNAL
    if api_version not in (API_VERSION, _INTERNAL) or kind not in _KINDS:
        raise PolicyError(
            f"failed decoding: apiVersion {go_quote(api_version.removeprefix('/'))} with kind "
            f"{go_quote(kind)} is not known; {_HOW}"
        )
    if kind != "Policy":
        raise PolicyError(f"failed decoding: kind is {kind}; {_HOW}")
    if api_version == _INTERNAL:
        raise PolicyError(f"the policy has no apiVersion; {_HOW}")


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of the policy's tree."""

    kind: Literal["text", "flag", "list", "struct", "anything"]
    element: "_Type | None" = None
    members: "dict[str, _Type]" = field(default_factory=dict)


def _list_of(element: _Type) -> _Type:
    """A slice."""
    return _Type("list", element)


_TEXT = _Type("text")
_TEXTS = _list_of(_TEXT)
_FLAG = _Type("flag")
_ANYTHING = _Type("anything")
_STAGES = _list_of(_Type("text"))
_OBJECT_META = _Type(
    "struct",
    members={
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink"), _TEXT),
        "uid": _Type("text"),
        "resourceVersion": _TEXT,
        **dict.fromkeys(("generation", "creationTimestamp", "deletionTimestamp"), _ANYTHING),
        **dict.fromkeys(("deletionGracePeriodSeconds", "labels", "annotations"), _ANYTHING),
        **dict.fromkeys(("ownerReferences", "managedFields"), _ANYTHING),
        "finalizers": _TEXTS,
    },
)
"""Accepted and ignored; its inner types are not checked further."""
_GROUP_RESOURCES = _Type(
    "struct",
    members={"group": _TEXT, "resources": _TEXTS, "resourceNames": _TEXTS},
)
_RULE = _Type(
    "struct",
    members={
        "level": _Type("text"),
        "users": _TEXTS,
        "userGroups": _TEXTS,
        "verbs": _TEXTS,
        "resources": _list_of(_GROUP_RESOURCES),
        "namespaces": _TEXTS,
        "nonResourceURLs": _TEXTS,
        "omitStages": _STAGES,
        "omitManagedFields": _FLAG,
    },
)
_POLICY = _Type(
    "struct",
    members={
        "kind": _TEXT,
        "apiVersion": _TEXT,
        "metadata": _OBJECT_META,
        "rules": _list_of(_RULE),
        "omitStages": _STAGES,
        "omitManagedFields": _FLAG,
    },
)


FIELDS = frozenset().union(_POLICY.members, _RULE.members, _GROUP_RESOURCES.members)
"""The name of every field that decides something."""


class _Reader:
    """Reads values into types; keeps every fatal fault and every strict error."""

    def __init__(self, strict_errors: list[str]) -> None:
        self.strict_errors = strict_errors
        self.faults: list[str] = []

    def read(self, wanted: _Type, value: Any, path: str) -> Any:
        """Read one value at ``path``: text, flag or None, list, or dict of what was set."""
        if wanted.kind == "anything":
            return value
        if wanted.kind == "text" and isinstance(value, str):
            return json.go_text(value)
        if wanted.kind == "flag" and isinstance(value, bool):
            return value
        if wanted.kind == "list" and isinstance(value, list) and wanted.element:
            return [
                self.read(wanted.element, item, f"{path}[{index}]")
                for index, item in enumerate(value)
            ]
        if wanted.kind == "struct" and isinstance(value, dict):
            return self._read_struct(wanted, value, path)
        if value is not None:
            self.faults.append(f"{path}: must be {_WANTED[wanted.kind]}, is {_kind_of(value)}")
        return {"text": "", "list": [], "struct": {}}.get(wanted.kind)

    def _read_struct(self, wanted: _Type, value: dict[str, Any], path: str) -> dict[str, Any]:
        """Read the members of an object that the type knows; the others are strict errors."""
        members = {}
        doubled = value.doubled if isinstance(value, _Members) else frozenset()
        for key, member in value.items():
            inner = f"{path}.{key}" if path else key
            member_type = wanted.members.get(key)
            if member_type is None:
                self.strict_errors.append(f"unknown field {go_quote(inner)}")
                continue
            if key in doubled:
                self.strict_errors.append(f"duplicate field {go_quote(inner)}")
            members[key] = self.read(member_type, member, inner)
        return members


_WANTED = {"text": "text", "flag": "true or false", "list": "a list", "struct": "an object"}


def _kind_of(value: object) -> str:
    """Describe the type of a value for the author of the policy."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"


def _written_policy(members: dict[str, Any]) -> WrittenPolicy:
    """The values as tuples."""
    return WrittenPolicy(
        rules=tuple(_written_rule(rule) for rule in members.get("rules", ())),
        omit_stages=tuple(members.get("omitStages", ())),
        omit_managed_fields=bool(members.get("omitManagedFields")),
    )


def _written_rule(members: dict[str, Any]) -> WrittenRule:
    """One rule's values as tuples."""
    return WrittenRule(
        level=members.get("level", ""),
        users=tuple(members.get("users", ())),
        user_groups=tuple(members.get("userGroups", ())),
        verbs=tuple(members.get("verbs", ())),
        resources=tuple(
            GroupResources(
                group=entry.get("group", ""),
                resources=tuple(entry.get("resources", ())),
                resource_names=tuple(entry.get("resourceNames", ())),
            )
            for entry in members.get("resources", ())
        ),
        namespaces=tuple(members.get("namespaces", ())),
        non_resource_urls=tuple(members.get("nonResourceURLs", ())),
        omit_stages=tuple(members.get("omitStages", ())),
        omit_managed_fields=members.get("omitManagedFields"),
    )
