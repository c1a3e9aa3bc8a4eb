"""Decode a policy file with kube-apiserver's strictness.

The first character distinguishes JSON from YAML. Faults of strict decoding only
(unknown fields and duplicate keys) are returned as texts; a wrong type, bad syntax
or another version or kind raises PolicyError (apiserver audit/policy/reader.go,
apimachinery runtime/serializer/json).
"""

import json as standard_json
from collections import Counter
from typing import Any

import msgspec

from auditproxy.apis.audit import API_VERSION, Selectors
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.reading import (
    ANYTHING,
    FLAG,
    TEXT,
    TEXTS,
    FieldReader,
    FieldType,
    Members,
    kind_of,
    list_of,
)
from auditproxy.audit.policy.selectors import GROUP_RESOURCES, SELECTOR_FIELDS, selector_values
from auditproxy.serializer import json, yaml
from auditproxy.serializer.errors import JSONError, YAMLError


class PolicyError(Unusable):
    """The policy cannot be used; the text is kube-apiserver's and says where and what.

    ``reasons`` are the faults that the text aggregates, each by itself, and ``strict_errors``
    what strict decoding would have refused besides. ``readable`` is what could be read of a
    policy with values of wrong types, which are empty in it, and ``unread`` are their paths.
    """

    def __init__(
        self,
        text: str,
        reasons: tuple[str, ...] = (),
        strict_errors: tuple[str, ...] = (),
        readable: "WrittenPolicy | None" = None,
        unread: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.reasons = reasons or (text,)
        self.strict_errors = strict_errors
        self.readable = readable
        self.unread = unread


class WrittenRule(Selectors, frozen=True, kw_only=True):
    """A rule as written: levels and stages are any text."""

    level: str
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
    reader = FieldReader(list(strict_errors))
    members = reader.read(_POLICY, document if document is not None else {}, "")
    # Repeated texts are redundant.
    strict_errors = tuple(dict.fromkeys(reader.strict_errors))
    if reader.faults:
        reasons = tuple(f"failed decoding: {fault}" for fault in reader.faults)
        # kube-apiserver stops at the first.
        unread = tuple(fault.partition(": ")[0] for fault in reader.faults)
        raise PolicyError(reasons[0], reasons, strict_errors, _written_policy(members), unread)
    return _written_policy(members), strict_errors


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


def _members(pairs: list[tuple[str, Any]]) -> Members:
    """Build one JSON object; the last value of a duplicate name is kept."""
    members = Members(pairs)
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
        raise PolicyError(f"failed decoding: the file holds {kind_of(document)}; {_HOW}")
    found = {"apiVersion": "", "kind": ""}
    for key, value in (document or {}).items():
        # This first look takes names in any case.
        name = next((name for name in found if name.lower() == key.lower()), None)
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            raise PolicyError(f"failed decoding: {name}: must be text, is {kind_of(value)}")
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


_STAGES = list_of(FieldType("text"))
_OBJECT_META = FieldType(
    "struct",
    members={
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink"), TEXT),
        "uid": FieldType("text"),
        "resourceVersion": TEXT,
        **dict.fromkeys(("generation", "creationTimestamp", "deletionTimestamp"), ANYTHING),
        **dict.fromkeys(("deletionGracePeriodSeconds", "labels", "annotations"), ANYTHING),
        **dict.fromkeys(("ownerReferences", "managedFields"), ANYTHING),
        "finalizers": TEXTS,
    },
)
"""Accepted and ignored; its inner types are not checked further."""
_RULE = FieldType(
    "struct",
    members={
        "level": FieldType("text"),
        **SELECTOR_FIELDS,
        "omitStages": _STAGES,
        "omitManagedFields": FLAG,
    },
)
_POLICY = FieldType(
    "struct",
    members={
        "kind": TEXT,
        "apiVersion": TEXT,
        "metadata": _OBJECT_META,
        "rules": list_of(_RULE),
        "omitStages": _STAGES,
        "omitManagedFields": FLAG,
    },
)


FIELDS = frozenset().union(_POLICY.members, _RULE.members, GROUP_RESOURCES.members)
"""The name of every field that decides something."""


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
        **selector_values(members),
        omit_stages=tuple(members.get("omitStages", ())),
        omit_managed_fields=members.get("omitManagedFields"),
    )
