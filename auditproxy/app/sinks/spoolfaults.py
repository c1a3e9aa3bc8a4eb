"""Checks the folders of spools, without making them."""

import glob
from collections.abc import Collection, Iterator
from pathlib import Path

from auditproxy.files.writable import fault_of_folder, fault_of_writing
from auditproxy.options import Options
from auditproxy.options.backends import backends_in_use
from auditproxy.options.spool import SpooledOptions
from auditproxy.options.workers import of_each_worker

SESSION_SPOOL = "--session-webhook-spool-dir"
ALERT_SPOOL = "--alert-spool-dir"
_FIX = "name a folder of the proxy's user (mode 0700), on a disk of its own if possible"


def spool_faults(options: Options) -> list[str]:
    """Why spools would not get their folders, found out without making them."""
    return [
        unusable(flag, folder, why)
        for own in of_each_worker(options)
        for flag, folder in _folders(own)
        if (why := _fault(Path(folder)))
    ]


def spool_doubts(options: Options, destinations: Collection[str] = ()) -> tuple[str, ...]:
    """Folders with events that no process sends: of another number of workers than now, or of
    destinations of alerts that are not among these.
    """
    used = {Path(folder) for own in of_each_worker(options) for _, folder in _folders(own)}
    return tuple(
        f"{flag} {named}: {folder} has events of another number of --workers, which nothing sends; "
        "start once with that number to have them sent, or move the folder away"
        for flag, named in _folders(options)
        for folder in (Path(named), *_of_workers(Path(named)))
        if folder not in used and _has_events(folder)
    ) + tuple(_left_alerts(options, destinations))


def _left_alerts(options: Options, known: Collection[str]) -> Iterator[str]:
    """A line for each folder of alerts whose destination is gone."""
    for own in of_each_worker(options):
        if not (named := own.alerts.spool_dir):
            continue
        for folder in _within(Path(named)):
            if folder.name not in known and _holds(folder):
                yield (
                    f"{ALERT_SPOOL} {named}: {folder.name} has alerts, which nothing sends, as "
                    "--alert-destinations-file has no webhook or Slack of that name; add one, or "
                    "move the folder away"
                )


def _of_workers(folder: Path) -> list[Path]:
    """The folders that workers have in place of this one."""
    try:
        return sorted(folder.parent.glob(f"{glob.escape(folder.stem)}-worker*{folder.suffix}"))
    except OSError:
        return []


def _has_events(folder: Path) -> bool:
    """Whether a folder, or one in it, is a spool with something to send."""
    return any(map(_holds, (folder, *_within(folder))))


def _within(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir())
    except OSError:
        return []


def _holds(folder: Path) -> bool:
    """Whether something waits in a spool; of one that cannot be read it is not known."""
    # A proxy without a spool needs nothing of it.
    from auditproxy.backends.spool.opening import holds_records

    try:
        return holds_records(folder)
    except OSError:
        return False


def has_spools(options: Options) -> bool:
    """Whether any events or lines wait in a spool."""
    return any(True for _ in _folders(options))


def _folders(options: Options) -> Iterator[tuple[str, str]]:
    """The folders of one process, each behind its flag."""
    for backend in backends_in_use(options):
        if isinstance(backend, SpooledOptions) and backend.has_spool:
            yield spool_flag(backend), backend.spool_dir
    if options.sessions.webhook_spool_dir:
        yield SESSION_SPOOL, options.sessions.webhook_spool_dir
    if options.alerts.spool_dir:
        yield ALERT_SPOOL, options.alerts.spool_dir


def _fault(folder: Path) -> str:
    if folder.is_dir():
        return fault_of_folder(folder)
    if folder.exists():
        return "not a directory"
    # A folder that is missing is made, and so could a file be.
    return fault_of_writing(folder)


def spool_flag(options: SpooledOptions) -> str:
    """The flag that names a backend's folder."""
    return f"--audit-{options.plugin}-spool-dir"


def unusable(flag: str, folder: str, why: str) -> str:
    """The line for operators of a folder that cannot be used."""
    return f"{flag} {folder} cannot be used: {why.lower()}; {_FIX}"
