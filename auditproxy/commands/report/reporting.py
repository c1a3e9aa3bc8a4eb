"""A report, made of a trail and written in the form that was asked for."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from auditproxy.app.standardstreams import Output, counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.report.html import as_html
from auditproxy.commands.report.values import shown
from auditproxy.reading.meaning.cells import columns, visible
from auditproxy.reading.meaning.events import GONE
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.reports.blockpass import PassTask
from auditproxy.reading.reports.onepass import Passed, pass_once
from auditproxy.reading.reports.report import TEXT, TIME, Report, Section
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.reports.tallies import RequestTally
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.sources import files_of

SCHEMA = 1
"""Version of the object of JSON."""
_DAY = 86_400e9
_LONGEST_CELL = 100


def run(
    task: PassTask,
    logs: Sequence[str],
    spool: str,
    output: str,
    limit: int,
    out: Output,
    err: Output,
) -> int:
    """Write the report; the exit code. Raises Unusable and OSError."""
    files = files_of(logs, spool)
    passed = pass_once(files, task)
    for note in notes_of(passed.counts, passed.forms):
        err.write(f"auditproxy: warning: {note}\n")
    check_has_events(passed.counts, files)
    report = report_of(task, passed)
    if output == "html":
        texts = as_html(report, limit)
    else:
        texts = _as_json(report) if output == "json" else _as_text(report, limit)
    for text in texts:
        out.write(text)
    return 1 if passed.counts[DAMAGED] or passed.counts[GONE] else 0


def report_of(task: PassTask, passed: Passed) -> Report:
    """The report of what was counted."""
    subject = SUBJECTS[task.subject]
    tallies = passed.tallies
    whole = RequestTally()
    for tally in tallies.groups.values():
        whole.add(tally)
    days = _days(whole.first, whole.last)
    sections = subject.sections_of(tallies, days)
    events = passed.counts["events"]
    facts = {
        "events": events,
        "bytes": passed.size,
        "first": whole.first,
        "last": whole.last,
        "open": passed.open,
    }
    summary = f"{counted(events, 'event')} read, {shown(passed.size, 'bytes')}"
    if whole.first:
        summary += f"; what is counted came from {shown(whole.first, TIME)} to "
        summary += shown(whole.last, TIME)
    return Report(
        name=task.subject,
        title=subject.title,
        summary=summary,
        facts=facts,
        sections=sections,
        notes=tuple(_notes(passed, whole, days, is_daily=subject.counts_events)),
    )


def _notes(
    passed: Passed, whole: RequestTally, days: float | None, *, is_daily: bool
) -> Iterator[str]:
    others = passed.tallies.others.requests
    if others:
        yield (
            f"left out: {counted(others, 'request')} of further groups; a filter or a shorter "
            "period shows them"
        )
    if passed.open:
        yield f"{counted(passed.open, 'request')} without an end in the log among them"
    if passed.twins:
        yield (
            f"about {counted(passed.twins, 'request')} in the logs of several servers, counted for "
            "each; name the logs of one, such as of the proxies or of kube-apiserver"
        )
    if is_daily and whole.events and (days is None or days < 1):
        yield (
            "the log spans no time, so amounts of a day are not known"
            if days is None
            else "the log spans less than a day, so amounts of a day are extrapolated"
        )


def _days(first: str, last: str) -> float | None:
    begin, end = stamp(first), stamp(last)
    if begin is None or end is None or begin >= end:
        return None
    return (end - begin) / _DAY


def _as_json(report: Report) -> Iterator[str]:
    members: dict[str, Any] = {
        "schema": SCHEMA,
        "report": report.name,
        **report.facts,
        "sections": {
            section.member: [
                {key: value for key, value in row.items() if key not in _FOR_PEOPLE}
                for row in section.rows
            ]
            for section in report.sections
        },
        "notes": list(report.notes),
    }
    # ASCII: nothing in it steers a terminal.
    yield f"{json.dumps(members)}\n"


_FOR_PEOPLE = frozenset(("who", "what", "ruleOrWhyNot"))
"""Members that are made of others."""


def _as_text(report: Report, limit: int) -> Iterator[str]:
    yield f"{report.title}\n{report.summary}\n"
    for section in report.sections:
        yield f"\n{section.title}\n"
        if not section.rows:
            yield f"  {section.empty}\n"
            continue
        yield from _table(section, limit)
        left = len(section.rows) - limit
        if left > 0:
            yield f"  and {counted(left, 'further row')}; --limit shows more, -o json all\n"
        for remark in section.remarks:
            yield f"  {remark}\n"
        yield from _rules(section, limit)
    if report.notes:
        yield "\n"
    for note in report.notes:
        yield f"note: {note}\n"


def _table(section: Section, limit: int) -> Iterator[str]:
    rows = [[column.heading for column in section.columns]]
    rows += [
        [visible(shown(row[one.member], one.form), _LONGEST_CELL) for one in section.columns]
        for row in section.rows[:limit]
    ]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(section.columns))]
    for texts in rows:
        cells = []
        for column, cell, width in zip(section.columns, texts, widths, strict=True):
            room = " " * (width - columns(cell))
            is_left = column.form in (TEXT, TIME)
            cells.append(cell + room if is_left else room + cell)
        yield f"  {'  '.join(cells).rstrip()}\n"


def _rules(section: Section, limit: int) -> Iterator[str]:
    """The rules of a policy that the rows have, as YAML."""
    chosen = [row for row in section.rows[:limit] if row.get("rule")]
    if not chosen:
        return
    yield "\nRules that drop these parts\n"
    for row in chosen:
        share, size = shown(row["share"], "share"), shown(row["bytes"], "bytes")
        yield f"  # {share}, {size}: {visible(row['who'])}: {visible(row['what'])}\n"
        text = yaml.safe_dump([row["rule"]], sort_keys=False, allow_unicode=False)
        for line in text.splitlines():
            yield f"  {line}\n"
