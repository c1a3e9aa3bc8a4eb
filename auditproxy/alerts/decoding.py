"""Decode a file of alert rules strictly: every fault at once, each with its path and its fix.

    text --YAML or JSON--> document --FieldReader--> members --> AlertRules

Unknown fields and duplicate keys are faults. Selectors are those of an audit policy and have its
texts of faults. Conditions are compiled here, so that an error of type is found at the start.
"""

import re
from typing import Any

from auditproxy.alerts.alert import SEVERITIES
from auditproxy.alerts.conditions import Condition
from auditproxy.alerts.facts import EVENT_VARIABLES, FIELDS, LABEL_FIELDS
from auditproxy.alerts.outcomes import codes_of
from auditproxy.alerts.rules import (
    DEFAULT_KEEP_FIRING,
    LAST_STAGES,
    AlertRule,
    AlertRules,
    Exclusion,
    Threshold,
    exclusion_of,
    globs_of,
)
from auditproxy.alerts.ruletests import EXAMPLE, TEST, decode_test
from auditproxy.alerts.templates import Template, TemplateError
from auditproxy.alerts.wording import not_a_duration, not_compiled
from auditproxy.apis.audit import Stage
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.session import SESSION_API_VERSION, SessionEventType
from auditproxy.apis.units import SECOND
from auditproxy.audit.policy.reading import (
    TEXT,
    TEXTS,
    FieldType,
    distinct,
    list_of,
    not_one_of,
    read_document,
)
from auditproxy.audit.policy.selectors import SELECTOR_FIELDS, decode_selectors
from auditproxy.expressions.cel import (
    Compiler,
    ExpressionError,
    NoExpressionLibrary,
    cel_compiler,
)
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError

API_VERSION = SESSION_API_VERSION
KIND = "AlertRules"
MAXIMUM_RULES = 500
LARGEST_COUNT = 1000
"""Of a threshold."""
LONGEST_WITHIN = 24 * 3600
"""Seconds, of a threshold and of keepFiringFor."""
SHORTEST_KEEP_FIRING = 60 * SECOND

_NUMBER = FieldType("number")
_DURATION = FieldType("text", words="a duration such as 5m")
_TEXT_MAP = FieldType("map", TEXT)
_EXCLUSION = FieldType(
    "struct",
    members={
        "set": TEXT,
        **dict.fromkeys(
            ("users", "userGroups", "namespaces", "names", "userAgents", "paths"), TEXTS
        ),
    },
)
_MATCH = FieldType(
    "struct",
    members={
        **SELECTOR_FIELDS,
        "stages": TEXTS,
        "subresources": TEXTS,
        "responseCodes": list_of(FieldType("anything")),
        "userAgents": TEXTS,
        "impersonatedUsers": TEXTS,
        "decisions": TEXTS,
        "sessionEvents": TEXTS,
    },
)
_RULE = FieldType(
    "struct",
    members={
        **dict.fromkeys(("name", "severity", "summary", "description"), TEXT),
        "labels": _TEXT_MAP,
        "annotations": _TEXT_MAP,
        "match": _MATCH,
        "exclude": list_of(_EXCLUSION),
        "condition": TEXT,
        "by": TEXTS,
        "threshold": FieldType(
            "struct", members={"count": _NUMBER, "within": _DURATION, "distinct": TEXT}
        ),
        "keepFiringFor": _DURATION,
    },
)
_FILE = FieldType(
    "struct",
    members={
        "apiVersion": TEXT,
        "kind": TEXT,
        "exclusions": FieldType("map", list_of(_EXCLUSION)),
        "rules": list_of(_RULE),
        "examples": FieldType("map", EXAMPLE),
        "tests": list_of(TEST),
    },
)

_RULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED = frozenset({"alertname", "severity"})
_DEFAULT_BY = ("user", "namespace", "name")


class AlertRulesError(Unusable):
    """A file of alert rules cannot be used."""


def load_rules(text: bytes) -> AlertRules:
    """The rules in a file's text, YAML or JSON; raises AlertRulesError with all faults."""
    members, faults = read_document(
        text, _FILE, api_version=API_VERSION, kind=KIND, error=AlertRulesError
    )
    return _Decoder(faults).file(members)


