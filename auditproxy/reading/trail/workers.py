"""Workers: the logs that several processes write in place of the one that a command line names."""

import os
import re
from pathlib import PurePath

_MOST = 4
"""Files that are named."""


def worker_files(path: str) -> list[str]:
    """The logs of the workers of a log, by number: audit-worker1.log for audit.log.

    They have these names by --workers (options/workers.py).
    """
    whole = PurePath(path)
    own = re.compile(
        rf"{re.escape(whole.stem)}-worker(\d{{1,4}}){re.escape(whole.suffix)}", re.ASCII
    )
    try:
        names = os.listdir(whole.parent)
    except OSError:
        return []
    found = [(int(match[1]), name) for name in names if (match := own.fullmatch(name))]
    return [str(whole.with_name(name)) for _, name in sorted(found)]


def missing(path: str) -> str:
    """What to do about a log that does not exist, "" where no worker has one."""
    files = worker_files(path)
    if not files:
        return ""
    shown = " ".join(files[:_MOST])
    more = f" and {len(files) - _MOST} more" if len(files) > _MOST else ""
    return f"{path} does not exist, but logs of workers do; name these: {shown}{more}"
