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
rule matches is not recorded.
"""

from typing import Any

import msgspec

from auditproxy.apis.audit import Selectors
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.session import SESSION_API_VERSION, Record
from auditproxy.apis.units import SECOND
from auditproxy.audit.policy.advice import literal_asterisks
from auditproxy.audit.policy.matching import Matcher
from auditproxy.audit.policy.reading import (
    FLAG,
    TEXT,
    FieldType,
    list_of,
    read_document,
)
from auditproxy.audit.policy.selectors import SELECTOR_FIELDS, decode_selectors
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError

KIND = "SessionRecordingPolicy"
SHORTEST_LIMIT = 10 * SECOND
"""The shortest time in which a session may have to end; a user has to read that it does."""

_RULE = FieldType(
    "struct",
    members={
        **SELECTOR_FIELDS,
        "record": TEXT,
        "commands": FLAG,
        "onFailure": TEXT,
        "maximumDuration": TEXT,
        "idleTimeout": TEXT,
    },
)
_DOCUMENT = FieldType("struct", members={"apiVersion": TEXT, "kind": TEXT, "rules": list_of(_RULE)})
_RECORDS = tuple(Record)
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
            advice += literal_asterisks(selectors, path)
        rules.append((selectors, rule))
    if not rules:
        faults.append("rules: at least one is needed, such as {record: Output}")
    if faults:
        raise Unusable(*dict.fromkeys(faults))
    return Matcher(rules, NOT_RECORDED)


def _rule(written: dict[str, Any], path: str) -> tuple[RecordingRule, list[str]]:
    """A rule's own members, and what is wrong with them."""
    faults: list[str] = []
    record = written.get("record", "")
    if record not in _RECORDS:
        faults.append(
            f"{path}.record: {go_quote(record)} is not one of {', '.join(_RECORDS)}"
            if record
            else f"{path}.record is missing; give one of {', '.join(_RECORDS)}"
        )
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
        faults.append(f"{path}.{field}: {go_quote(text)} is not a duration such as 8h or 30m")
        return 0
    if limit < SHORTEST_LIMIT:
        faults.append(f"{path}.{field}: {text} is shorter than 10s")
    return limit
