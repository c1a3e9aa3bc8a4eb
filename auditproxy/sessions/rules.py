"""The recording policy: which sessions are recorded, and what becomes of one that cannot be.

    apiVersion: auditproxy.io/v1alpha1
    kind: SessionRecordingPolicy
    rules:
    - namespaces: [production]
      resources: [{group: "", resources: [pods/exec, pods/attach]}]
      record: Output
      onFailure: Deny
      maximumDuration: 8h
      idleTimeout: 30m
    - record: Metadata

Selectors are those of the audit policy; the first rule that matches decides. A session that no
rule matches is not recorded. One that is asked of a kubelet matches as nodes/proxy, and as what it
is: pods/exec and the like, in the pod's namespace.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Selectors
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.session import SESSION_API_VERSION, Record
from auditproxy.apis.units import SECOND
from auditproxy.audit.policy.findings import texts
from auditproxy.audit.policy.lint.reached import START_WORK, never_reached
from auditproxy.audit.policy.lint.selecting import literal_asterisks
from auditproxy.audit.policy.matching import Matcher
from auditproxy.audit.policy.neverseen import unknown_verbs
from auditproxy.audit.policy.reading import (
    FLAG,
    TEXT,
    FieldType,
    distinct,
    list_of,
    not_one_of,
    read_document,
)
from auditproxy.audit.policy.selectors import SELECTOR_FIELDS, decode_selectors
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError

KIND = "SessionRecordingPolicy"
SHORTEST_LIMIT = 10 * SECOND
"""The shortest time in which a session may have to end; a user has to read that it does."""

_DURATION = FieldType("text", words="a duration such as 8h")
_RULE = FieldType(
    "struct",
    members={
        **SELECTOR_FIELDS,
        "record": TEXT,
        "commands": FLAG,
        "onFailure": TEXT,
        "maximumDuration": _DURATION,
        "idleTimeout": _DURATION,
    },
)
_DOCUMENT = FieldType("struct", members={"apiVersion": TEXT, "kind": TEXT, "rules": list_of(_RULE)})
_RECORDS = tuple(Record)
_RESOURCES = (
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/proxy",
    "services/proxy",
    "nodes/proxy",
)
"""Where sessions are, in the core group."""
_PATTERNS = frozenset(
    pattern
    for resource, subresource in (text.split("/") for text in _RESOURCES)
    for pattern in ("*", f"{resource}/*", f"*/{subresource}")
)
"""Texts of a rule that match some of them."""
_ON_FAILURE = ("Allow", "Deny")


class RecordingRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with the sessions that a rule matches; times are nanoseconds, 0 for no bound.

    ``commands`` says whether the lines entered on a terminal are extracted. ``deny`` refuses a
    session that cannot be recorded, and ends one that cannot be recorded any further.
    """

    record: Record = Record.NONE
    commands: bool = True
    deny: bool = False
    maximum_duration: int = 0
    idle_timeout: int = 0


NOT_RECORDED = RecordingRule()
"""The rule of a session that no rule matches, or of all where there is no policy."""

RecordingPolicy = Matcher[RecordingRule, RecordingRule]

NO_POLICY: RecordingPolicy = Matcher((), NOT_RECORDED)


def first_of(policy: RecordingPolicy, requests: Iterable[Attributes]) -> RecordingRule:
    """The first rule that matches one of several requests for the same session."""
    matched: list[RecordingRule] = []
    for attributes in requests:
        policy.first(attributes, matched)
    # Two rules that are equal do the same.
    return min(matched, key=policy.values.index, default=NOT_RECORDED)


def load_recording_policy(text: bytes, advice: list[str] | None = None) -> RecordingPolicy:
    """The policy in a file's text, JSON or YAML, strictly; raises Unusable with all faults.

    Texts about what is valid and probably not meant are added to ``advice``.
    """
    members, faults = read_document(text, _DOCUMENT, api_version=SESSION_API_VERSION, kind=KIND)
    rules: list[tuple[Selectors, RecordingRule]] = []
    for index, written in enumerate(members.get("rules", ())):
        path = f"rules[{index}]"
        selectors, of_selectors = decode_selectors(written, path)
        rule, of_rule = _rule(written, path)
        faults += (*of_selectors, *of_rule)
        if advice is not None:
            advice += texts(literal_asterisks(selectors, path))
            advice += texts(unknown_verbs(selectors, path))
            advice += _no_sessions(selectors, path)
            advice += _without_namespace(selectors, path)
            advice += _never_idle(written, rule, path)
        rules.append((selectors, rule))
    if advice is not None:
        advice += texts(never_reached([selectors for selectors, _ in rules], START_WORK))
    if not rules:
        faults.append("rules: at least one is needed, such as {record: Output}")
    if faults:
        raise Unusable(*distinct(faults))
    return Matcher(rules, NOT_RECORDED)


