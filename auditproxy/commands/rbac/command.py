"""``auditproxy rbac``: its words, flags and examples, and which of its parts runs."""

import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from auditproxy.apis.faults import Unusable
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, HELP, INT, LIST, STRING, Flag, Parsed

if TYPE_CHECKING:
    from auditproxy.app.standardstreams import Output

WORDS = ("derive", "unused")
OUTPUTS = {"derive": ("yaml", "json"), "unused": ("text", "json")}

FLAGS = (
    Flag(
        "user",
        LIST,
        (),
        "Only these users: alice, *@example.com, shop/web for a service account. A request that "
        "was made as another user is that one's. Empty means people and service accounts.",
    ),
    Flag(
        "group",
        STRING,
        "",
        "This group, with what all its members did, instead of each user.",
    ),
    Flag(
        "since",
        STRING,
        "",
        "Only requests that came at this time or later: a duration before now such as 2h or 7d, "
        "yesterday, 14:02, 'tuesday 09:00', a date, or a date and time. UTC without a zone.",
    ),
    Flag("until", STRING, "", "Only requests that came before this time."),
    Flag(
        "manifests",
        LIST,
        (),
        "unused: The cluster's RBAC: files of YAML or JSON, or folders of them, as kubectl get "
        "clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml writes it.",
    ),
    Flag(
        "resource-names",
        INT,
        5,
        "derive: A rule has resourceNames if its requests named at most so many objects. 0 is "
        "never.",
    ),
    Flag(
        "namespaces",
        INT,
        1000,
        "derive: A right has a Role in each namespace if it was used in at most so many of them, "
        "else it holds in all. 0 is always in all, as controllers need that work in namespaces "
        "yet to come.",
    ),
    Flag(
        "escalation",
        BOOL,
        False,
        "derive: Include the verbs escalate and bind for who wrote roles or bindings, because no "
        "log shows whether a request needed them. Who has them can grant every right.",
    ),
    Flag(
        "defaults",
        BOOL,
        False,
        "derive: Include what every authenticated user may by the roles that a cluster begins "
        "with: discovery and self reviews.",
    ),
    Flag(
        "output",
        STRING,
        "",
        "json (one List, or one object), instead of YAML, or of the text of unused.",
        shorthand="o",
        choices=("yaml", "json", "text"),
    ),
    HELP,
)
"""Every flag of ``auditproxy rbac``."""

EXAMPLES = (
    (
        "Roles and bindings with what each user and service account did in a month.",
        "auditproxy rbac derive /var/log/kubernetes/ --since=30d",
    ),
    (
        "Of one service account; the output can be applied.",
        "auditproxy rbac derive audit*.log* --user=shop/reporter > roles.yaml",
    ),
    (
        "One role for all members of a group.",
        "auditproxy rbac derive audit*.log* --group=developers",
    ),
    (
        "Of controllers, which work in namespaces yet to come and write roles.",
        "auditproxy rbac derive audit*.log* --user='kube-system/*' --namespaces=0 --escalation",
    ),
    (
        "Rights of the cluster without a use in a month.",
        "auditproxy rbac unused --manifests=rbac.yaml /var/log/kubernetes/ --since=30d",
    ),
)
"""What help shows first: a comment and a command line."""

_MEANINGS = {
    "derive": "Print Roles, ClusterRoles and bindings that allow what users did, and no more.",
    "unused": "Print which granted rights were used, and which were not.",
}


def run_rbac(parsed: Parsed, out: "Output", err: "Output") -> int:
    """Run the command line; the exit code. Raises Unusable."""
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    faults = list(parsed.faults)
    arguments = list(parsed.arguments)
    # Roles are what is meant without a word.
    word = arguments.pop(0) if arguments and arguments[0] in WORDS else "derive"
    if not arguments:
        faults.append(
            f"auditproxy rbac {word} needs a log: a file, a folder, or - for standard input"
        )
    output = settings["output"] or OUTPUTS[word][0]
    if output not in OUTPUTS[word]:
        faults.append(f"--output must be one of {', '.join(OUTPUTS[word])}")
    _check(settings, faults, word)
    task = _task(settings, faults)
    if faults:
        raise Unusable(*faults)
    with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
        if word == "unused":
            from auditproxy.commands.rbac.finding import run_unused

            return run_unused(task, arguments, spool, settings, output, out, err)
        from auditproxy.commands.rbac.deriving import run_derive

        return run_derive(task, arguments, spool, settings, output, out, err)


def _check(settings: dict[str, Any], faults: list[str], word: str) -> None:
    from auditproxy.reading.rbac.roles import MOST_NAMES, MOST_NAMESPACES

    if word == "unused" and not settings["manifests"]:
        faults.append("--manifests must name the files with the cluster's RBAC")
    if word == "derive" and settings["manifests"]:
        faults.append("--manifests is a flag of auditproxy rbac unused")
    if not 0 <= settings["resource-names"] <= MOST_NAMES:
        faults.append(f"--resource-names must be from 0 to {MOST_NAMES}")
    if not 0 <= settings["namespaces"] <= MOST_NAMESPACES:
        faults.append(f"--namespaces must be from 0 to {MOST_NAMESPACES}")


def _task(settings: dict[str, Any], faults: list[str]) -> Any:
    from auditproxy.commands.report.period import period_of
    from auditproxy.reading.meaning.conditions import conditions_of
    from auditproxy.reading.reports.blockpass import PassTask

    since, until = period_of(settings["since"], settings["until"], time.time_ns(), faults)
    # A user is compared with who a request was made as, which only keys say.
    conditions = conditions_of({"group": [settings["group"]]})
    return PassTask("rbac", conditions, since, until)


def _rbac(parsed: Parsed) -> int:
    code = run_rbac(parsed, sys.stdout, sys.stderr)
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


RBAC = Command(
    "rbac",
    "Make least-privilege roles of what users did (derive), and find rights without use (unused).",
    FLAGS,
    _rbac,
    EXAMPLES,
    words=WORDS,
    operand="LOG...",
    meanings=_MEANINGS,
)
"""The subcommand, for the table of cli.py."""
