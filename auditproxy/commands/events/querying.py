"""``auditproxy events query``: the answer to a statement in SQL over a trail."""

import os
from collections.abc import Sequence

from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.events.printing import Text
from auditproxy.commands.events.saving import check_target, save
from auditproxy.commands.events.tabulating import Laid, laid_out
from auditproxy.reading.meaning.events import GONE, Counts
from auditproxy.reading.sql.asking import MOST_ROWS, Question, asked, check, placed
from auditproxy.reading.sql.store import SqlError, prepare
from auditproxy.reading.trail.counting import count_lines
from auditproxy.reading.trail.lines import DAMAGED, is_saved
from auditproxy.reading.trail.sources import TrailFile

_THREADS = 2


def run_query(
    statement: str,
    files: Sequence[TrailFile],
    how: Laid,
    out: Text,
    err: Text,
    folder: str,
    timeout: float,
    target: str = "",
) -> int:
    """Print the rows of a statement, or save them; the exit code. Raises OSError and Unusable.

    ``folder`` is for files of the database, ``timeout`` is in seconds, ``target`` is the file that
    gets the rows, or "".
    """
    check(statement)
    if target:
        check_target(target)
    counts, forms = Counts(), Counts()
    stored = prepare(files, folder, counts, forms)
    question = Question(tuple(stored), folder, statement, (), _THREADS, MOST_ROWS, timeout=timeout)
    try:
        if target:
            save(question, target, err)
        else:
            _print(question, how, out, err)
    except SqlError as error:
        raise placed(error, statement) from None
    # The database passes over what is not an event, and does not say so.
    as_they_are = {file.path for file in stored}
    plain = [
        file
        for file in files
        if os.path.abspath(file.path) in as_they_are and not is_saved(file.path)
    ]
    count_lines(plain, counts, forms)
    for note in notes_of(counts, forms):
        err.write(f"auditproxy: warning: {note}\n")
    check_has_events(counts, files)
    return 1 if counts[DAMAGED] or counts[GONE] else 0


def _print(question: Question, how: Laid, out: Text, err: Text) -> None:
    with asked(question) as rows:
        for line in laid_out(rows.columns, rows.types, rows, how):
            out.write(line)
    out.flush()
    if rows.cut:
        err.write(f"auditproxy: warning: {counted(MOST_ROWS, 'row')} of more; ask for less\n")
