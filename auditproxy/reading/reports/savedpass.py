"""Saved trails, counted: the database counts requests that have a report's columns in common.

What a group is of is decided as for lines, by the subject's ``keys_of``, once for each of these.
Requests without an end are given to the pass one by one, because their end may be in other files.
"""

from collections.abc import Iterator
from typing import Any

from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.conditions import as_sql, is_user
from auditproxy.reading.meaning.events import EVENTS, Counts, TrailEvent
from auditproxy.reading.reports.blockpass import (
    Begun,
    PassedBlock,
    PassTask,
    key_of,
    sample_of,
    sampled_by,
)
from auditproxy.reading.reports.columns import COLUMNS
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.reports.tallies import Key, RequestTally, text_of
from auditproxy.reading.trail.saved import FORM, event_of_cells
from auditproxy.reading.trail.savedsets import ARRIVED, IS_END, KEY, PLACE, SavedTrails

_BATCH = 5000
_MARK = "by_"
_MICROSECOND = SECOND // 1_000_000
_COUNTED = (
    f"epoch_us(min({ARRIVED})) AS first, epoch_us(max({ARRIVED})) AS last, "
    "count(*) FILTER (code IN (401, 403)) AS refused, "
    "sum(coalesce(request_object_bytes, 0) + coalesce(response_object_bytes, 0)) AS bodies"
)
_TEXT = "strftime({0}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {0}"
_WAITING = (
    "origin", "audit_id", "level", "stage", "verb", "request_uri", "username", "groups", "uid",
    "extra", "impersonated_username", "impersonated_uid", "impersonated_groups",
    "impersonated_extra", "api_group", "api_version", "resource", "subresource", "namespace",
    "name", "code", "reason", "message", "source_ips", "user_agent", "annotations", "line_bytes",
)  # fmt: skip


class SavedPass:
    """Saved trails that are counted; ``size`` is that of their lines, in bytes."""

    def __init__(self, trails: SavedTrails) -> None:
        self._trails = trails
        found = trails.row(
            "SELECT count(*) AS events, coalesce(sum(line_bytes), 0) AS size, "
            "list(DISTINCT coalesce(origin, '')) AS origins FROM saved"
        )
        self._events = int(found["events"])
        self.size = int(found["size"])
        self.origins = frozenset(found["origins"] or ())

    def blocks(self, task: PassTask) -> Iterator[PassedBlock]:
        """What is counted, in parts. Raises Unusable."""
        whole = PassedBlock({}, Counts(), Counts(), [], [], [], "")
        whole.counts[EVENTS] = whole.forms[FORM] = self._events
        yield whole
        yield from self._ended(task)
        subject = SUBJECTS[task.subject]
        if subject.needle:
            # Such a subject is about single events.
            return
        self._remember_begun()
        if subject.counts_events:
            yield from self._begun(task)
        yield from self._open()
        if task.one_of:
            yield from self._sampled(task)

    def _ended(self, task: PassTask) -> Iterator[PassedBlock]:
        """The ends of requests, each with its own line."""
        statement, parameters = _grouped(
            task, f"count(*) AS requests, sum(line_bytes) AS size, {_COUNTED}", "saved"
        )
        for row in self._trails.rows(statement, parameters):
            row["events"] = row["requests"]
            yield _block(task, row)

    def _remember_begun(self) -> None:
        """Keep the keys of the lines before an end, which are asked for twice."""
        for _ in self._trails.rows(
            f"CREATE OR REPLACE TEMP TABLE begun AS SELECT {KEY} AS key, line_bytes AS bytes, "  # noqa: S608
            f"{PLACE} AS event_place FROM saved WHERE NOT {IS_END}"
        ):
            pass

    def _begun(self, task: PassTask) -> Iterator[PassedBlock]:
        """The lines before an end, in the groups of the end."""
        statement, parameters = _grouped(
            task,
            "count(*) AS events, sum(begun.bytes) AS size, "
            f"epoch_us(min({ARRIVED})) AS first, epoch_us(max({ARRIVED})) AS last",
            f"saved JOIN begun ON begun.key = {KEY}",
        )
        for row in self._trails.rows(statement, parameters):
            yield _block(task, row | {"requests": 0, "refused": 0, "bodies": 0})

    def _open(self) -> Iterator[PassedBlock]:
        """The events of requests without an end."""
        ended = f"(SELECT {KEY} AS key FROM saved WHERE {IS_END})"  # noqa: S608
        # Places alone first: whole rows would not fit into memory. One without a key has no end.
        for _ in self._trails.rows(
            f"CREATE OR REPLACE TEMP TABLE open AS SELECT event_place AS {PLACE} "  # noqa: S608
            f"FROM begun ANTI JOIN {ended} USING (key)"
        ):
            pass
        columns = [f'"{name}"' for name in _WAITING] + [
            _TEXT.format(name) for name in ("received", "staged")
        ]
        rows = self._trails.rows(
            f"SELECT {', '.join(columns)} FROM saved "  # noqa: S608
            f"WHERE {PLACE} IN (SELECT {PLACE} FROM open) ORDER BY {ARRIVED}"
        )
        for row in rows:
            event = event_of_cells(row)
            key = key_of(event, row["origin"] or "")
            begun = Begun(key, event, 1, int(row["line_bytes"] or 0))
            yield PassedBlock({}, Counts(), Counts(), [begun], [], [], row["origin"] or "")

    def _sampled(self, task: PassTask) -> Iterator[PassedBlock]:
        """Some requests, to find those that other servers wrote of too."""
        digit, left = sampled_by(task.one_of)
        rows = self._trails.rows(
            "SELECT origin, audit_id, verb, request_uri FROM saved "  # noqa: S608
            f"WHERE {IS_END} AND coalesce(audit_id, '') <> '' AND ends_with(audit_id, ?) "
            "AND (? = 1 OR CAST('0x' || md5(audit_id)[:8] AS UBIGINT) % ? = 0)",
            [digit, left, left],
        )
        for row in rows:
            sampled = sample_of(event_of_cells(row), task.one_of)
            yield PassedBlock({}, Counts(), Counts(), [], [], sampled, row["origin"] or "")


