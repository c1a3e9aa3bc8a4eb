"""``auditproxy view``: its flags."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, HELP, INT, LIST, STRING, Flag, Parsed

FLAGS = (
    Flag(
        "recordings",
        STRING,
        "",
        "Folder of session recordings, that of --session-recording-dir: the page lists and plays "
        "them, and links them with their requests.",
    ),
    Flag(
        "identity",
        LIST,
        (),
        "Files with the age identities or the SSH key that encrypted recordings are read with.",
    ),
    Flag("port", INT, 0, "Port on 127.0.0.1. 0 means any free one."),
    Flag(
        "no-browser",
        BOOL,
        False,
        "Print the address of the page, and open no browser.",
    ),
    HELP,
)
"""Every flag of ``auditproxy view``."""

EXAMPLES = (
    (
        "The page of a log and what was rotated from it, in your browser.",
        "auditproxy view /var/log/kubernetes/",
    ),
    (
        "With the sessions that were recorded.",
        "auditproxy view audit.log --recordings=/var/lib/auditproxy/recordings",
    ),
    (
        "On another machine, through ssh -L 8700:127.0.0.1:8700; open the address that it prints.",
        "auditproxy view audit.log --port=8700 --no-browser",
    ),
    ("From a bucket (extra s3).", "auditproxy view s3://audit-logs/cluster-1/"),
    ("From kubectl logs.", "kubectl logs -n audit proxy-0 | auditproxy view -"),
)
"""What help shows first: a comment and a command line."""


def settings_of(parsed: Parsed) -> Mapping[str, Any]:
    """The values of flags, with their defaults; raises Unusable with every fault."""
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in FLAGS}
    faults = list(parsed.faults)
    if not parsed.arguments:
        faults.append(
            "auditproxy view needs a log: a file, a folder, or - for standard input, such as "
            "/var/log/kubernetes/audit.log or /var/log/kubernetes/"
        )
    if not 0 <= settings["port"] <= 65535:
        faults.append("--port must be from 0 to 65535")
    if settings["recordings"] and not Path(settings["recordings"]).is_dir():
        faults.append(
            f"--recordings {settings['recordings']} is not a folder; name that of "
            "--session-recording-dir"
        )
    if settings["identity"] and not settings["recordings"]:
        faults.append("--identity is for --recordings; give it too, or remove --identity")
    if faults:
        raise Unusable(*faults)
    return settings


def run_view(parsed: Parsed) -> int:
    """Serve the page until Ctrl-C; the exit code. Raises Unusable."""
    settings = settings_of(parsed)
    from auditproxy.commands.view.running import view

    return view(parsed.arguments, settings, sys.stdout, sys.stderr)


VIEW = Command(
    "view",
    "Show an audit log in the browser, on a page of this machine alone: a timeline, filters, each "
    "request with what it changed, and recorded sessions to play.",
    FLAGS,
    run_view,
    EXAMPLES,
    operand="LOG...",
)
"""The subcommand, for the table of cli.py."""
