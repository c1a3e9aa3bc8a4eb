"""``auditproxy verify``: its flags and examples, which help and completion need."""

import sys

from auditproxy.apis.faults import Unusable
from auditproxy.flags.command import Command
from auditproxy.flags.pflag import BOOL, HELP, LIST, STRING, Flag, Parsed

OUTPUTS = ("text", "json")

FLAGS = (
    Flag(
        "public-key",
        LIST,
        (),
        "Files with public keys of --audit-log-checkpoint-key-file, in PEM; with the old ones, "
        "where the key was replaced. Without any, signatures are not checked.",
    ),
    Flag(
        "checkpoints",
        LIST,
        (),
        "More files that have checkpoints somewhere in their lines, such as what the audit webhook "
        "or standard error got of them; gzip is read too. Those beside a log are read anyway.",
    ),
    Flag(
        "whole",
        BOOL,
        False,
        "Fail where the first lines of a chain are not there, or all of a chain that the "
        "checkpoints beside the log are of; without it, their files may have been removed for "
        "their age.",
    ),
    Flag(
        "output",
        STRING,
        "text",
        "text or json, one object per log.",
        shorthand="o",
        choices=OUTPUTS,
    ),
    HELP,
)
"""Every flag of ``auditproxy verify``."""

EXAMPLES = (
    (
        "A log with its rotated files, and the checkpoints beside it.",
        "auditproxy verify --public-key=checkpoint.pub /var/log/audit.log",
    ),
    (
        "One rotated file alone, from the archive.",
        "auditproxy verify --public-key=checkpoint.pub --checkpoints=audit.log.checkpoints "
        "audit-2026-11-23T13-16-39.368.log.gz",
    ),
    (
        "With the checkpoints that the audit webhook got.",
        "auditproxy verify --public-key=checkpoint.pub --checkpoints=received.jsonl audit.log",
    ),
    ("For another program.", "auditproxy verify --output=json audit.log | jq .findings"),
)
"""What help shows first: a comment and a command line."""


def _verify(parsed: Parsed) -> int:
    faults = list(parsed.faults)
    if not parsed.arguments:
        faults.append("auditproxy verify needs an audit log, - for standard input")
    if parsed.values.get("output", OUTPUTS[0]) not in OUTPUTS:
        faults.append(f"--output must be one of {', '.join(OUTPUTS)}")
    if faults:
        raise Unusable(*faults)
    from auditproxy.commands.verify.running import verify

    return verify(parsed.values, parsed.arguments, sys.stdout, sys.stderr)


VERIFY = Command(
    "verify",
    "Say whether audit logs with a hash chain are as the proxy wrote them: which line was changed, "
    "removed, added or reordered first, across rotated files and gzip, and what a missing end "
    "could hide. A log's name stands for its rotated files too. Exit codes: 0 when nothing was "
    "found, 1 for a finding or a log without a chain, 2 when a file or a flag cannot be used.",
    FLAGS,
    _verify,
    EXAMPLES,
    operand="FILE",
)
"""The subcommand, for the table of cli.py."""
