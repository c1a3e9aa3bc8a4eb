"""``auditproxy events``: its flags, and which of its parts runs."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, HELP, INT, LIST, STRING, Flag, Parsed

WORDS = ("list", "show", "tail")
OUTPUTS = ("table", "wide", "json", "yaml", "csv", "name")
COLORS = ("auto", "always", "never")
_FILTERS = (
    "user",
    "group",
    "kind",
    "verb",
    "resource",
    "namespace",
    "name",
    "code",
    "audit-id",
    "source-ip",
    "user-agent",
)

FLAGS = (
    Flag(
        "user",
        LIST,
        (),
        "Only requests of these users, or made as them: alice, *@example.com, shop/web for a "
        "service account, node/worker-1. As in every filter, several values mean any of them, an "
        "asterisk stands for anything, and !alice means all but alice.",
    ),
    Flag("group", LIST, (), "Only requests of users in these groups."),
    Flag(
        "kind",
        LIST,
        (),
        "Only requests of humans, or of serviceaccount, node, control-plane, anonymous or unknown "
        "(a failed login has no user), by the form of their names.",
    ),
    Flag("verb", LIST, (), "Only these verbs: get, list, watch, create, update, patch, delete ..."),
    Flag(
        "resource",
        LIST,
        (),
        "Only these resources: secrets, pods/exec, pods/*, */scale, deployments.apps, or a short "
        "name such as cm. pods means pods alone, and none of their subresources.",
    ),
    Flag("namespace", LIST, (), "Only requests for objects in these namespaces.", shorthand="n"),
    Flag("name", LIST, (), "Only requests for objects with these names."),
    Flag("code", LIST, (), "Only answers with these HTTP codes or classes: 403, 4xx."),
    Flag(
        "since",
        STRING,
        "",
        "Only requests that came at this time or later: a duration before now such as 2h or 7d, "
        "yesterday, 14:02, a date, or a date and time. UTC without a zone.",
    ),
    Flag(
        "until",
        STRING,
        "",
        "Only requests that came before this time; a date alone includes the whole day.",
    ),
    Flag("audit-id", LIST, (), "Only requests with these audit IDs; an asterisk is allowed."),
    Flag("source-ip", LIST, (), "Only requests with one of these among their source addresses."),
    Flag("user-agent", LIST, (), "Only requests of these programs, such as kubectl*."),
    Flag(
        "where",
        STRING,
        "",
        "list: only requests for which this expression in SQL is true, over the columns that "
        "docs/reading.md names, such as \"seconds > 1 AND verb = 'get'\". Needs the extra explore.",
    ),
    Flag(
        "output",
        STRING,
        "table",
        "table, wide, json (one object per request and line), yaml, csv, or name (audit IDs).",
        shorthand="o",
    ),
    Flag(
        "diff", BOOL, False, "Below each write, what it set or changed, where bodies are recorded."
    ),
    Flag("limit", INT, 50, "How many requests to show: the newest. At most 100000."),
    Flag(
        "follow",
        BOOL,
        False,
        "tail: continue with the requests that come, across rotation, until Ctrl-C.",
        shorthand="f",
    ),
    Flag("reverse", BOOL, False, "Oldest first."),
    Flag("local-time", BOOL, False, "Show and read times in the local time zone instead of UTC."),
    Flag(
        "session-log",
        LIST,
        (),
        "show: session logs that have the commands that were entered on terminals.",
    ),
    Flag("color", STRING, "auto", "auto, always or never. auto means on a terminal."),
    HELP,
)
"""Every flag of ``auditproxy events``."""

EXAMPLES = (
    (
        "The newest requests in a log and what was rotated from it.",
        "auditproxy events list /var/log/kubernetes/",
    ),
    (
        "Who used a shell in a pod of a namespace this week.",
        "auditproxy events list audit*.log* --resource=pods/exec -n shop --since=7d",
    ),
    (
        "Requests as they come, of people alone.",
        "auditproxy events tail --follow --kind=human /var/log/kubernetes/audit.log",
    ),
    (
        "One request whole; the first characters of its audit ID are enough.",
        "auditproxy events show 6a1c9d3e /var/log/kubernetes/",
    ),
    (
        "What people were refused, as JSON.",
        "auditproxy events list audit.log --kind=human --code=4xx --output=json | jq .sentence",
    ),
    (
        "What changed, from kubectl logs.",
        "kubectl logs -n audit proxy-0 | auditproxy events list - --verb=patch --diff",
    ),
)
"""What help shows first: a comment and a command line."""


def run_events(parsed: Parsed) -> int:
    """Run one of WORDS; the exit code. Raises Unusable."""
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    word, arguments = _arguments(parsed.arguments, list(parsed.faults))
    from auditproxy.reading.meaning.moments import moment
    from auditproxy.reading.trail.newest import MOST

    faults = list(parsed.faults)
    for flag, known in (("output", OUTPUTS), ("color", COLORS)):
        if settings[flag] not in known:
            faults.append(f"--{flag} must be one of {', '.join(known)}")
    if not 1 <= settings["limit"] <= MOST:
        faults.append(f"--limit must be from 1 to {MOST}")
    zone: tzinfo = _local_zone() if settings["local-time"] else UTC
    now = time.time_ns()
    limits: dict[str, int | None] = {"since": None, "until": None}
    for name in limits:
        try:
            if settings[name]:
                limits[name] = moment(settings[name], now, zone, is_end=name == "until")
        except ValueError as error:
            faults.append(f"--{name} {go_quote(settings[name])} {error}")
    since, until = limits["since"], limits["until"]
    if since is not None and until is not None and since >= until:
        faults.append(
            f"--since={settings['since']} is not before --until={settings['until']}, so no request "
            "can match; exchange them, or change one"
        )
    conditions = _conditions(settings, faults)
    if settings["where"] and word != "list":
        faults.append("--where is a flag of auditproxy events list")
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.events.listing import run_list
    from auditproxy.commands.events.printing import Shown
    from auditproxy.commands.events.showing import run_show
    from auditproxy.commands.events.tailing import run_stream, run_tail
    from auditproxy.reading.trail.scanning import Search
    from auditproxy.reading.trail.sources import files_of

    search = Search(conditions=conditions, since=since, until=until)
    shown = Shown(
        output=settings["output"],
        diff=settings["diff"],
        limit=settings["limit"],
        oldest_first=settings["reverse"],
        zone=zone,
        now=now,
        is_colored=_is_colored(settings["color"], sys.stdout.isatty(), os.environ),
        width=_width() if sys.stdout.isatty() else None,
    )
    with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
        if word == "show":
            audit_id, *logs = arguments
            files = files_of(logs, spool)
            return run_show(audit_id, files, settings["session-log"], shown, sys.stdout, sys.stderr)
        if word == "tail" and list(arguments) == ["-"]:
            return run_stream(search, shown, sys.stdout, sys.stderr)
        files = files_of(arguments, spool)
        if word == "tail":
            return run_tail(files, search, shown, sys.stdout, sys.stderr, follow=settings["follow"])
        if settings["where"]:
            from auditproxy.commands.events.where import narrowed

            search = narrowed(files, search, settings["where"], shown.limit, spool)
        return run_list(files, search, shown, sys.stdout, sys.stderr)


def _conditions(settings: Mapping[str, Any], faults: list[str]) -> Any:
    from auditproxy.reading.meaning.conditions import conditions_of

    found: list[Any] = []
    for name in _FILTERS:
        try:
            found += conditions_of({name: settings[name]})
        except ValueError as error:
            faults.append(f"--{name} {error}")
    from auditproxy.reading.meaning.conditions import COLUMNS

    return tuple(sorted(found, key=lambda condition: COLUMNS.index(condition.column)))


def _arguments(arguments: Sequence[str], faults: list[str]) -> tuple[str, Sequence[str]]:
    if not arguments or arguments[0] not in WORDS:
        given = f", not {go_quote(arguments[0])}" if arguments else ""
        raise Unusable(*faults, f"auditproxy events takes one of {', '.join(WORDS)} first{given}")
    word, *rest = arguments
    if word == "show" and len(rest) < 2:
        raise Unusable(*faults, "auditproxy events show needs an audit ID and a log")
    if not rest:
        raise Unusable(
            *faults,
            f"auditproxy events {word} needs a log: a file, a folder, or - for standard input, "
            "such as /var/log/kubernetes/audit.log, /var/log/kubernetes/ or "
            "/var/lib/rancher/k3s/server/logs/audit.log",
        )
    return word, rest


def _local_zone() -> tzinfo:
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    return zone


def _is_colored(wanted: str, is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Colours only where they are wanted: https://no-color.org, and dumb terminals."""
    if wanted != "auto":
        return wanted == "always"
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return is_terminal


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _events(parsed: Parsed) -> int:
    code = run_events(parsed)
    # Here a reader that has gone away is known as one, and not at exit.
    sys.stdout.flush()
    return code


EVENTS = Command(
    "events",
    "Read audit logs, of auditproxy or of kube-apiserver: one line for each request (list), one "
    "request whole (show), or requests as they come (tail).",
    FLAGS,
    _events,
    EXAMPLES,
    words=WORDS,
    operand="[AUDIT-ID] LOG...",
)
"""The subcommand, for the table of cli.py."""
