"""What several processes on one port cannot share."""

from auditproxy.options.backends import BackendGroups, backends_in_use
from auditproxy.options.serving import ServingOptions
from auditproxy.options.sessions import SessionOptions


def worker_faults(
    serving: ServingOptions, groups: BackendGroups, sessions: SessionOptions
) -> list[str]:
    """Faults of logs of which each of several workers needs one of its own."""
    count = serving.workers
    if count <= 1:
        return []
    log = groups.audit_log
    faults = []
    if log in backends_in_use(groups) and log.path in ("", "-"):
        faults.append(
            f"--workers {count} needs a file in --audit-log-path: lines of several processes "
            "would mix on standard output; name one, or run replicas instead"
        )
    if sessions.log_path == "-":
        faults.append(
            f"--workers {count} needs a file in --session-log-path: lines of several processes "
            "would mix on standard output; name one, or run replicas instead"
        )
    return faults
