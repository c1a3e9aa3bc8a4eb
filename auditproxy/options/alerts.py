"""Alerts: which rules, and where what fires is sent."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.options.declared import Declared

BUILTIN = "builtin"
"""The value of --alert-rules-file for the rules that are shipped."""


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


def alert_faults(alerts: AlertOptions) -> list[str]:
    """Faults of the alert flags among themselves."""
    faults = []
    if alerts.destinations_file and not alerts.rules_file:
        faults.append(
            "--alert-destinations-file needs --alert-rules-file; name a file of rules, or builtin"
        )
    if alerts.queue_size < 1:
        faults.append(f"--alert-queue-size must be at least 1, is {alerts.queue_size}")
    return faults
