"""Simulation: what a policy would have recorded of a log, by its rules, and what would change."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, Policy, RequestAuditConfig, Stage
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator
from auditproxy.audit.policy.simulation.bodies import MAXIMUM_KINDS, Bodies, Kind, missing
from auditproxy.audit.policy.simulation.counting import Groups, Requests, Span, shown_resource
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.logged import LoggedEvent, Meanings

Change = tuple[str, str, str, str, str]
"""Level before and after; verb, resource, group."""


@dataclass(slots=True)
class Tally:
    """What one rule decides, and what would be written for it.

    ``bytes`` are those of lines whose sizes the log has; the rest is asked for at the end.
    """

    requests: int = 0
    events: int = 0
    bytes: int = 0
    arrivals: int = 0
    """RequestReceived events in the log."""
    answers: int = 0
    """Requests in the log that have had one."""
    bytes_of_arrivals: int = 0
    """About their sizes, one for each answer."""
    lacking: Counter[Kind] = field(default_factory=Counter)
    """Bodies that would be recorded and that the log has not."""
    lacking_others: int = 0

    @property
    def arrivals_lacking(self) -> int:
        """RequestReceived events that would be written, and that the log has not."""
        return max(0, self.answers - self.arrivals) if self.bytes_of_arrivals else 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would be written for one rule, with all that can be said of what the log has not."""

    requests: int
    events: int
    bytes: int
    events_lacking: int
    """Of the events, those that the log has not: their sizes are estimated."""
    bodies_estimated: int
    bodies_unknown: int
    """Bodies of which no other event of the log shows how large they are."""


