"""Simulation: what a policy would have recorded of a log, by its rules, and what would change."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, Policy, RequestAuditConfig, Stage
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator
from auditproxy.audit.policy.simulation.bodies import MAXIMUM_KINDS, Bodies, Kind, missing
from auditproxy.audit.policy.simulation.counting import Groups, Requests, Span, shown_resource
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
        self._meanings = Meanings()
        self._requests = Requests()
        self._bodies = Bodies()
        self.span = Span()
        self.tallies: dict[int | None, Tally] = {
            index: Tally() for index in (*range(len(policy.rules)), None)
        }
        self.changes: Groups[Change] = Groups()
        """Events of requests with another level."""
        self.stages_omitted: Counter[Stage] = Counter()
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
        user = event.asker
        config = self._evaluator.decide(user, info)
        tally = self.tallies[self._evaluator.rule_of(config)]
        tally.requests += self._requests.is_new(event)
        written = 0
        if _is_written(config, event.stage):
            written = event.size_at(size, config.level)
            tally.events += 1
            tally.bytes += written
            _count_lacking(tally, missing(event, info, config.level))
        if _is_written(config, Stage.REQUEST_RECEIVED):
            if event.stage is Stage.REQUEST_RECEIVED:
                tally.arrivals += 1
            elif event.stage is Stage.RESPONSE_COMPLETE or event.stage is Stage.PANIC:
                tally.answers += 1
                tally.bytes_of_arrivals += event.size_of_arrival(size, config.level)
        self._compare(event, info, config, written - size)

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
        self, event: LoggedEvent, info: RequestInfo, config: RequestAuditConfig, size: int
    ) -> None:
        """Count an event that would be written otherwise than it is; ``size`` is what that adds."""
        before = event.level
        if self._against is not None:
            used = self._against.decide(event.asker, info)
            before = used.level.word
            self.contradictions += before != event.level or event.stage in used.omit_stages
        after = config.level.word
        if before != after:
            key = (before, after, info.verb, shown_resource(info), info.api_group)
            self.changes.add(key, event, size)
        elif event.stage in config.omit_stages:
            self.stages_omitted[event.stage] += 1


def _is_written(config: RequestAuditConfig, stage: Stage) -> bool:
    return config.level is not Level.NONE and stage not in config.omit_stages


def _count_lacking(tally: Tally, kinds: tuple[Kind, ...]) -> None:
    for kind in kinds:
        if kind in tally.lacking or len(tally.lacking) < MAXIMUM_KINDS:
            tally.lacking[kind] += 1
        else:
            tally.lacking_others += 1
