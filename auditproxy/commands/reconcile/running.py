"""Both trails in one database, what is asked of it, and what is said of the answer."""

import contextlib
import functools
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.apis.user import UserInfo
from auditproxy.app.standardstreams import Output
from auditproxy.commands.events.notes import notes_of
from auditproxy.commands.reconcile import statements
from auditproxy.commands.reconcile.judging import BYPASSED, DIFFERENT, Known, VerdictTally, judge
from auditproxy.commands.reconcile.pairing import SideRecord, pairs_of
from auditproxy.commands.reconcile.printing import ComparedPeriod, ReconcileReport
from auditproxy.reading.forms.exports import GKE
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.events import Counts, TrailEvent
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.sql.asking import Question, SqlRows, asked
from auditproxy.reading.sql.store import StoredFile, prepare
from auditproxy.reading.trail.sources import TrailFile

APART_BY_CONTENT = 5_000_000
"""The same where there is no audit ID."""
_EDGE = 1_000_000
"""Microseconds: what came in the last second of a period may be written after it."""
_THREADS = 2
_MOST = 1 << 62


def run_reconcile(
    ours: Sequence[TrailFile],
    theirs: Sequence[TrailFile],
    ignored: Sequence[str],
    report: ReconcileReport,
    err: Output,
    folder: str,
    timeout: float,
) -> int:
    """Say what differs between the trails; the exit code. Raises OSError and Unusable.

    ``ignored`` are patterns of users, ``folder`` is for files of the database, ``timeout`` is in
    seconds for each of its answers.
    """
    counts, forms, their_forms = Counts(), Counts(), Counts()
    stored = _of_side(statements.OURS, prepare(ours, folder, counts, forms))
    stored += _of_side(statements.THEIRS, prepare(theirs, _subfolder(folder), counts, their_forms))
    forms.update(their_forms)
    is_by_id = not their_forms[GKE]
    ask = functools.partial(_asked, stored, folder, timeout)
    known = _known(ask, is_by_id=is_by_id)
    key = statements.BY_AUDIT_ID if is_by_id else statements.BY_CONTENT
    tally, is_ignored = VerdictTally(), _ignoring(tuple(ignored))
    report.begin(ComparedPeriod(known.begin, known.end, is_by_id=is_by_id))
    with ask(statements.records(key)) as rows:
        records = (msgspec.convert(row, SideRecord) for row in rows)
        for pair in pairs_of(records, statements.APART if is_by_id else APART_BY_CONTENT):
            verdict = judge(pair, known, is_ignored)
            tally.add(verdict)
            report.add(verdict)
    report.finish(tally)
    for note in notes_of(counts, forms):
        err.write(f"auditproxy: warning: {note}\n")
    if not tally.together["matched"] and not tally.together[DIFFERENT]:
        err.write("auditproxy: warning: no request is in both: are they of the same cluster?\n")
    return FAILED if tally.together[BYPASSED] or tally.together[DIFFERENT] else 0


def _known(ask: Any, *, is_by_id: bool) -> Known:
    periods = {row[0]: row[1:3] for row in _rows(ask, statements.BOUNDS)}
    for side, name in ((statements.OURS, "the proxy's log"), (statements.THEIRS, "the other log")):
        if side not in periods or None in periods[side]:
            raise Unusable(f"{name} has no event with a time")
    begin = max(period[0] for period in periods.values())
    end = min(period[1] for period in periods.values())
    if begin >= end:
        shown = (
            f"{iso(first * 1000)} to {iso(last * 1000)}"
            for first, last in (periods[statements.OURS], periods[statements.THEIRS])
        )
        raise Unusable("the logs have no period in common: {}, and {}".format(*shown))
    kinds = frozenset(tuple(row) for row in _rows(ask, statements.KINDS))
    if not is_by_id:
        return Known(begin, end - _EDGE, kinds=kinds, has_codes=False)
    account = [row[0] for row in _rows(ask, statements.ACCOUNT)]
    return Known(
        begin,
        end - _EDGE,
        frozenset(row[0] for row in _rows(ask, statements.PEERS)),
        account[0] if account else None,
        kinds,
    )


def _rows(ask: Any, statement: str) -> list[list[Any]]:
    with ask(statement) as rows:
        return list(rows)


@contextlib.contextmanager
def _asked(
    files: Sequence[StoredFile], folder: str, timeout: float, statement: str
) -> Iterator[SqlRows]:
    question = Question(tuple(files), folder, statement, (), _THREADS, _MOST, timeout=timeout)
    with asked(question) as rows:
        yield rows


def _of_side(side: str, files: Sequence[StoredFile]) -> list[StoredFile]:
    return [msgspec.structs.replace(file, origin=side, is_renamed=True) for file in files]


def _subfolder(folder: str) -> str:
    """A folder for the files of the second trail: both have files of the same numbers."""
    return tempfile.mkdtemp(dir=folder)


def _ignoring(patterns: tuple[str, ...]) -> Any:
    conditions = conditions_of({"user": patterns})

    @functools.lru_cache(maxsize=10_000)
    def is_ignored(user: str) -> bool:
        event = TrailEvent(user=UserInfo(username=user))
        return bool(conditions) and all(each.admits(event) for each in conditions)

    return is_ignored