class _Decoder:
    """Makes rules of members that have the right types; gathers what is wrong with them."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults
        self._of_events = cel_compiler(*EVENT_VARIABLES, is_condition=True)
        self._of_sessions = cel_compiler("session", is_condition=True)
        self._sets: dict[str, tuple[Exclusion, ...]] = {}

    def file(self, members: dict[str, Any]) -> AlertRules:
        """The whole file; raises AlertRulesError."""
        for name, entries in members.get("exclusions", {}).items():
            self._sets[name] = self._exclusions(entries, f"exclusions.{name}", in_set=True)
        written = members.get("rules", [])
        if not written:
            self._fault("rules", "must have a rule")
        if len(written) > MAXIMUM_RULES:
            self._fault("rules", f"must be at most {MAXIMUM_RULES}")
            written = written[:MAXIMUM_RULES]
        rules = [self._rule(rule, f"rules[{index}]") for index, rule in enumerate(written)]
        names = [rule.name for rule in rules]
        for index, name in enumerate(names):
            if name and name in names[:index]:
                self._fault(f"rules[{index}].name", f"{name} is the name of another rule")
        tests = []
        for index, test in enumerate(members.get("tests", [])):
            where = f"tests[{index}]"
            examples = members.get("examples", {})
            tests.append(decode_test(test, where, frozenset(names), examples, self._fault))
        if self._faults:
            raise AlertRulesError(*distinct(self._faults))
        return AlertRules(rules=tuple(rules), tests=tuple(tests))

    def _fault(self, path: str, text: str) -> None:
        self._faults.append(f"{path}: {text}")

    def _rule(self, members: dict[str, Any], path: str) -> AlertRule:
        name = members.get("name", "")
        if not name:
            self._fault(f"{path}.name", "is missing; give one such as ExecIntoPod")
        elif not _RULE_NAME.fullmatch(name):
            self._fault(
                f"{path}.name",
                f"must be letters, digits, - and _, as ExecIntoPod; is {go_quote(name)}",
            )
        else:
            path = f"{path} ({name})"
        severity = members.get("severity", "")
        if severity not in SEVERITIES:
            self._fault(f"{path}.severity", not_one_of(severity, SEVERITIES))
        if not members.get("summary"):
            self._fault(f"{path}.summary", 'is missing; give a text such as "{{ user }} is here"')
        match = members.get("match", {})
        selectors, faults = decode_selectors(match, f"{path}.match")
        self._faults += faults
        labels = members.get("labels", {})
        for label in labels:
            if not _LABEL.fullmatch(label) or label in _RESERVED:
                self._fault(
                    f"{path}.labels.{label}",
                    "must be letters, digits and _, and is not alertname or severity",
                )
        session_events = self._session_events(match, path)
        return AlertRule(
            name=name,
            severity=severity,
            summary=self._template(members.get("summary", ""), f"{path}.summary"),
            description=self._template(members.get("description", ""), f"{path}.description"),
            labels=labels,
            annotations=self._annotations(members.get("annotations", {}), f"{path}.annotations"),
            selectors=selectors,
            stages=self._stages(match, path),
            session_events=session_events,
            subresources=frozenset(match.get("subresources", ())),
            response_codes=self._codes(match.get("responseCodes", []), f"{path}.match"),
            user_agents=globs_of(match.get("userAgents", ())),
            impersonated_users=globs_of(match.get("impersonatedUsers", ())),
            decisions=self._words(match, path, "decisions", ("allow", "forbid")),
            exclude=self._exclusions(members.get("exclude", []), f"{path}.exclude"),
            condition=self._condition(
                members.get("condition", ""),
                f"{path}.condition",
                self._of_sessions if session_events else self._of_events,
            ),
            by=self._by(members, path),
            threshold=self._threshold(members, path),
            keep_firing=self._duration(
                members.get("keepFiringFor", ""),
                f"{path}.keepFiringFor",
                DEFAULT_KEEP_FIRING,
                (SHORTEST_KEEP_FIRING, LONGEST_WITHIN * SECOND),
            ),
        )

    def _words(
        self, match: dict[str, Any], path: str, name: str, allowed: tuple[str, ...]
    ) -> frozenset[str]:
        for word in match.get(name, ()):
            if word not in allowed:
                self._fault(f"{path}.match.{name}", not_one_of(word, allowed))
        return frozenset(match.get(name, ())) & frozenset(allowed)

    def _stages(self, match: dict[str, Any], path: str) -> frozenset[Stage]:
        words = self._words(match, path, "stages", tuple(stage.value for stage in Stage))
        return frozenset(map(Stage, words)) or LAST_STAGES

    def _session_events(self, match: dict[str, Any], path: str) -> frozenset[SessionEventType]:
        types = tuple(kind.value for kind in SessionEventType)
        words = self._words(match, path, "sessionEvents", types)
        if words:
            for name in ("verbs", "stages", "responseCodes", "decisions", "nonResourceURLs"):
                if match.get(name):
                    self._fault(f"{path}.match.{name}", "lines of the session log have none")
        return frozenset(map(SessionEventType, words))

    def _codes(self, written: list[Any], path: str) -> frozenset[int]:
        codes, faults = codes_of(written)
        for fault in faults:
            self._fault(
                f"{path}.responseCodes",
                f"must be numbers as 403, ranges as 4xx, or unknown; is {go_quote(fault)}",
            )
        return codes

    def _template(self, text: str, path: str) -> Template:
        try:
            return Template(text, FIELDS)
        except TemplateError as error:
            for fault in error.faults:
                self._fault(path, fault)
            return Template("", ())

    def _annotations(self, written: dict[str, str], path: str) -> dict[str, Template]:
        found = {}
        for name, text in written.items():
            if not _LABEL.fullmatch(name):
                self._fault(f"{path}.{name}", "must be letters, digits and _")
            found[name] = self._template(text, f"{path}.{name}")
        return found

    def _condition(self, text: str, path: str, compiler: Compiler) -> Condition | None:
        if not text.strip():
            return None
        try:
            return Condition(text, compiler(text))
        except NoExpressionLibrary as error:
            # One line is enough for all rules that have a condition.
            self._faults.append(str(error))
        except ExpressionError as error:
            self._fault(path, not_compiled(str(error)))
        return None

    def _by(self, members: dict[str, Any], path: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(members.get("by", _DEFAULT_BY)))
        for name in names:
            if name not in LABEL_FIELDS:
                self._fault(f"{path}.by", not_one_of(name, tuple(LABEL_FIELDS)))
        return tuple(name for name in names if name in LABEL_FIELDS)

    def _threshold(self, members: dict[str, Any], path: str) -> Threshold | None:
        if "threshold" not in members:
            return None
        written, path = members["threshold"], f"{path}.threshold"
        count = written.get("count", 0)
        if not isinstance(count, int) or not 2 <= count <= LARGEST_COUNT:
            self._fault(f"{path}.count", f"must be a whole number from 2 to {LARGEST_COUNT}")
            count = 2
        distinct = written.get("distinct", "")
        if distinct and distinct not in FIELDS:
            self._fault(f"{path}.distinct", not_one_of(distinct, tuple(FIELDS)))
        within = self._duration(
            written.get("within", ""), f"{path}.within", 0, (SECOND, LONGEST_WITHIN * SECOND)
        )
        return Threshold(count=count, within=within, distinct=distinct)

    def _duration(self, text: str, path: str, default: int, bounds: tuple[int, int]) -> int:
        if not text and default:
            return default
        try:
            found = parse_duration(text)
        except GoDurationError:
            found = -1
        if not bounds[0] <= found <= bounds[1]:
            self._fault(path, not_a_duration(text, bounds))
            return bounds[0]
        return found

    def _exclusions(
        self, written: list[dict[str, Any]], path: str, *, in_set: bool = False
    ) -> tuple[Exclusion, ...]:
        found: list[Exclusion] = []
        for index, entry in enumerate(written):
            where = f"{path}[{index}]"
            name = entry.get("set", "")
            others = any(entry.get(member) for member in entry if member != "set")
            if not name and not others:
                self._fault(where, "excludes every event; name users or another member")
            elif name and (in_set or others):
                self._fault(f"{where}.set", "must be alone, in an entry of a rule")
            elif name and name not in self._sets:
                known = f"known are {', '.join(self._sets)}" if self._sets else "there is none"
                self._fault(
                    f"{where}.set", f"{go_quote(name)} is not the name of an exclusion; {known}"
                )
            elif name:
                found += self._sets[name]
            else:
                found.append(exclusion_of(entry))
        return tuple(found)
