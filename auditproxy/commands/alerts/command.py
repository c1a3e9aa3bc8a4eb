"""``auditproxy alerts``: its words, flags and examples, which help and completion need."""

import sys
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import HELP, STRING, Flag, Parsed
from auditproxy.options.alerts import BUILTIN

if TYPE_CHECKING:
    from auditproxy.app.standardstreams import Output

WORDS = ("check", "test", "rules")
OUTPUTS = ("table", "json")

FLAGS = (
    Flag(
        "rules",
        STRING,
        BUILTIN,
        "Rules for alerts test: a file, as --alert-rules-file of auditproxy serve names it, or "
        "builtin for those that are shipped.",
    ),
    Flag(
        "output",
        STRING,
        "table",
        "What alerts test prints: table, or json for one object per alert and line.",
        shorthand="o",
        choices=OUTPUTS,
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


def run_alerts(parsed: Parsed, out: "Output", err: "Output") -> int:
    """Run the command line; the exit code. Raises Unusable for what cannot be used."""
    word, *rest = parsed.arguments or ("",)
    faults = list(parsed.faults)
    if word not in WORDS:
        given = f", not {go_quote(word)}" if word else ""
        faults.append(f"auditproxy alerts takes {', '.join(WORDS[:-1])} or {WORDS[-1]}{given}")
    elif word == "rules" and rest:
        faults.append("auditproxy alerts rules does not take any arguments")
    elif word != "rules" and not rest:
        what = "the file to check" if word == "check" else "a log, - for standard input"
        faults.append(f"auditproxy alerts {word} needs {what}")
    if parsed.values.get("output", OUTPUTS[0]) not in OUTPUTS:
        faults.append(f"--output must be one of {', '.join(OUTPUTS)}")
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.alerts import running

    if word == "rules":
        return running.rules(out)
    if word == "check":
        return running.check(rest, out, err)
    return running.test(parsed.values, rest, out, err)


def _alerts(parsed: Parsed) -> int:
    code = run_alerts(parsed, sys.stdout, sys.stderr)
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


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
