"""Alerts: which rules, and where what fires is sent."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.units import MEBIBYTE
from auditproxy.options.declared import Declared
from auditproxy.options.spool import SMALLEST_SPOOL
from auditproxy.options.values import choice

BUILTIN = "builtin"
"""The value of --alert-rules-file for the rules that are shipped."""
ALERT_SPOOL_POLICIES = ("drop-oldest", "block")
"""No refuse: no request waits for an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOptions:
    """Alerts about audit events and lines of the session log."""

    rules_file: Annotated[
        str,
        Declared(
            "alert-rules-file",
            "path",
            "Alert rules for audit events and lines of the session log, an AlertRules file; "
            "builtin means the rules that auditproxy alerts rules prints. Empty means no alerts.",
            words=(BUILTIN,),
        ),
    ] = ""
    destinations_file: Annotated[
        str,
        Declared(
            "alert-destinations-file",
            "path",
            "Where alerts are sent: Alertmanagers, Slack, other webhooks, standard error; an "
            "AlertDestinations file. Empty means standard error.",
        ),
    ] = ""
    queue_size: Annotated[
        int,
        Declared(
            "alert-queue-size",
            "int",
            "Events that wait for the alert rules; further ones are not evaluated, and counted.",
        ),
    ] = 10_000
    spool_dir: Annotated[
        str,
        Declared(
            "alert-spool-dir",
            "path",
            "Folder in which alerts for webhooks and Slack are kept on the disk until they have "
            "acknowledged them, across restarts, with a folder of its own in it for each "
            "destination; sending is tried without end. One process uses it. Empty means no "
            "spool: alerts wait in memory.",
        ),
    ] = ""
    spool_max_bytes: Annotated[
        int,
        Declared(
            "alert-spool-max-bytes",
            "bytes",
            "Maximum size of the files in the spool of one destination of alerts.",
        ),
    ] = 64 * MEBIBYTE
    spool_full_policy: Annotated[
        str,
        Declared(
            "alert-spool-full-policy",
            "string",
            "What happens to alerts when the spool of their destination is full: drop-oldest (the "
            "oldest ones make room, and an alert with their number takes their place) or block "
            "(new ones wait in memory, and are dropped when too many do).",
            choices=ALERT_SPOOL_POLICIES,
        ),
    ] = "drop-oldest"
    """One of ALERT_SPOOL_POLICIES."""


def alert_faults(alerts: AlertOptions) -> list[str]:
    """Faults of the alert flags among themselves."""
    faults = []
    if alerts.destinations_file and not alerts.rules_file:
        faults.append(
            "--alert-destinations-file needs --alert-rules-file; name a file of rules, or builtin"
        )
    if alerts.queue_size < 1:
        faults.append(f"--alert-queue-size must be at least 1, is {alerts.queue_size}")
    return faults + _spool_faults(alerts)


def _spool_faults(alerts: AlertOptions) -> list[str]:
    defaults = AlertOptions()
    faults = choice("alert-spool-full-policy", alerts.spool_full_policy, ALERT_SPOOL_POLICIES)
    if alerts.spool_dir and not alerts.destinations_file:
        faults.append(
            "--alert-spool-dir has no effect without --alert-destinations-file; give both, or "
            "remove it"
        )
    for name, changed in (
        ("max-bytes", alerts.spool_max_bytes != defaults.spool_max_bytes),
        ("full-policy", alerts.spool_full_policy != defaults.spool_full_policy),
    ):
        if changed and not alerts.spool_dir:
            faults.append(
                f"--alert-spool-{name} has no effect without --alert-spool-dir; give both, or "
                "remove it"
            )
    if alerts.spool_max_bytes < SMALLEST_SPOOL:
        faults.append("--alert-spool-max-bytes must be at least 1Mi; the default is 64Mi")
    return faults