def _grouped(task: PassTask, counted: str, source: str) -> tuple[str, list[Any]]:
    """The statement that counts ends of requests that a task admits, and its parameters."""
    columns = COLUMNS[task.subject]
    clause, parameters = as_sql(task.conditions)
    clauses = [IS_END, columns.where, f"({clause})"]
    for operator, moment in ((">=", task.since), ("<", task.until)):
        if moment:
            clauses.append(f"{ARRIVED} {operator} CAST(? AS TIMESTAMPTZ)")
            parameters.append(moment)
    values = ", ".join(f'{value} AS "{_MARK}{name}"' for name, value in columns.values.items())
    statement = (
        f"SELECT {values}, {counted} FROM {source} "  # noqa: S608
        f"WHERE {' AND '.join(clauses)} GROUP BY ALL"
    )
    return statement, list(parameters)


def _block(task: PassTask, row: dict[str, Any]) -> PassedBlock:
    first, last = (_moment(row[name]) for name in ("first", "last"))
    tally = RequestTally(
        row["requests"], row["refused"], row["events"], int(row["size"] or 0),
        int(row["bodies"] or 0), first, last,
    )  # fmt: skip
    keys = SUBJECTS[task.subject].keys_of(_event(row), first)
    if task.users:
        keys = [key for key in keys if is_user(task.users, key[1])]
    groups: dict[Key, RequestTally] = dict.fromkeys(keys, tally)
    return PassedBlock(groups, Counts(), Counts(), [], [], [], "")


def _event(row: dict[str, Any]) -> TrailEvent:
    """An event with the columns of a group."""
    cells = {
        name.removeprefix(_MARK): value
        for name, value in row.items()
        if name.startswith(_MARK) and value is not None
    }
    if "peer" in cells:
        cells["source_ips"] = [cells["peer"]]
    if cells.get("is_node"):
        cells["groups"] = ["system:nodes"]
    cells["annotations"] = {name: text for name, text in cells.items() if "/" in name}
    return event_of_cells(cells)


def _moment(microseconds: int | None) -> str:
    return "" if microseconds is None else text_of(microseconds * _MICROSECOND)
