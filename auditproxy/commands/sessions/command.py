"""``auditproxy sessions``: its flags, and which of its parts runs."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, DURATION, FLOAT, HELP, LIST, STRING, Flag, Parsed

MEANINGS = {
    "list": "List recorded sessions, the oldest first: one line each.",
    "show": "Show user, place, end and commands of recorded sessions.",
    "play": "Play what a terminal showed, at the pace at which it did. Ctrl-C ends it.",
    "commands": "Print the commands that were entered, and the files that were copied.",
    "verify": "Compare recordings with the SHA-256 that logs have of them.",
}
WORDS = tuple(MEANINGS)
OUTPUTS = ("table", "json")

OK = 0
_OF_PLAY = ("speed", "idle-time-limit", "search", "input")
"""Flags that say how a recording is played."""

FLAGS = (
    Flag(
        "user",
        LIST,
        (),
        "list, show, play, commands: only sessions of these users, or as them: alice, "
        "*@example.com, shop/web for a service account. As in auditproxy events, several values "
        "mean any of them, an asterisk stands for anything, and !alice means all but alice.",
    ),
    Flag(
        "namespace",
        LIST,
        (),
        "Only sessions in these namespaces, in the same form.",
        shorthand="n",
    ),
    Flag("pod", LIST, (), "Only sessions in these pods, in the same form."),
    Flag(
        "since",
        STRING,
        "",
        "Only sessions that began at this time or later: a duration before now such as 2h or 7d, "
        "yesterday, 14:02, 'tuesday 09:00', a date, or a date and time. UTC without a zone.",
    ),
    Flag(
        "until",
        STRING,
        "",
        "Only sessions that began before this time; a date alone includes the whole day.",
    ),
    Flag(
        "output",
        STRING,
        "table",
        "list, show, commands, verify: table or json, one object per line.",
        shorthand="o",
        choices=OUTPUTS,
    ),
    Flag(
        "identity",
        LIST,
        (),
        "list, show, play, commands: files with the age identities or the SSH key that encrypted "
        "recordings are read with.",
    ),
    Flag(
        "session-log",
        LIST,
        (),
        "verify: session logs with the SHA-256 of recordings; gzip is read too, - is standard "
        "input.",
    ),
    Flag("audit-log", LIST, (), "verify: audit logs with the SHA-256 of recordings, likewise."),
    Flag("speed", FLOAT, 1.0, "play: how many times as fast as it was."),
    Flag("idle-time-limit", DURATION, 0, "play: the longest pause. 0 keeps every pause."),
    Flag(
        "input",
        BOOL,
        False,
        "play: show also what the client sent, as far as it was recorded (record: InputOutput).",
    ),
    Flag(
        "search",
        STRING,
        "",
        "play: begin where this text first appears in the output or in a command; what came before "
        "is drawn at once.",
    ),
    HELP,
)
"""Every flag of ``auditproxy sessions``."""

EXAMPLES = (
    (
        "What alice did today.",
        "auditproxy sessions list /var/lib/auditproxy/recordings --user=alice --since=24h",
    ),
    (
        "Those of one day, in UTC.",
        "auditproxy sessions list recordings --since=2026-11-27 --until=2026-11-27",
    ),
    (
        "Who, where, how it ended, and the commands of one session.",
        "auditproxy sessions show /var/lib/auditproxy/recordings 5e5510f1d",
    ),
    (
        "Play a file twice as fast, without long pauses.",
        "auditproxy sessions play x.cast --speed=2 --idle-time-limit=1s",
    ),
    (
        "Commands in a namespace, from encrypted recordings.",
        "auditproxy sessions commands recordings -n team-a --identity=key.txt --output=json",
    ),
    (
        "Which recordings are as they were when they were finished.",
        "auditproxy sessions verify recordings --session-log=sessions.log",
    ),
)
"""What help shows first: a comment and a command line."""


_OF_LOGS = (b'{"kind":"Event"', b'{"kind":"SessionEvent"', b'{"kind":"EventList"')
_BEGINNING = 32


class SessionsError(Unusable):
    """Flags or arguments that cannot be used; the text names them and the fix."""


def run_sessions(parsed: Parsed) -> int:
    """Run one of WORDS; the exit code.

    It is FAILED when a recording could not be read, or is not what the logs say. Raises Unusable.
    """
    if parsed.faults:
        raise SessionsError(*parsed.faults)
    from auditproxy.commands.sessions.selecting import (
        ChosenRecordings,
        Filters,
        instant,
        to_standard_error,
    )
    from auditproxy.recordings.encryption import decryption_with

    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    word, path, session = _arguments(parsed.arguments)
    faults = _faults(word, settings)
    given = [f"--{name}" for name in _OF_PLAY if name in parsed.values]
    if word != "play" and given:
        are = "are flags" if len(given) > 1 else "is a flag"
        faults.append(f"{' and '.join(given)} {are} of auditproxy sessions play")
    if word == "play" and "output" in parsed.values:
        faults.append("--output has no effect on play, which shows what was recorded; remove it")
    if word == "verify" and settings["identity"]:
        faults.append("--identity has no effect on verify, which reads no content; remove it")
    limits: dict[str, int | None] = {}
    for name in ("since", "until"):
        try:
            limits[name] = instant(name, settings[name], time.time_ns())
        except Unusable as error:
            faults += error.faults
    since, until = limits.get("since"), limits.get("until")
    if since is not None and until is not None and since >= until:
        faults.append(
            f"--since={settings['since']} is not before --until={settings['until']}, so no session "
            "can match; exchange them, or change one"
        )
    decrypt = None
    if settings["identity"]:
        try:
            decrypt = decryption_with(*map(Path, settings["identity"]))
        except Unusable as error:
            faults += error.under("--identity").faults
    if faults:
        raise SessionsError(*faults)
    filters = Filters(
        user=tuple(settings["user"]),
        namespace=tuple(settings["namespace"]),
        pod=tuple(settings["pod"]),
        since=limits["since"],
        until=limits["until"],
        session=session,
    )
    if word == "verify":
        from auditproxy.commands.sessions.verifying import run_verify

        return OK if run_verify(path, filters, settings) else FAILED
    selection = ChosenRecordings(
        path,
        filters,
        decrypt,
        report=to_standard_error,
        progress=sys.stderr if sys.stderr.isatty() else None,
    )
    from auditproxy.commands.sessions.running import run

    done = run(word, selection, settings, decrypt)
    # A session that was played is not less so for a broken file beside it.
    return OK if done and (word == "play" or not selection.broken) else FAILED


def _arguments(arguments: Sequence[str]) -> tuple[str, Path, str]:
    if not arguments or arguments[0] not in WORDS:
        given = f", not {go_quote(arguments[0])}" if arguments else ""
        raise SessionsError(f"auditproxy sessions takes one of {', '.join(WORDS)} first{given}")
    word, *rest = arguments
    are_paths = len(rest) > 1 and all(map(os.path.exists, rest))
    if len(rest) not in (1, 2) or not rest[0] or (are_paths and os.path.isfile(rest[0])):
        hint = f"see auditproxy sessions {word} --help"
        if are_paths:
            hint = "a shell makes several names of an asterisk: name their folder"
        raise SessionsError(
            f"auditproxy sessions {word} takes a folder or a file of recordings, and perhaps the "
            f"ID of a session; {hint}"
        )
    if _is_log(rest[0]):
        raise SessionsError(
            f"{rest[0]} is a log and no recording; name the folder of --session-recording-dir"
            + ("" if word == "verify" else ", or see auditproxy sessions verify for logs")
        )
    if are_paths and os.sep in rest[1]:
        # The path of the recording, as a shell completes it.
        rest[1] = os.path.basename(rest[1])
    return word, Path(rest[0]), rest[1] if len(rest) == 2 else ""


def _is_log(path: str) -> bool:
    """Whether a file begins as the audit log and the session log do."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(_BEGINNING).startswith(_OF_LOGS)
    except OSError:
        # Reading it as a recording says why.
        return False


def _faults(word: str, settings: Mapping[str, Any]) -> list[str]:
    faults = []
    logs = settings["session-log"] or settings["audit-log"]
    if word == "verify" and not logs:
        faults.append(
            "auditproxy sessions verify needs --session-log or --audit-log; name the log that has "
            "the SHA-256 of the recordings"
        )
    elif word != "verify" and logs:
        faults.append("--session-log and --audit-log are flags of auditproxy sessions verify")
    if word == "verify" and settings["user"]:
        faults.append("--user has no effect on verify, which reads the names of files; remove it")
    if settings["output"] not in OUTPUTS:
        faults.append(f"--output {go_quote(settings['output'])} is not table or json")
    if not 0.001 <= settings["speed"] <= 10_000:
        faults.append("--speed must be from 0.001 to 10000")
    if settings["idle-time-limit"] < 0:
        faults.append("--idle-time-limit must not be negative")
    return faults


SESSIONS = Command(
    "sessions",
    "List, show, play and verify recorded sessions.",
    FLAGS,
    run_sessions,
    EXAMPLES,
    words=WORDS,
    operand="PATH [SESSION]",
    meanings=MEANINGS,
)
"""The subcommand, for the table of cli.py."""
