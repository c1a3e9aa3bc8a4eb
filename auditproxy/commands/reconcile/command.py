"""``auditproxy reconcile``: its flags and examples, which help and completion need."""

import sys
import tempfile

from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import SECOND
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import DURATION, HELP, INT, LIST, STRING, Flag, Parsed

OUTPUTS = ("text", "json")

FLAGS = (
    Flag(
        "ignore-user",
        LIST,
        (),
        "Users that may go to the API server directly, such as system:node:*; their requests are "
        "only a number. The user is the one that authenticated, not the impersonated one.",
    ),
    Flag("limit", INT, 50, "text: how many requests and users each table shows: the newest."),
    Flag(
        "output",
        STRING,
        "text",
        "text; json has an object for each request that bypassed the proxy or differs, and one "
        "of all numbers at the end.",
        shorthand="o",
        choices=OUTPUTS,
    ),
    Flag("timeout", DURATION, 1800 * SECOND, "The time after which the comparison is ended."),
    HELP,
)
"""Every flag of ``auditproxy reconcile``."""

EXAMPLES = (
    (
        "What reached the API server and did not come through the proxy.",
        "auditproxy reconcile /var/log/auditproxy/ kube-apiserver-audit.log",
    ),
    (
        "With an export of EKS, without what the cluster's own parts do.",
        "auditproxy reconcile proxy-logs/ cloudwatch.json --ignore-user='system:*,eks:*'",
    ),
    (
        "For another program.",
        "auditproxy reconcile proxy-logs/ aks.json --output=json | jq .finding",
    ),
)
"""What help shows first: a comment and a command line."""


def _reconcile(parsed: Parsed) -> int:
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    faults = list(parsed.faults)
    if len(parsed.arguments) != 2:
        faults.append(
            "auditproxy reconcile takes two logs: the proxy's, and that of the API server or its "
            "cloud; each is a file, a folder, a pattern in quotes, or - for standard input"
        )
    if parsed.arguments == ("-", "-"):
        faults.append("only one of the logs can be standard input")
    if settings["output"] not in OUTPUTS:
        faults.append(f"--output must be one of {', '.join(OUTPUTS)}")
    if settings["limit"] < 1:
        faults.append("--limit must be 1 or more")
    if settings["timeout"] <= 0:
        faults.append("--timeout must be more than 0s")
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.reconcile.printing import JsonReport, TextReport
    from auditproxy.commands.reconcile.running import run_reconcile
    from auditproxy.reading.trail.saved import import_duckdb
    from auditproxy.reading.trail.sources import files_of

    import_duckdb("auditproxy reconcile")
    is_json = settings["output"] == "json"
    report = JsonReport(sys.stdout) if is_json else TextReport(sys.stdout, settings["limit"])
    with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
        ours, theirs = (files_of([argument], spool) for argument in parsed.arguments)
        code = run_reconcile(
            ours,
            theirs,
            settings["ignore-user"],
            report,
            sys.stderr,
            spool,
            settings["timeout"] / SECOND,
        )
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


RECONCILE = Command(
    "reconcile",
    "Compare the proxy's audit log with that of the API server, or its export from EKS, GKE or "
    "AKS: what bypassed the proxy, what differs, and what the other log lacks and why. Exit codes: "
    "0 when nothing was found, 1 when something bypassed the proxy or differs, 2 when a log or a "
    "flag cannot be used.",
    FLAGS,
    _reconcile,
    EXAMPLES,
    operand="PROXY-LOG CLOUD-LOG",
)
"""The subcommand, for the table of cli.py."""
