"""Both trails in one database, what is asked of it, and what is said of the answer."""

import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.apis.user import UserInfo
from auditproxy.app.standardstreams import Output, counted
from auditproxy.commands.events.notes import notes_of
from auditproxy.commands.reconcile import statements
from auditproxy.commands.reconcile.judging import BYPASSED, DIFFERENT, Known, VerdictTally, judge
from auditproxy.commands.reconcile.pairing import Pair, SideRecord, pairs_of
from auditproxy.commands.reconcile.printing import ComparedPeriod, ReconcileReport
from auditproxy.reading.forms.exports import GKE
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.events import Counts, TrailEvent
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.sql.asking import SAVED, Question, SqlRows, asked
from auditproxy.reading.sql.store import StoredFile, prepare
from auditproxy.reading.trail.lines import is_packed
from auditproxy.reading.trail.sources import TrailFile

APART_BY_CONTENT = 5_000_000
"""The same where there is no audit ID."""
_EDGE = 1_000_000
"""Microseconds: what came in the last second of a period may be written after it."""
_LONG = 64 << 20
"""Bytes of logs that take longer than a moment; of packed ones it is not known."""
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
    _tell(err, "reading the proxy's log", ours)
    stored = _of_side(statements.OURS, prepare(ours, folder, counts, forms))
    _tell(err, "reading the other log", theirs)
    stored += _of_side(statements.THEIRS, prepare(theirs, _subfolder(folder), counts, their_forms))
    forms.update(their_forms)
    _tell(err, "comparing both", (*ours, *theirs))
    is_by_id = not their_forms[GKE]
    ask = functools.partial(_asked, _gathered(stored, folder, timeout), folder, timeout)
    known = _known(ask, is_by_id=is_by_id)
    tally = VerdictTally()
    report.begin(ComparedPeriod(known.begin, known.end, is_by_id=is_by_id))
    with contextlib.ExitStack() as stack:
        same: Iterable[SameRequests] = ()
        if is_by_id:
            same = stack.enter_context(_same(ask, folder, known.account))
            rows = stack.enter_context(ask(statements.REST, known.account))
        else:
            rows = stack.enter_context(ask(statements.records(statements.BY_CONTENT)))
        apart = statements.APART if is_by_id else APART_BY_CONTENT
        pairs = pairs_of(rows.decoded(SideRecord), apart)
        compare(pairs, same, known, _ignoring(tuple(ignored)), tally, report)
    report.finish(tally)
    for note in notes_of(counts, forms):
        err.write(f"auditproxy: warning: {note}\n")
    if not tally.together["matched"] and not tally.together[DIFFERENT]:
        err.write("auditproxy: warning: no request is in both: are they of the same cluster?\n")
    return FAILED if tally.together[BYPASSED] or tally.together[DIFFERENT] else 0


def _tell(err: Output, what: str, files: Sequence[TrailFile]) -> None:
    """Say at a terminal what is done now, where it may take long."""
    size = sum(os.stat(file.path).st_size for file in files)
    if err.isatty() and any(size > _LONG or is_packed(file.path) for file in files):
        err.write(f"{what}: {counted(len(files), 'file')}, {size >> 20} MiB\n")


@prepared
class SameRequests(msgspec.Struct, frozen=True, array_like=True):
    """Requests of one user that both trails have and that do not differ."""

    user: str
    count: int
    first: str
    """The first of their keys."""


def compare(
    pairs: Iterable[Pair],
    same: Iterable[SameRequests],
    known: Known,
    is_ignored: Callable[[str], bool],
    tally: VerdictTally,
    report: ReconcileReport,
) -> None:
    """Judge pairs, and count what is the same; both come by their keys, and users in that order."""
    waiting = iter(same)
    following = next(waiting, None)
    for pair in pairs:
        record = pair[0] or pair[1]
        while following is not None and record is not None and following.first < record.key:
            tally.add_matched(following.user, following.count)
            following = next(waiting, None)
        verdict = judge(pair, known, is_ignored)
        tally.add(verdict)
        report.add(verdict)
    while following is not None:
        tally.add_matched(following.user, following.count)
        following = next(waiting, None)


def _gathered(files: Sequence[StoredFile], folder: str, timeout: float) -> list[StoredFile]:
    """Both trails in one file, without what is not compared: they are read once."""
    place = _subfolder(folder)
    question = Question(
        tuple(files), folder, statements.GATHERED, (), _THREADS, _MOST, place, timeout
    )
    with asked(question) as rows:
        list(rows)
    return [StoredFile(os.path.join(place, SAVED), "", is_saved=True)]


@contextlib.contextmanager
def _same(ask: Any, folder: str, account: str | None) -> Iterator[Iterator[SameRequests]]:
    """What is the same in both, by way of a file: there may be many users."""
    with tempfile.TemporaryFile(dir=folder) as file:
        with ask(statements.SAME, account) as rows:
            for row in rows.decoded(SameRequests):
                file.write(msgspec.json.encode(row) + b"\n")
        file.seek(0)
        yield (msgspec.json.decode(line, type=SameRequests) for line in file)


def _known(ask: Any, *, is_by_id: bool) -> Known:
    periods = {row[0]: row[1:3] for row in _rows(ask, statements.BOUNDS)}
    for side, name in ((statements.OURS, "the proxy's log"), (statements.THEIRS, "the other log")):
        if side not in periods or None in periods[side]:
            raise Unusable(f"{name} has no event with a time")
    begin = max(period[0] for period in periods.values())
    end = min(period[1] for period in periods.values())
    if begin >= end - _EDGE:
        ours, theirs = (
            f"{iso(first * 1000)} to {iso(last * 1000)}"
            for first, last in (periods[statements.OURS], periods[statements.THEIRS])
        )
        what = "no period" if begin > end else "no more than a second"
        raise Unusable(
            f"PROXY-LOG ({ours}) and CLOUD-LOG ({theirs}) have {what} in common, so nothing can be "
            "compared; name logs of the same time"
        )
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
    files: Sequence[StoredFile], folder: str, timeout: float, statement: str, *parameters: Any
) -> Iterator[SqlRows]:
    question = Question(
        tuple(files), folder, statement, parameters, _THREADS, _MOST, timeout=timeout
    )
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
