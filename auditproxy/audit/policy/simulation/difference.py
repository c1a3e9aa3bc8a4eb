"""Difference: which requests of a log two policies decide differently about."""

import msgspec

from auditproxy.apis.audit import Level, Policy, RequestAuditConfig, Stage
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator
from auditproxy.audit.policy.explaining import stages_of
from auditproxy.audit.policy.simulation.counting import Groups, Requests, Span, shown_resource
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.logged import LoggedEvent, Meanings


class RequestDecision(msgspec.Struct, frozen=True):
    """What one policy says of a request that is answered; ``rule`` is None where none matches.

    ``stages`` are those of its events.
    """

    rule: int | None
    level: str
    stages: tuple[str, ...]
    omit_managed_fields: bool


class Differing(msgspec.Struct, frozen=True):
    """What requests of one group have in common."""

    first: RequestDecision
    second: RequestDecision
    verb: str
    resource: str
    group: str


class Difference:
    """Takes the events of a log; ``groups`` are the requests that are decided differently."""

    def __init__(self, first: Policy, second: Policy) -> None:
        self._evaluators = PolicyRuleEvaluator(first), PolicyRuleEvaluator(second)
        self._meanings = Meanings()
        self._requests = Requests()
        self._pairs: dict[
            tuple[int, int, tuple[Stage, ...]], tuple[RequestDecision, RequestDecision]
        ] = {}
        self.span = Span()
        self.groups: Groups[Differing] = Groups()
        self.events = 0
        self.requests = 0
        self.differing = 0

    @property
    def forgotten(self) -> int:
        """Requests that may have been counted twice."""
        return self._requests.forgotten

    def take(self, event: LoggedEvent) -> None:
        """Decide about the request of one event, if it is the request's first."""
        self.events += 1
        self.span.take(event)
        if self._requests.is_new(event):
            self._decide(event, event, 1)

    def take_group(self, group: LoggedGroup) -> None:
        """Decide about the requests of events that are decided alike."""
        self.events += group.count
        self.span.take_time(group.first)
        self.span.take_time(group.last)
        if group.is_new:
            self._decide(group.event, group.example, group.count)

    @property
    def looks_at(self) -> tuple[frozenset[str], bool]:
        """The words that rules mention, and whether any asks for groups."""
        first, second = self._evaluators
        return first.mentioned | second.mentioned, first.by_groups or second.by_groups

    def _decide(self, event: LoggedEvent, example: LoggedEvent, count: int) -> None:
        self.requests += count
        info = self._meanings.of(event)
        user = event.asker
        first, second = self._evaluators
        configs = first.decide(user, info), second.decide(user, info)
        stages = stages_of(user, info)
        key = (id(configs[0]), id(configs[1]), stages)
        pair = self._pairs.get(key)
        if pair is None:
            # Configs live as long as their evaluators, and there is one for each rule.
            pair = self._pairs[key] = (
                _decision(configs[0], first.rule_of(configs[0]), stages),
                _decision(configs[1], second.rule_of(configs[1]), stages),
            )
        if same(*pair):
            return
        self.differing += count
        differing = Differing(*pair, info.verb, shown_resource(info), info.api_group)
        self.groups.add(differing, example, count=count)


def same(first: RequestDecision, second: RequestDecision) -> bool:
    """Whether two decisions record the same, whatever rules they come from."""
    if not first.stages and not second.stages:
        return True
    return (first.level, first.stages, first.omit_managed_fields) == (
        second.level,
        second.stages,
        second.omit_managed_fields,
    )


def _decision(
    config: RequestAuditConfig, rule: int | None, stages: tuple[Stage, ...]
) -> RequestDecision:
    """A decision without what has no effect on a request with these stages."""
    level = config.level
    return RequestDecision(
        rule,
        level.word,
        tuple(
            stage.value
            for stage in stages
            if level is not Level.NONE and stage not in config.omit_stages
        ),
        level >= Level.REQUEST and config.omit_managed_fields,
    )
