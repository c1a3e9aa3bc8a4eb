"""``auditproxy events``: its flags, and which of its parts runs."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.commands.events.flags import (
    COLORS,
    EXAMPLES,
    FILTERS,
    OUTPUTS,
    QUERY_FLAGS,
    QUERY_OUTPUTS,
    SHOW_FLAGS,
    SHOW_OUTPUTS,
    WORDS,
)
from auditproxy.commands.events.flags import FLAGS as FLAGS
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import Parsed


def run_events(parsed: Parsed) -> int:
    """Run one of WORDS; the exit code. Raises Unusable."""
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    word, arguments = _arguments(parsed.arguments, list(parsed.faults))
    if word == "query":
        return _query(arguments, parsed)
    from auditproxy.app.localzone import LocalZone, unknown_zone
    from auditproxy.reading.trail.newest import MOST

    faults = list(parsed.faults)
    of_word = " of auditproxy events show" if word == "show" else ""
    outputs = SHOW_OUTPUTS if word == "show" else OUTPUTS
    for flag, known, of in (("output", outputs, of_word), ("color", COLORS, "")):
        if settings[flag] not in known:
            faults.append(f"--{flag}{of} must be one of {', '.join(known)}")
    if not 1 <= settings["limit"] <= MOST:
        faults.append(f"--limit must be from 1 to {MOST}")
    zone: tzinfo = UTC
    if settings["local-time"]:
        zone = LocalZone()
        if unknown := unknown_zone(os.environ):
            faults.append(f"--local-time: {unknown}")
    now = time.time_ns()
    since, until = _limits(settings, now, zone, faults)
    conditions = _conditions(settings, faults)
    misplaced = list(EVENTS.misplaced(word, parsed.values))
    if word == "show" and not misplaced:
        misplaced += [
            f"--{name} is not a flag of auditproxy events show, which shows one request"
            for name in parsed.values
            if name not in SHOW_FLAGS
        ]
    faults += misplaced
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
        is_colored=is_colored(settings["color"], sys.stdout.isatty(), os.environ),
        width=terminal_width() if sys.stdout.isatty() else None,
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


def _query(arguments: Sequence[str], parsed: Parsed) -> int:
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    faults = list(parsed.faults)
    for flag, known in (("output", QUERY_OUTPUTS), ("color", COLORS)):
        if settings[flag] not in known:
            faults.append(f"--{flag} of auditproxy events query must be one of {', '.join(known)}")
    for name in parsed.values:
        if name not in QUERY_FLAGS:
            faults.append(
                f"--{name} is not a flag of auditproxy events query; say it in the statement"
            )
    if settings["timeout"] <= 0:
        faults.append("--timeout must be more than 0s")
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.events.querying import run_query
    from auditproxy.commands.events.tabulating import Laid
    from auditproxy.reading.trail.sources import files_of

    is_terminal = sys.stdout.isatty()
    how = Laid(
        output=settings["output"],
        is_colored=is_colored(settings["color"], is_terminal, os.environ),
        width=terminal_width() if is_terminal else None,
    )
    statement, *logs = arguments
    with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
        files = files_of(logs, spool)
        seconds = settings["timeout"] / SECOND
        target = settings["save"]
        return run_query(statement, files, how, sys.stdout, sys.stderr, spool, seconds, target)


def _limits(
    settings: Mapping[str, Any], now: int, zone: tzinfo, faults: list[str]
) -> tuple[int | None, int | None]:
    """When requests began that are wanted, from and before, in nanoseconds; adds faults."""
    from auditproxy.reading.meaning.moments import moment

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
    return since, until


def _conditions(settings: Mapping[str, Any], faults: list[str]) -> Any:
    from auditproxy.reading.meaning.conditions import conditions_of

    found: list[Any] = []
    for name in FILTERS:
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
    if word == "query" and len(rest) < 2:
        raise Unusable(*faults, "auditproxy events query needs a statement in SQL and a log")
    if not rest:
        raise Unusable(
            *faults,
            f"auditproxy events {word} needs a log: a file, a folder, or - for standard input, "
            "such as /var/log/kubernetes/audit.log, /var/log/kubernetes/ or "
            "/var/lib/rancher/k3s/server/logs/audit.log",
        )
    return word, rest


def is_colored(wanted: str, is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Colours only where they are wanted: https://no-color.org, and dumb terminals."""
    if wanted != "auto":
        return wanted == "always"
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return is_terminal


def terminal_width() -> int:
    """Columns of the terminal that is standard output."""
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
    "request whole (show), requests as they come (tail), or answers to SQL (query).",
    FLAGS,
    _events,
    EXAMPLES,
    words=WORDS,
    operand="[AUDIT-ID|SQL] LOG...",
    operands={
        "list": "LOG...",
        "show": "AUDIT-ID LOG...",
        "tail": "LOG...",
        "query": "SQL LOG...",
    },
)
"""The subcommand, for the table of cli.py."""