class Simulation:
    """Takes the events of a log. ``against`` is the policy in use, None for what the log has."""

    def __init__(self, policy: Policy, against: Policy | None = None) -> None:
        self._evaluator = PolicyRuleEvaluator(policy)
        self._against = None if against is None else PolicyRuleEvaluator(against)
        self._plans: dict[int, _Plan] = {}
        self._meanings = Meanings()
        self._requests = Requests()
        self._bodies = Bodies()
        self.span = Span()
        self.tallies: dict[int | None, Tally] = {
            index: Tally() for index in (*range(len(policy.rules)), None)
        }
        self.changes: Groups[Change] = Groups()
        """Events of requests with another level."""
        self.stages_omitted: Counter[str] = Counter()
        """Events of other requests that would not be written, because their stage is omitted."""
        self.events = 0
        self.bytes = 0
        self.contradictions = 0
        """Events that the policy in use would not have written as they are."""

    @property
    def forgotten(self) -> int:
        """Requests that may have been counted twice."""
        return self._requests.forgotten

    def take(self, event: LoggedEvent, size: int) -> None:
        """Decide about one event, whose line has ``size`` bytes."""
        self.events += 1
        self.bytes += size
        self.span.take(event)
        info = self._meanings.of(event)
        self._bodies.take(event, info)
        config = self._evaluator.decide(event.asker, info)
        plan = self._plans.get(id(config)) or self._plan(config)
        tally, level, stage = plan.tally, plan.level, event.stage
        tally.requests += self._requests.is_new(event)
        written = 0
        if stage in plan.stages:
            written = event.size_at(size, level)
            tally.events += 1
            tally.bytes += written
            lacking = missing(event, info, level)
            if lacking:
                _count_lacking(tally, lacking)
        if plan.has_arrivals:
            if stage == "RequestReceived":
                tally.arrivals += 1
            elif stage != "ResponseStarted":
                tally.answers += 1
                tally.bytes_of_arrivals += event.size_of_arrival(size, level)
        self._compare(event, info, plan, size, written)

    def take_group(self, group: LoggedGroup) -> None:
        """Decide about events that are decided alike, as ``take`` does about each."""
        event, count = group.event, group.count
        self.events += count
        self.bytes += group.size
        self.span.take_time(group.first)
        self.span.take_time(group.last)
        info = self._meanings.of(event)
        if group.request_objects is not None:
            self._bodies.add("request", info, count, group.request_objects)
        if group.response_objects is not None:
            self._bodies.add("response", info, count, group.response_objects)
        config = self._evaluator.decide(event.asker, info)
        plan = self._plans.get(id(config)) or self._plan(config)
        tally, level, stage = plan.tally, plan.level, event.stage
        tally.requests += count if group.is_new else 0
        written = 0
        if stage in plan.stages:
            written = group.size_at(level)
            tally.events += count
            tally.bytes += written
            _count_lacking(tally, missing(event, info, level), count)
        if plan.has_arrivals:
            if stage == "RequestReceived":
                tally.arrivals += count
            elif stage != "ResponseStarted":
                tally.answers += count
                tally.bytes_of_arrivals += group.size_of_arrivals(level)
        self._compare(event, info, plan, group.size, written, count, group.example)

    @property
    def looks_at(self) -> tuple[frozenset[str], bool]:
        """The words that rules mention, and whether any asks for groups."""
        both = [one for one in (self._evaluator, self._against) if one is not None]
        words = frozenset().union(*(one.mentioned for one in both))
        return words, any(one.by_groups for one in both)

    def _plan(self, config: RequestAuditConfig) -> "_Plan":
        """What follows from one of the evaluator's configs, which live as long as it does."""
        stages = frozenset(
            stage.value
            for stage in Stage
            if config.level is not Level.NONE and stage not in config.omit_stages
        )
        return self._plans.setdefault(
            id(config),
            _Plan(
                self.tallies[self._evaluator.rule_of(config)],
                config.level,
                config.level.word,
                stages,
                Stage.REQUEST_RECEIVED.value in stages,
            ),
        )

    def estimates(self) -> Iterator[tuple[int | None, Estimate]]:
        """What each rule would write, and last what no rule matches."""
        for rule, tally in self.tallies.items():
            arrivals = tally.arrivals_lacking
            size = float(tally.bytes)
            if arrivals:
                size += arrivals * tally.bytes_of_arrivals / tally.answers
            estimated = unknown = 0
            for kind, count in tally.lacking.items():
                mean = self._bodies.mean(kind)
                if mean is None:
                    unknown += count
                else:
                    estimated += count
                    size += count * mean
            yield (
                rule,
                Estimate(
                    requests=tally.requests,
                    events=tally.events + arrivals,
                    bytes=round(size),
                    events_lacking=arrivals,
                    bodies_estimated=estimated,
                    bodies_unknown=unknown + tally.lacking_others,
                ),
            )

    def _compare(
        self,
        event: LoggedEvent,
        info: RequestInfo,
        plan: "_Plan",
        size: int,
        written: int,
        count: int = 1,
        example: LoggedEvent | None = None,
    ) -> None:
        """Count events that would be written otherwise than they are.

        ``size`` is their bytes in the log, ``written`` those that would be written.
        """
        before = event.level
        if self._against is not None:
            used = self._against.decide(event.asker, info)
            before = used.level.word
            if before != event.level or Stage(event.stage) in used.omit_stages:
                self.contradictions += count
        after = plan.word
        if before != after:
            key = (before, after, info.verb, shown_resource(info), info.api_group)
            self.changes.add(
                key,
                example or event,
                written - size,
                count,
                written=count if event.stage in plan.stages else 0,
                before=size,
            )
        elif event.stage not in plan.stages and plan.level is not Level.NONE:
            self.stages_omitted[event.stage] += count


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a decision means for events: ``stages`` are those that are written."""

    tally: Tally
    level: Level
    word: str
    stages: frozenset[str]
    has_arrivals: bool


def _count_lacking(tally: Tally, kinds: tuple[Kind, ...], count: int = 1) -> None:
    for kind in kinds:
        if kind in tally.lacking or len(tally.lacking) < MAXIMUM_KINDS:
            tally.lacking[kind] += count
        else:
            tally.lacking_others += count
