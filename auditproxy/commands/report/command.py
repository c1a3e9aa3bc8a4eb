"""``auditproxy report``: its words, flags and examples, and what of it runs."""

import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.commands.events import command as events
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import HELP, INT, STRING, Flag, Parsed

if TYPE_CHECKING:
    from auditproxy.app.standardstreams import Output

WORDS = ("access", "activity", "deprecated", "noise")
OUTPUTS = ("text", "json", "html")
MOST_SHOWN = 100_000
_FILTERS = (
    "user",
    "group",
    "kind",
    "verb",
    "resource",
    "namespace",
    "name",
    "code",
    "source-ip",
    "user-agent",
)

FLAGS = (
    *(flag for flag in events.FLAGS if flag.name in (*_FILTERS, "since", "until")),
    Flag(
        "output",
        STRING,
        "text",
        "text, json (one object), or html (one file with charts that needs no network).",
        shorthand="o",
        choices=OUTPUTS,
    ),
    Flag(
        "limit",
        INT,
        20,
        "How many rows of each table to show; json has them all. At most 100000.",
    ),
    HELP,
)
"""Every flag of ``auditproxy report``."""

EXAMPLES = (
    (
        "Who read secrets, was in containers, used rights of others, and was refused this week.",
        "auditproxy report access /var/log/kubernetes/ --since=7d",
    ),
    (
        "What people were refused in a namespace, as JSON.",
        "auditproxy report access audit.log --kind=human -n shop -o json | jq .sections.refused",
    ),
    (
        "Who was active on which days, and which addresses are new.",
        "auditproxy report activity audit*.log* --kind=human",
    ),
    (
        "Who has to change something before an upgrade.",
        "auditproxy report deprecated audit*.log*",
    ),
    (
        "One file for a browser, with charts.",
        "auditproxy report access /var/log/kubernetes/ --since=30d -o html > access.html",
    ),
    (
        "What fills the log, and the policy rules that would drop it.",
        "auditproxy report noise audit.log",
    ),
)
"""What help shows first: a comment and a command line."""

_MEANINGS = {
    "access": "Who touched secrets, was inside a container, used or changed rights, and was "
    "refused, by user and namespace.",
    "activity": "Who was active on which days, since when, and from which new addresses.",
    "deprecated": "Who calls deprecated APIs, with which program, and when they are removed.",
    "noise": "What fills the log, in events, bytes and GB a day, and the rule of a policy that "
    "would drop each part.",
}


def run_report(parsed: Parsed, out: "Output", err: "Output") -> int:
    """Run the command line; the exit code. Raises Unusable."""
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    faults = list(parsed.faults)
    word, *logs = parsed.arguments or ("",)
    if word not in WORDS:
        given = f", not {go_quote(word)}" if word else ""
        faults.append(f"auditproxy report takes one of {', '.join(WORDS)} first{given}")
    elif not logs:
        faults.append(
            f"auditproxy report {word} needs a log: a file, a folder, or - for standard input"
        )
    if settings["output"] not in OUTPUTS:
        faults.append(f"--output must be one of {', '.join(OUTPUTS)}")
    if not 1 <= settings["limit"] <= MOST_SHOWN:
        faults.append(f"--limit must be from 1 to {MOST_SHOWN}")
    task = _task(word, settings, faults)
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.report.reporting import run

    with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
        return run(task, logs, spool, settings["output"], settings["limit"], out, err)


def _task(word: str, settings: dict[str, Any], faults: list[str]) -> Any:
    from auditproxy.commands.report.period import period_of
    from auditproxy.reading.meaning.conditions import COLUMNS, conditions_of
    from auditproxy.reading.reports.blockpass import PassTask

    since, until = period_of(settings["since"], settings["until"], time.time_ns(), faults)
    found: list[Any] = []
    for name in _FILTERS:
        try:
            found += conditions_of({name: settings[name]})
        except ValueError as error:
            faults.append(f"--{name} {error}")
    conditions = tuple(sorted(found, key=lambda condition: COLUMNS.index(condition.column)))
    return PassTask(word, conditions, since, until)


def _report(parsed: Parsed) -> int:
    code = run_report(parsed, sys.stdout, sys.stderr)
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


REPORT = Command(
    "report",
    "Report on whole audit logs: access to secrets, containers and rights (access), who was "
    "active (activity), calls of deprecated APIs (deprecated), what fills the log (noise).",
    FLAGS,
    _report,
    EXAMPLES,
    words=WORDS,
    operand="LOG...",
    meanings=_MEANINGS,
)
"""The subcommand, for the table of cli.py."""
