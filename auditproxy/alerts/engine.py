"""AlertEngine: events and session lines in, alerts out.

    event -(selectors, by stage)-> rules -(match, exclusions, condition)-> threshold -> incident

Events of one rule with the same labels are one incident: its first event fires an alert, the
others keep it firing and are sent again no more often than every REPEAT. So both requests of
an exec that is refused, and ten thousand events a second, are one alert.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.conditions import Condition, reason_of
from auditproxy.alerts.facts import Facts, attributes_of
from auditproxy.alerts.incidents import Incident, Incidents
from auditproxy.alerts.rules import AlertRule
from auditproxy.alerts.thresholds import Windows
from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Event, Stage
from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.apis.units import SECOND
from auditproxy.audit.policy.matching import Matcher
from auditproxy.expressions.cel import ExpressionError

REPEAT = 60 * SECOND
"""Nanoseconds after which an alert that is still firing is sent again."""

STANDARD_ANNOTATIONS = {
    "audit_id": "auditID",
    "time": "time",
    "groups": "groups",
    "source_ip": "sourceIP",
    "peer_ip": "peerIP",
    "user_agent": "userAgent",
    "request_uri": "requestURI",
    "command": "command",
    "line": "line",
    "session_id": "sessionID",
    "recording": "recording",
}
"""Annotations of every alert, and the fields that they show; those without value are left out."""


@dataclass(slots=True)
class _State:
    """One rule and what is remembered for it."""

    rule: AlertRule
    windows: Windows | None
    labels: tuple[str, ...]
    """The names of the labels for ``by``."""
    incidents: Incidents


class AlertEngine:
    """Evaluates rules; holds bounded state for each rule. Not thread-safe.

    ``condition_errors`` counts by rule how often its condition could not be evaluated: such an
    event fires if that is because of what it holds, such as too many values, and does not if the
    condition asks for what is not there. ``condition_reasons`` has why, of the first one of a rule.
    ``folded`` counts by rule the events that had no room of their own.
    """

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        self.condition_errors = {rule.name: 0 for rule in rules}
        self.condition_reasons: dict[str, str] = {}
        self.folded = {rule.name: 0 for rule in rules}
        self._states = [
            _State(
                rule,
                Windows(rule.threshold) if rule.threshold else None,
                tuple(map(label_name, rule.by)),
                Incidents(rule.by),
            )
            for rule in rules
        ]
        self._of_stage: dict[str, Matcher[_State, None]] = {
            stage.value: matcher
            for stage in Stage
            if (matcher := _matcher(self._states, stage)) is not None
        }
        self._of_type: dict[SessionEventType, Matcher[_State, None]] = {
            kind: matcher
            for kind in SessionEventType
            if (matcher := _matcher(self._states, kind)) is not None
        }

    def take(self, event: Event | SessionEvent, now: int) -> tuple[Alert, ...]:
        """The alerts to send because of an event; ``now`` is nanoseconds since the epoch."""
        return tuple(step for step in self.steps(event, now) if step is not None)

    def steps(self, event: Event | SessionEvent, now: int) -> Iterable[Alert | None]:
        """The same one by one, and None wherever others should have their turn.

        () where no rule selects the event.
        """
        matcher = self._matcher_of(event)
        if matcher is None:
            return ()
        attributes = attributes_of(event)
        states = matcher.every(attributes)
        return self._evaluated(states, event, attributes, now) if states else ()

    def selected(self, event: Event | SessionEvent) -> tuple[AlertRule, ...]:
        """The rules that may fire for an event, as far as that is known without conditions."""
        matcher = self._matcher_of(event)
        if matcher is None:
            return ()
        states = matcher.every(attributes_of(event))
        return tuple(state.rule for state in states if state.rule.admits(event))

    def _matcher_of(self, event: Event | SessionEvent) -> Matcher[_State, None] | None:
        if isinstance(event, SessionEvent):
            return self._of_type.get(event.type)
        return self._of_stage.get(event.stage)

    def _evaluated(
        self,
        states: Sequence[_State],
        event: Event | SessionEvent,
        attributes: Attributes,
        now: int,
    ) -> Generator[Alert | None, None, None]:
        facts: Facts | None = None
        for state in states:
            rule = state.rule
            if not rule.admits(event):
                continue
            if facts is None:
                facts = Facts(event, attributes)
            if any(exclusion.admits(facts) for exclusion in rule.exclude):
                continue
            doubt = ""
            if rule.condition is not None:
                is_met, doubt = yield from self._asked(rule, rule.condition, facts)
                if not is_met:
                    continue
            alert = self._count(state, facts, now, doubt)
            if alert is not None:
                yield alert

    def tick(self, now: int) -> tuple[Alert, ...]:
        """The alerts to send because of the time: those to repeat, and those that are resolved."""
        found = []
        for state in self._states:
            for incident in state.incidents.ended(now):
                found.append(_changed(incident, AlertState.RESOLVED))
            for incident in state.incidents:
                if now - incident.sent >= REPEAT:
                    incident.sent = now
                    found.append(_changed(incident, AlertState.REPEATED))
        return tuple(found)

    @property
    def firing(self) -> int:
        """How many alerts are firing."""
        return sum(len(state.incidents) for state in self._states)

    def _asked(
        self, rule: AlertRule, condition: Condition, facts: Facts
    ) -> Generator[None, None, tuple[bool, str]]:
        """Whether a condition is true; with the reason, if it counts as true unevaluated."""
        try:
            variables: Mapping[str, Any] | None = facts.variables
            if variables is None:
                variables = yield from facts.part(condition.names)
                yield
        except ExpressionError as error:
            # The client chooses what a request holds, and could silence the rule so.
            self._failed(rule, error)
            yield
            return True, str(error)
        try:
            is_true = condition.is_true(variables)
        except ExpressionError as error:
            self._failed(rule, error)
            is_true = False
        yield
        return is_true, ""

    def _failed(self, rule: AlertRule, error: ExpressionError) -> None:
        self.condition_errors[rule.name] += 1
        if rule.name not in self.condition_reasons:
            self.condition_reasons[rule.name] = reason_of(error)

    def _count(self, state: _State, facts: Facts, now: int, doubt: str) -> Alert | None:
        rule = state.rule
        key = tuple(map(facts.field, rule.by))
        owner = facts.owner
        if state.windows is not None and rule.threshold is not None:
            distinct = rule.threshold.distinct
            if not state.windows.reached(
                key, now, facts.field(distinct) if distinct else "", owner
            ):
                return None
        key, taken = state.incidents.place(key, owner)
        if taken is None:
            self.folded[rule.name] += 1
        incident = state.incidents.get(key)
        if incident is None or now >= incident.ends:
            ends = now + rule.keep_firing
            alert = _alert(state, facts, key, now, ends, doubt)
            state.incidents.begin(key, Incident(alert, now, ends, taken))
            return alert
        incident.count += 1
        incident.ends = max(incident.ends, now + rule.keep_firing)
        if now - incident.sent < REPEAT:
            return None
        incident.sent = now
        incident.alert = _alert(state, facts, key, incident.alert.starts_at, incident.ends, doubt)
        return _changed(incident, AlertState.REPEATED)


def _matcher(
    states: Sequence[_State], wanted: Stage | SessionEventType
) -> Matcher[_State, None] | None:
    """The rules for a stage or a type of session line; None without any."""
    chosen = [
        (state.rule.selectors, state)
        for state in states
        if wanted in (state.rule.session_events if state.rule.session_events else state.rule.stages)
    ]
    return Matcher(chosen, None) if chosen else None


def _alert(
    state: _State, facts: Facts, key: tuple[str, ...], starts: int, ends: int, doubt: str
) -> Alert:
    rule = state.rule
    values = zip(state.labels, key, strict=True)
    annotations = {
        "summary": rule.summary.render(facts.field),
        "description": rule.description.render(facts.field),
        **{name: template.render(facts.field) for name, template in rule.annotations.items()},
    }
    for name, source in STANDARD_ANNOTATIONS.items():
        annotations.setdefault(name, facts.field(source))
    if doubt:
        annotations["unevaluated"] = f"the condition counts as true unevaluated: {doubt}"
    return Alert(
        name=rule.name,
        severity=rule.severity,
        state=AlertState.FIRING,
        labels={
            **{name: value for name, value in values if value},
            **rule.labels,
            "alertname": rule.name,
            "severity": rule.severity,
        },
        annotations={name: text for name, text in annotations.items() if text},
        starts_at=starts,
        ends_at=ends,
    )


def _changed(incident: Incident, state: AlertState) -> Alert:
    """The alert of an incident as it is now."""
    old = incident.alert
    return Alert(
        name=old.name,
        severity=old.severity,
        state=state,
        labels=old.labels,
        annotations={**old.annotations, "events": str(incident.count)},
        starts_at=old.starts_at,
        ends_at=incident.ends,
        count=incident.count,
    )


def label_name(field_name: str) -> str:
    """The label of a field: ``sourceIP`` is ``source_ip``."""
    special = {"sourceIP": "source_ip", "peerIP": "peer_ip", "sessionID": "session_id"}
    if field_name in special:
        return special[field_name]
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in field_name)
