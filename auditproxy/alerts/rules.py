"""AlertRules: what a file of alert rules says, decoded and compiled.

An event meets a rule when the selectors and every other member of ``match`` admit it, no entry
of its exclusions does, and its condition is true. Where there is a threshold, the rule fires
once enough such events came within its time.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from auditproxy.alerts.conditions import Condition
from auditproxy.alerts.facts import DECISION, Facts
from auditproxy.alerts.outcomes import UNKNOWN, is_unknown
from auditproxy.alerts.templates import Template
from auditproxy.apis.audit import Event, Selectors, Stage
from auditproxy.apis.session import SessionEvent, SessionEventType
from auditproxy.apis.units import SECOND

DEFAULT_KEEP_FIRING = 300 * SECOND
"""Nanoseconds that an alert keeps firing after its last event."""

LAST_STAGES = frozenset({Stage.RESPONSE_COMPLETE, Stage.PANIC})
"""Stages of a rule that names none: every request that was authenticated ends with one of them."""


class Globs:
    """Texts as a shell's patterns, ``system:*``: whether one of them matches a whole text."""

    __slots__ = ("_pattern", "texts")

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = texts
        self._pattern = re.compile("|".join(fnmatch.translate(text) for text in texts))

    def match(self, text: str) -> bool:
        """Whether a pattern matches."""
        return self._pattern.match(text) is not None


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Events that a rule does not mean: those that every member admits; None admits all."""

    users: Globs | None = None
    user_groups: Globs | None = None
    namespaces: Globs | None = None
    names: Globs | None = None
    user_agents: Globs | None = None
    paths: Globs | None = None

    def admits(self, facts: Facts) -> bool:
        """Whether the event is one of those."""
        event, attributes = facts.event, facts.attributes
        groups = self.user_groups
        return (
            (self.users is None or self.users.match(event.user.username))
            and (groups is None or any(map(groups.match, event.user.groups)))
            and (self.namespaces is None or self.namespaces.match(attributes.namespace))
            and (self.names is None or self.names.match(attributes.name))
            and (self.user_agents is None or self.user_agents.match(event.user_agent))
            and (self.paths is None or self.paths.match(facts.path))
        )


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """How many events within ``within`` nanoseconds; ``distinct`` counts the values of a field."""

    count: int
    within: int
    distinct: str = ""


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; empty sets and None restrict nothing.

    With ``session_events`` it is a rule for lines of the session log, else for audit events.
    ``by`` are the fields whose values make an alert one of its own, ``keep_firing`` nanoseconds.
    """

    name: str
    severity: str
    summary: Template
    description: Template
    labels: dict[str, str] = {}
    annotations: dict[str, Template] = {}
    selectors: Selectors = Selectors()
    stages: frozenset[Stage] = LAST_STAGES
    session_events: frozenset[SessionEventType] = frozenset()
    subresources: frozenset[str] = frozenset()
    response_codes: frozenset[int] = frozenset()
    """UNKNOWN among them admits events whose outcome is not known (outcomes.py)."""
    user_agents: Globs | None = None
    impersonated_users: Globs | None = None
    """Of requests that act as another user; those of themselves are not meant."""
    decisions: frozenset[str] = frozenset()
    exclude: tuple[Exclusion, ...] = ()
    condition: Condition | None = None
    by: tuple[str, ...] = ()
    threshold: Threshold | None = None
    keep_firing: int = DEFAULT_KEEP_FIRING

    def admits(self, event: Event | SessionEvent) -> bool:
        """Whether the members of ``match`` beside the selectors admit an event."""
        if self.response_codes or self.decisions:
            if isinstance(event, SessionEvent):
                return False
            if self.response_codes and not self._admits_outcome(event):
                return False
            if self.decisions and event.annotations.get(DECISION) not in self.decisions:
                return False
        if self.subresources:
            reference = event.object_ref
            if reference is None or reference.subresource not in self.subresources:
                return False
        if self.impersonated_users is not None:
            user = event.impersonated_user
            if user is None or not self.impersonated_users.match(user.username):
                return False
        return self.user_agents is None or self.user_agents.match(event.user_agent)

    def _admits_outcome(self, event: Event) -> bool:
        status = event.response_status
        if status is not None and status.code in self.response_codes:
            return True
        return UNKNOWN in self.response_codes and is_unknown(event)


class RuleTest(msgspec.Struct, frozen=True, kw_only=True):
    """Events, and the names of the rules that fire when they come one after the other."""

    name: str
    events: tuple[Event | SessionEvent, ...]
    fires: tuple[str, ...]
    every: int = SECOND
    """Nanoseconds between two events."""


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """A file of alert rules."""

    rules: tuple[AlertRule, ...]
    tests: tuple[RuleTest, ...] = ()


def exclusion_of(entry: Mapping[str, Any]) -> Exclusion:
    """The exclusion of one entry of a file."""
    return Exclusion(
        users=globs_of(entry.get("users", ())),
        user_groups=globs_of(entry.get("userGroups", ())),
        namespaces=globs_of(entry.get("namespaces", ())),
        names=globs_of(entry.get("names", ())),
        user_agents=globs_of(entry.get("userAgents", ())),
        paths=globs_of(entry.get("paths", ())),
    )


def globs_of(texts: Iterable[str]) -> Globs | None:
    """The patterns; None, without restriction, for none."""
    patterns = tuple(texts)
    return Globs(patterns) if patterns else None
