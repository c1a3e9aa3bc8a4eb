"""Checks the files of lines, the audit log and the session log, without making them.

log_faults    why the start would stop
log_doubts    what the run could not do later: rotate the file, remove or compress old ones
"""

import os
from pathlib import Path

from auditproxy.app.logs.logbackend import Rotation, audit_rotation, session_rotation, unusable
from auditproxy.files.writable import fault_of_listing, fault_of_renaming, fault_of_writing
from auditproxy.options import AuditLogOptions, Options
from auditproxy.options.backendoptions import DURABLE
from auditproxy.options.workers import of_each_worker

_AUDIT, _SESSION = "audit-log", "session-log"


def log_faults(options: Options) -> list[str]:
    """Why ``open_backends`` or ``open_sessions`` would not get its file."""
    faults = _faults_of_workers(options)
    for own in of_each_worker(options):
        faults += filter(None, (audit_log_fault(own), session_log_fault(own)))
    return faults


def _faults_of_workers(options: Options) -> list[str]:
    """Paths to something of which several workers cannot have one each."""
    paths = {_AUDIT: options.audit_log.path, _SESSION: options.sessions.log_path}
    return [
        f"--{log}-path {path} is not a regular file, and each of several workers needs a file of "
        "its own; name another, or run replicas instead"
        for log, path in paths.items()
        if options.serving.workers > 1 and path and Path(path).exists() and not Path(path).is_file()
    ]


def audit_log_fault(options: Options) -> str:
    """Why the audit log would not get its file; "" when it would."""
    log = options.audit_log
    return (_fault_of_durable(log) if log.mode == DURABLE else "") or _fault(_AUDIT, log.path)


def _fault_of_durable(log: AuditLogOptions) -> str:
    """What only mode ``durable`` minds."""
    from auditproxy.app.logs.durablelog import fault_of_kind

    folder = Path(log.path).absolute().parent
    why = fault_of_listing(folder) if log.path and folder.is_dir() else ""
    if why:
        why = f"mode durable has the disk store the folder's names, and cannot open it: {why}"
        fix = "let the proxy's user read the folder (mode 0700)"
        return unusable("--audit-log-path", log.path, why, fix)
    return fault_of_kind(log) if log.path else ""


def session_log_fault(options: Options) -> str:
    """Why the session log would not get its file; "" when it would."""
    path, other = options.sessions.log_path, options.audit_log.path
    both_are_files = not {path, other} & {"", "-"}
    if both_are_files and os.path.realpath(path) == os.path.realpath(other):
        return f"--audit-log-path and --session-log-path name one file, {path}; give each its own"
    return _fault(_SESSION, path)


def log_doubts(options: Options) -> tuple[str, ...]:
    """What the logs could not do later, of those that the start would open."""
    # Those of several workers are in one folder: what one cannot do, none can.
    own = next(of_each_worker(options))
    return (
        *_doubts(_AUDIT, own.audit_log.path, audit_rotation(own.audit_log)),
        *_doubts(_SESSION, own.sessions.log_path, session_rotation(own.sessions)),
    )


def _fault(log: str, path: str) -> str:
    if path in ("", "-"):
        return ""
    why = fault_of_writing(Path(path))
    return unusable(f"--{log}-path", path, why) if why else ""


def _doubts(log: str, path: str, rotation: Rotation) -> list[str]:
    """Each with the flag and what to do; none for a log that is not rotated."""
    file = Path(path)
    folder = file.absolute().parent
    if path in ("", "-") or not rotation.maxsize or not folder.is_dir():
        # A folder that is missing is made, for its owner alone.
        return []
    if file.exists() and not file.is_file():
        return []
    found = []
    why = "it is a mount point" if os.path.ismount(file) else fault_of_renaming(folder)
    if why:
        found.append(
            f"--{log}-path {path} cannot be rotated and will grow beyond --{log}-maxsize: {why}; "
            f"give its folder to the proxy's user, or rotate it otherwise and give "
            f"--{log}-maxsize=0"
        )
    removes = rotation.maxbackup or rotation.maxage
    if (removes or rotation.compress) and (why := fault_of_listing(folder)):
        kept = "removed" if removes else "compressed"
        found.append(
            f"--{log}-path {path}: rotated files will never be {kept}, as {folder} cannot be "
            f"listed: {why}; let the proxy's user read the folder (mode 0700)"
        )
    return found
