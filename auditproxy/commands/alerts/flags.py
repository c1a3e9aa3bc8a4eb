"""The words, flags and examples of ``auditproxy alerts``: what help and completion need."""

from auditproxy.flags.pflag import HELP, STRING, Flag
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
