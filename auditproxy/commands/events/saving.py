"""``auditproxy events query --save``: the rows of a statement in a Parquet file.

The process of the statement writes a new file in a folder of its own, beside the one that is asked
for, which is then replaced at once: a statement that fails or is interrupted leaves it as it was.
"""

import os
import tempfile

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.printing import Text
from auditproxy.reading.sql.asking import SAVED, Question, SqlRows, asked
from auditproxy.reading.trail.lines import is_saved
from auditproxy.reading.trail.saved import lacking

SUFFIX = ".parquet"


def check_target(path: str) -> None:
    """Raise Unusable where rows cannot be saved at a path: nothing else is written over."""
    if not path.endswith(SUFFIX):
        raise Unusable(f"--save {path} must end in {SUFFIX}")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Unusable(f"--save {path}: there is no folder {folder}; make it")
    if os.path.lexists(path) and not (os.path.isfile(path) and is_saved(path)):
        raise Unusable(f"--save {path} exists and is not a Parquet file; name another one")


def save(question: Question, path: str, err: Text) -> None:
    """Write the rows of a statement; raises OSError and Unusable."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(prefix=".auditproxy-", dir=folder) as own:
        with asked(msgspec.structs.replace(question, save=own)) as rows:
            for _ in rows:
                pass
        os.replace(os.path.join(own, SAVED), path)
    err.write(f"auditproxy: {counted(rows.saved, 'row')} saved in {path}{_use(rows)}\n")


def _use(rows: SqlRows) -> str:
    missing = lacking(rows.columns, rows.types)
    if not missing:
        return ", which other commands read as a log"
    return (
        f"; it lacks the column {missing[0]} of events, so other commands cannot read it as a log"
    )
