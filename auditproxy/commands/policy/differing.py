"""``auditproxy policy diff``: which requests of a log two policies decide differently about."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from auditproxy.apis.faults import FAILED
from auditproxy.app.standardstreams import Output, counted, one_line
from auditproxy.audit.policy.simulation.counting import Group
from auditproxy.audit.policy.simulation.difference import Difference, Differing, RequestDecision
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.commands.policy.logs import LogEvents
from auditproxy.commands.policy.reading import policy_of
from auditproxy.commands.policy.remarks import remark_log
from auditproxy.commands.policy.tables import table

SHOWN = 40
"""Groups that text output shows."""


def run_diff(
    first: str, second: str, logs: Sequence[str], out: Output, err: Output, *, is_json: bool
) -> int:
    """Print the groups of requests that differ, the largest first. Raises Unusable."""
    difference = Difference(policy_of(first), policy_of(second))
    log = LogEvents(logs, err, difference.looks_at)
    for event, _ in log:
        if isinstance(event, LoggedGroup):
            difference.take_group(event)
        else:
            difference.take(event)
    remark_log(log, difference.forgotten, err)
    if not difference.events:
        message = f"no event in {', '.join(logs)}; name an audit log"
        err.write(f"auditproxy: error: {one_line(message)}\n")
        return FAILED
    groups = sorted(difference.groups.items(), key=lambda item: -item[1].count)
    if is_json:
        for differing, group in groups:
            out.write(json.dumps(_object(differing, group)) + "\n")
    else:
        for line in _lines(difference, groups):
            out.write(line)
    return FAILED if log.damaged else 0


def _lines(difference: Difference, groups: list[tuple[Differing, Group]]) -> Iterator[str]:
    requests = counted(difference.requests, "request")
    are = "is" if difference.differing == 1 or difference.requests == 1 else "are"
    yield f"{difference.differing} of {requests} {are} decided differently\n"
    if not groups:
        return
    yield "\n"
    rows = [
        (
            _rule(differing.first),
            _rule(differing.second),
            _change(differing.first, differing.second),
            _what(differing),
            str(group.count),
            group.example,
        )
        for differing, group in groups[:SHOWN]
    ]
    headings = ("FIRST", "SECOND", "CHANGE", "REQUEST", "REQUESTS", "EXAMPLE")
    yield from table(headings, rows, numbers=range(4, 5))
    if len(groups) > SHOWN:
        yield f"and {counted(len(groups) - SHOWN, 'further group')}; -o json has them\n"
    if difference.groups.others:
        yield f"and {counted(difference.groups.others, 'request')} in still other groups\n"


def _rule(decision: RequestDecision) -> str:
    return "no rule" if decision.rule is None else f"rules[{decision.rule}]"


def _change(first: RequestDecision, second: RequestDecision) -> str:
    """Levels, and stages and fields where only these differ or differ as well."""
    parts = []
    if first.level != second.level:
        parts.append(f"{first.level} -> {second.level}")
    if "None" not in (first.level, second.level):
        parts += [f"-{stage}" for stage in first.stages if stage not in second.stages]
        parts += [f"+{stage}" for stage in second.stages if stage not in first.stages]
        if first.omit_managed_fields != second.omit_managed_fields and first.level == second.level:
            parts.append(f"{'-' if second.omit_managed_fields else '+'}managedFields")
    return ", ".join(parts)


def _what(differing: Differing) -> str:
    group = f".{differing.group}" if differing.group else ""
    return f"{differing.verb} {differing.resource}{group}"


def _object(differing: Differing, group: Group) -> dict[str, Any]:
    return {
        "first": _decision(differing.first),
        "second": _decision(differing.second),
        "verb": differing.verb,
        "resource": differing.resource,
        "apiGroup": differing.group,
        "requests": group.count,
        "example": group.example,
    }


def _decision(decision: RequestDecision) -> dict[str, Any]:
    return {
        "rule": decision.rule,
        "level": decision.level,
        "stages": decision.stages,
        "omitManagedFields": decision.omit_managed_fields,
    }
