"""``auditproxy policy simulate``: what a policy would have recorded of a log."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from auditproxy.apis.audit import Level, Policy
from auditproxy.apis.faults import FAILED
from auditproxy.app.standardstreams import Output, counted, one_line
from auditproxy.audit.policy.simulation.counting import Group
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.simulate import Change, Estimate, Simulation
from auditproxy.commands.policy.logs import LogEvents
from auditproxy.commands.policy.reading import policy_of
from auditproxy.commands.policy.remarks import days_of, remark_log, span_note
from auditproxy.commands.policy.tables import amount, duration, seconds_between, table

SHOWN = 15
"""Changes of each kind that text output shows."""
_NO_EVENT = "no event in {}; name an audit log"


def run_simulate(
    path: str, logs: Sequence[str], against: str, out: Output, err: Output, *, is_json: bool
) -> int:
    """Print what a policy would write, and what would change. Raises Unusable."""
    policy = policy_of(path)
    used = policy_of(against) if against else None
    simulation = Simulation(policy, used)
    log = LogEvents(logs, err, simulation.looks_at)
    for event, size in log:
        if isinstance(event, LoggedGroup):
            simulation.take_group(event)
        else:
            simulation.take(event, size)
    remark_log(log, simulation.forgotten, err)
    if not simulation.events:
        err.write(f"auditproxy: error: {one_line(_NO_EVENT.format(', '.join(logs)))}\n")
        return FAILED
    result = _Result(policy, used, simulation, log)
    if is_json:
        out.write(json.dumps(result.as_object()) + "\n")
    else:
        for line in result.lines():
            out.write(line)
    return FAILED if log.damaged else 0


class _Result:
    """A simulation that has seen its whole log."""

    def __init__(
        self, policy: Policy, used: Policy | None, simulation: Simulation, log: LogEvents
    ) -> None:
        self._policy = policy
        self._used = used
        self._simulation = simulation
        self._log = log
        self._estimates = dict(simulation.estimates())
        span = simulation.span
        self._seconds = seconds_between(span.first, span.last)
        self._days = days_of(self._seconds)

    def lines(self) -> Iterator[str]:
        simulation = self._simulation
        took = "" if self._seconds is None else f" in {duration(self._seconds)}"
        yield f"{counted(simulation.events, 'event')}, {amount(simulation.bytes)}{took}\n\n"
        yield from table(
            ("RULE", "LEVEL", "REQUESTS", "EVENTS", "BYTES", "BYTES A DAY", "SHARE"),
            list(self._rows()),
            numbers=range(2, 7),
        )
        for title, changes in self._sections():
            yield f"\n{title}\n"
            rows = [
                (before, after, what, *_amounts(group), group.example)
                for (before, after, what), group in changes[:SHOWN]
            ]
            yield from _with_examples(rows)
            if len(changes) > SHOWN:
                yield f"and {counted(len(changes) - SHOWN, 'further group')}; -o json has them\n"
        notes = list(self._notes())
        if notes:
            yield "\n"
        for note in notes:
            yield f"note: {note}\n"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        total = sum(each.bytes for each in self._estimates.values())
        for rule, each in self._estimates.items():
            level = Level.NONE if rule is None else self._policy.rules[rule].level
            name = "no rule" if rule is None else f"rules[{rule}]"
            yield self._row(name, level.word, each.requests, each.events, each.bytes, total)
        every = self._estimates.values()
        yield self._row(
            "together", "", sum(each.requests for each in every),
            sum(each.events for each in every), total, total,
        )  # fmt: skip
        log = self._simulation
        requests = sum(each.requests for each in every)
        yield self._row("the log", "", requests, log.events, log.bytes, 0)
        if log.bytes and total != log.bytes:
            named = "less than the log" if total < log.bytes else "more than the log"
            events = abs(sum(each.events for each in every) - log.events)
            row = self._row(named, "", 0, events, abs(total - log.bytes), log.bytes)
            yield (*row[:2], "", *row[3:])

    def _row(
        self, name: str, level: str, requests: int, events: int, size: int, total: int
    ) -> tuple[str, ...]:
        day = "?" if self._days is None else amount(size / self._days)
        share = f"{100 * size / total:.1f} %" if total else "-"
        return name, level, str(requests), str(events), amount(size), day, share

    def _sections(self) -> Iterator[tuple[str, list[tuple[tuple[str, str, str], Group]]]]:
        """Changes with a title: what is lost first."""
        groups = sorted(self._simulation.changes.items(), key=lambda item: -item[1].count)
        for title, wanted in (
            ("Events of requests that would not be recorded any more:", "lost"),
            ("Events of requests with a lower level:", "less"),
            ("Events of requests that the policy in use does not record:", "new"),
            ("Events of requests with a higher level:", "more"),
        ):
            chosen = [
                ((key[0], key[1], _what(key)), group)
                for key, group in groups
                if _kind_of(key) == wanted
            ]
            if chosen:
                yield title, chosen

    def _notes(self) -> Iterator[str]:
        """What is estimated, and what cannot be known."""
        note = span_note(self._seconds)
        if note:
            yield note
        yield from _limits(self._estimates, self._policy, self._used)
        simulation = self._simulation
        for stage, count in simulation.stages_omitted.items():
            yield f"{counted(count, f'{stage} event')} of other requests would be omitted"
        if simulation.contradictions:
            yield (
                "the log was written with another policy than --against: "
                f"{counted(simulation.contradictions, 'event')} would not be as they are"
            )
        if simulation.changes.others:
            yield f"{counted(simulation.changes.others, 'event')} changed in still other groups"

    def as_object(self) -> dict[str, Any]:
        simulation = self._simulation
        return {
            "log": {
                "events": simulation.events,
                "bytes": simulation.bytes,
                "first": simulation.span.first,
                "last": simulation.span.last,
                "seconds": self._seconds,
                "unreadableLines": self._log.unreadable,
            },
            "rules": [self._object(rule, each) for rule, each in self._estimates.items()],
            "changes": [
                {
                    "change": _kind_of(key),
                    "before": key[0],
                    "after": key[1],
                    "verb": key[2],
                    "resource": key[3],
                    "apiGroup": key[4],
                    "events": group.count,
                    "eventsAfter": group.written,
                    "bytes": group.bytes,
                    "bytesBefore": group.bytes_before,
                    "bytesAfter": group.bytes_before + group.bytes,
                    "example": group.example,
                }
                for key, group in simulation.changes.items()
            ],
            "stagesOmitted": dict(simulation.stages_omitted),
            "notes": list(self._notes()),
        }

    def _object(self, rule: int | None, each: Estimate) -> dict[str, Any]:
        level = Level.NONE if rule is None else self._policy.rules[rule].level
        return {
            "rule": rule,
            "level": level.word,
            "requests": each.requests,
            "events": each.events,
            "bytes": each.bytes,
            "bytesPerDay": None if self._days is None else round(each.bytes / self._days),
            "eventsEstimated": each.events_lacking,
            "bodiesEstimated": each.bodies_estimated,
            "bodiesUnknown": each.bodies_unknown,
        }


def _limits(
    estimates: dict[int | None, Estimate], policy: Policy, used: Policy | None
) -> Iterator[str]:
    """What the log does not show of what would be written."""
    arrivals = sum(each.events_lacking for each in estimates.values())
    estimated = sum(each.bodies_estimated for each in estimates.values())
    unknown = sum(each.bodies_unknown for each in estimates.values())
    if arrivals:
        # In the words of the other notes, which have no verb.
        are = (
            "is not in the log; its size is"
            if arrivals == 1
            else "are not in the log; their sizes are"
        )
        yield f"{counted(arrivals, 'RequestReceived event')} {are} estimated"
    if estimated:
        yield (
            f"{counted(estimated, 'body')} not in the log: estimated by "
            "the mean of those of the same resource and verb"
        )
    if unknown:
        yield (
            f"{counted(unknown, 'body')} not in the log, and none of "
            "the same resource and verb: counted as 0 bytes"
        )
    hidden = [
        f"rules[{index}]"
        for index, rule in enumerate(used.rules if used else ())
        if rule.level is Level.NONE
    ]
    of = f", those of {', '.join(hidden)} among them" if hidden else ""
    yield f"requests that were not recorded are not in the log{of}: what is new is not all shown"
    if any(rule.level >= Level.REQUEST for rule in policy.rules):
        yield "omitManagedFields is not simulated: bodies are counted as the log has them"


def _kind_of(key: Change) -> str:
    before, after = key[:2]
    if after == Level.NONE.word:
        return "lost"
    if before == Level.NONE.word:
        return "new"
    words = [level.word for level in Level]
    return "less" if words.index(after) < words.index(before) else "more"


def _what(key: Change) -> str:
    _, _, verb, resource, group = key
    return f"{verb} {resource}.{group}" if group else f"{verb} {resource}"


def _amounts(group: Group) -> tuple[str, str]:
    """Events and bytes, before and after."""
    after = amount(group.bytes_before + group.bytes)
    return f"{group.count} -> {group.written}", f"{amount(group.bytes_before)} -> {after}"


def _with_examples(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table whose last column is an example."""
    headings = ("BEFORE", "AFTER", "REQUEST", "EVENTS", "BYTES", "EXAMPLE")
    yield from table(headings, rows, numbers=range(3, 5))
