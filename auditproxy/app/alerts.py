"""Alerts: from options and what their files say to the dispatcher that events are offered to."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditproxy.alerts.alert import Alert
from auditproxy.alerts.messages import alert_line, default_body, slack_body
from auditproxy.apis.faults import Unusable
from auditproxy.app import operatorlog
from auditproxy.app.operatorlog import Report
from auditproxy.app.sinks.spoolfaults import ALERT_SPOOL, unusable
from auditproxy.app.standardstreams import one_line
from auditproxy.clients.alertmanager import AlertmanagerClient
from auditproxy.clients.alertwebhook import AlertWebhookClient
from auditproxy.files.alerts import AlertTarget, AlertTargets
from auditproxy.files.files import Files
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.dispatcher import AlertDispatcher
from auditproxy.notifiers.outbox import Client, LineNotifier, Notifier, Outbox
from auditproxy.options import AlertOptions

if TYPE_CHECKING:
    from auditproxy.notifiers.alertspools import AlertSpools


def open_alerts(
    options: AlertOptions,
    files: Files,
    metrics: AlertMetrics,
    report: Report,
    write: Callable[[Alert], None] | None = None,
) -> AlertDispatcher | None:
    """The dispatcher of a proxy, None without rules; to be called inside the running loop.

    ``write`` takes the alerts for standard error; None means the operators' log. Raises Unusable
    where a spool cannot be used.
    """
    if files.alert_rules is None or files.alert_targets is None:
        return None
    spools = _spools(options, metrics, report)
    return AlertDispatcher(
        files.alert_rules,
        open_notifiers(files.alert_targets, metrics, report, write, spools=spools),
        metrics,
        clock=time.time_ns,
        monotonic=time.monotonic,
        report=report,
        queue_size=options.queue_size,
        labels=files.alert_targets.labels,
        spools=spools,
    )


def _spools(options: AlertOptions, metrics: AlertMetrics, report: Report) -> "AlertSpools | None":
    if not options.spool_dir:
        return None
    from auditproxy.notifiers.alertspools import AlertSpoolConfig, AlertSpools

    return AlertSpools(
        AlertSpoolConfig(
            folder=Path(options.spool_dir),
            maximum_bytes=options.spool_max_bytes,
            full=options.spool_full_policy,
        ),
        metrics,
        operatorlog.limited(report, time.monotonic),
    )


def describe_alerts(files: Files, options: AlertOptions) -> str:
    """The start-up line about alerts; "" where there are no rules."""
    if files.alert_rules is None or files.alert_targets is None:
        return ""
    count = len(files.alert_rules.rules)
    names = ", ".join(target.name for target in files.alert_targets.targets)
    spooled = files.alert_targets.spooled
    spool = ""
    if options.spool_dir and spooled:
        spool = f"; through the spool of {ALERT_SPOOL}: {', '.join(spooled)}"
    elif options.spool_dir:
        spool = f"; {ALERT_SPOOL} is not used: no destination is a webhook or Slack"
    return f"alerts: {count} {'rule' if count == 1 else 'rules'}, to {names}{spool}"


def replace_alerts(
    dispatcher: AlertDispatcher, changes: Mapping[str, Any], metrics: AlertMetrics, report: Report
) -> None:
    """Use other values of the fields of Files that ``changes`` names, after a reload."""
    if "alert_rules" in changes:
        dispatcher.replace_rules(changes["alert_rules"])
    if "alert_targets" in changes:
        targets: AlertTargets = changes["alert_targets"]
        found = open_notifiers(targets, metrics, report, spools=dispatcher.spools, is_running=True)
        dispatcher.replace_notifiers(found, targets.labels)


def open_notifiers(
    targets: AlertTargets,
    metrics: AlertMetrics,
    report: Report,
    write: Callable[[Alert], None] | None = None,
    *,
    spools: "AlertSpools | None" = None,
    is_running: bool = False,
) -> tuple[Notifier, ...]:
    """A notifier for each server of each destination; nothing is connected yet.

    Raises Unusable where a folder of ``spools`` cannot be used; of a proxy that ``is_running``
    the alerts of that destination wait in memory instead, which is said.
    """
    found: list[Notifier] = []
    for target in targets.targets:
        if target.kind == "standardError":
            found.append(
                LineNotifier(
                    target.name,
                    write or write_line,
                    metrics,
                    resolved=target.send_resolved,
                    minimum_severity=target.minimum_severity,
                )
            )
        for index, client in enumerate(_clients(target)):
            name = f"{target.name}/{index}" if len(target.servers) > 1 else target.name
            if spools is not None and target.is_spooled:
                try:
                    found.append(
                        spools.notifier(
                            name,
                            client,
                            resolved=target.send_resolved,
                            minimum_severity=target.minimum_severity,
                            labels=targets.labels,
                        )
                    )
                    continue
                except OSError as error:
                    folder = str(spools.config.folder / name)
                    fault = unusable(ALERT_SPOOL, folder, error.strerror or str(error))
                    if not is_running:
                        raise Unusable(fault) from None
                    report(f"{fault}; its alerts wait in memory until the file is read again")
            found.append(
                Outbox(
                    name,
                    client,
                    metrics,
                    clock=time.time_ns,
                    sleep=asyncio.sleep,
                    random=random.random,
                    report=report,
                    every_state=target.kind == "alertmanager",
                    resolved=target.send_resolved,
                    minimum_severity=target.minimum_severity,
                )
            )
    return tuple(found)


def write_line(alert: Alert) -> None:
    """Write an alert to the operators' log."""
    operatorlog.warn(one_line(alert_line(alert)))


def _clients(target: AlertTarget) -> tuple[Client, ...]:
    if target.kind == "alertmanager":
        return tuple(
            AlertmanagerClient(server, clock=time.monotonic, sleep=asyncio.sleep)
            for server in target.servers
        )
    body = slack_body if target.kind == "slack" else default_body
    if target.message is not None:
        body = target.message.body
    return tuple(
        AlertWebhookClient(server, body, clock=time.monotonic, sleep=asyncio.sleep)
        for server in target.servers
    )
