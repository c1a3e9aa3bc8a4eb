"""Workers: how each of several processes on one port is set up."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import PurePath
from typing import Any

from auditproxy.options import Options
from auditproxy.options.receivergroups import ReceiverGroups
from auditproxy.options.spool import SpooledOptions


def of_worker(options: Options, number: int) -> Options:
    """The options of one worker, counted from 1: its own logs and spools, and no health port."""
    log, sessions, alerts = options.audit_log, options.sessions, options.alerts
    spooled: dict[str, Any] = {
        group.name: replace(backend, spool_dir=_own(backend.spool_dir, number))
        for group in fields(ReceiverGroups)
        if isinstance(backend := getattr(options, group.name), SpooledOptions)
    }
    return replace(
        options,
        **spooled,
        audit_log=replace(log, path=_own(log.path, number)),
        sessions=replace(
            sessions,
            log_path=_own(sessions.log_path, number),
            webhook_spool_dir=_own(sessions.webhook_spool_dir, number),
        ),
        alerts=replace(alerts, spool_dir=_own(alerts.spool_dir, number)),
        health=replace(options.health, bind_address=""),
    )


def of_each_worker(options: Options) -> Iterator[Options]:
    """The options of each process that serves clients: these themselves where there is one."""
    count = options.serving.workers
    if count == 1:
        yield options
        return
    for number in range(1, count + 1):
        yield of_worker(options, number)


def shown_for_workers(options: Options) -> Options:
    """The options with the first and the last log of several workers, to be shown to operators."""
    log, count = options.audit_log, options.serving.workers
    if count == 1 or not log.path:
        return options
    return replace(
        options,
        audit_log=replace(
            log, path=f"{_own(log.path, 1)} to {PurePath(_own(log.path, count)).name}"
        ),
    )


def _own(path: str, number: int) -> str:
    """``audit-worker1.log`` for ``audit.log``."""
    if not path:
        return path
    whole = PurePath(path)
    return str(whole.with_name(f"{whole.stem}-worker{number}{whole.suffix}"))
