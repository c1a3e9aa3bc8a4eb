"""Checks the folders of spools, without making them."""

from pathlib import Path

from auditproxy.files.writable import fault_of_folder, fault_of_writing
from auditproxy.options import Options
from auditproxy.options.backends import backends_in_use
from auditproxy.options.spool import SpooledOptions
from auditproxy.options.workers import of_each_worker

_FIX = "name a folder of the proxy's user (mode 0700), on a disk of its own if possible"


def spool_faults(options: Options) -> list[str]:
    """Why spools would not get their folders, found out without making them."""
    return [
        unusable(backend, why)
        for own in of_each_worker(options)
        for backend in backends_in_use(own)
        if isinstance(backend, SpooledOptions) and backend.has_spool
        if (why := _fault(Path(backend.spool_dir)))
    ]


def _fault(folder: Path) -> str:
    if folder.is_dir():
        return fault_of_folder(folder)
    if folder.exists():
        return "not a directory"
    # A folder that is missing is made, and so could a file be.
    return fault_of_writing(folder)


def unusable(options: SpooledOptions, why: str) -> str:
    """The line for operators of a folder that cannot be used."""
    flag = f"--audit-{options.plugin}-spool-dir"
    return f"{flag} {options.spool_dir} cannot be used: {why.lower()}; {_FIX}"