def _no_sessions(selectors: Selectors, path: str) -> list[str]:
    """A text for each resource of the core group that has no sessions."""
    found = []
    for index, entry in enumerate(selectors.resources):
        where = f"{path}.resources[{index}].resources"
        for text in entry.resources:
            if entry.group == "" and text not in (*_RESOURCES, *_PATTERNS):
                import difflib

                near = difflib.get_close_matches(text, _RESOURCES, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"give {', '.join(_RESOURCES)}"
                found.append(
                    f"{where} has {go_quote(text)}, which matches no session: sessions are "
                    f"requests for subresources; {hint}"
                )
            elif entry.group not in ("", "*") and text in _RESOURCES:
                found.append(
                    f"{where} has {go_quote(text)} of group {go_quote(entry.group)}, which "
                    'matches no session; its group is ""'
                )
    return found


def _without_namespace(selectors: Selectors, path: str) -> list[str]:
    """A text for nodes/proxy in a rule that wants a namespace, which it has not."""
    if not selectors.namespaces or "" in selectors.namespaces:
        return []
    return [
        f"{path}.resources[{index}].resources has nodes/proxy, which has no namespace, so that "
        "namespaces excludes it; a kubelet's sessions in these namespaces match as pods/exec, "
        "pods/attach and pods/portforward. Give nodes/proxy a rule of its own for what else is "
        "asked of kubelets"
        for index, entry in enumerate(selectors.resources)
        if entry.group == "" and "nodes/proxy" in entry.resources
    ]


def _never_idle(written: dict[str, Any], rule: RecordingRule, path: str) -> list[str]:
    """A text for a rule whose sessions end before they can be idle for too long."""
    if rule.maximum_duration and rule.idle_timeout >= rule.maximum_duration:
        return [
            f"{path}.idleTimeout: {written['idleTimeout']} has no effect, because "
            f"maximumDuration ends a session after {written['maximumDuration']}"
        ]
    return []


def _rule(written: dict[str, Any], path: str) -> tuple[RecordingRule, list[str]]:
    """A rule's own members, and what is wrong with them."""
    faults: list[str] = []
    record = written.get("record", "")
    if record not in _RECORDS:
        faults.append(f"{path}.record: {not_one_of(record, _RECORDS)}")
        record = Record.NONE
    on_failure = written.get("onFailure") or "Allow"
    if on_failure not in _ON_FAILURE:
        faults.append(f"{path}.onFailure: {go_quote(on_failure)} is not Allow or Deny")
    deny = on_failure == "Deny"
    if deny and record == Record.NONE and not faults:
        faults.append(
            f"{path}.onFailure: Deny has no meaning with record: None; nothing can fail to be "
            "recorded"
        )
    commands = written.get("commands")
    rule = RecordingRule(
        record=Record(record),
        commands=True if commands is None else commands,
        deny=deny,
        maximum_duration=_limit(written, "maximumDuration", path, faults),
        idle_timeout=_limit(written, "idleTimeout", path, faults),
    )
    return rule, faults


def _limit(written: dict[str, Any], field: str, path: str, faults: list[str]) -> int:
    """A duration in nanoseconds, 0 where it is not given."""
    text = written.get(field, "")
    if not text:
        return 0
    try:
        limit = parse_duration(text)
    except GoDurationError:
        faults.append(
            f"{path}.{field}: {go_quote(text)} is not a duration such as 8h or 30m; its units "
            "are h, m and s"
        )
        return 0
    if limit < SHORTEST_LIMIT:
        faults.append(f"{path}.{field}: {text} is shorter than 10s")
    return limit
