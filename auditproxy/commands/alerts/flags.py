"""``auditproxy alerts``: its words, flags and examples, which help and completion need."""

import sys

from auditproxy.flags.command import Command
from auditproxy.flags.pflag import HELP, STRING, Flag, Parsed
from auditproxy.options.alerts import BUILTIN

WORDS = ("check", "test", "rules")
OUTPUTS = ("table", "json")

FLAGS = (
    Flag(
        "rules",
        STRING,
        BUILTIN,
        "Rules for alerts test: a file, or builtin for those that are shipped.",
    ),
    Flag(
        "output",
        STRING,
        "table",
        "What alerts test prints: table, or json for one object per alert and line.",
        shorthand="o",
    ),
    HELP,
)
"""Every flag of ``auditproxy alerts``."""

EXAMPLES = (
    ("Copy the shipped rules, to change them.", "auditproxy alerts rules > rules.yaml"),
    ("Validate a file, and run its own tests.", "auditproxy alerts check rules.yaml"),
    ("What the shipped rules say about a log.", "auditproxy alerts test audit.log"),
    (
        "Rules of your own, and rotated logs, kube-apiserver's too.",
        "auditproxy alerts test --rules=rules.yaml audit-*.log.gz audit.log",
    ),
    ("For another program.", "auditproxy alerts test --output=json audit.log | jq .name"),
)
"""What help shows first: a comment and a command line."""


def _alerts(parsed: Parsed) -> int:
    from auditproxy.commands.alerts.command import run_alerts

    return run_alerts(parsed, sys.stdout, sys.stderr)


ALERTS = Command(
    "alerts",
    "Validate alert rules and run their tests (check), say which events of existing logs would "
    "have fired (test), or print the shipped rules (rules).",
    FLAGS,
    _alerts,
    EXAMPLES,
    words=WORDS,
    operand="FILE",
)
"""The subcommand, for the table of cli.py."""
