"""The command ``auditproxy``: subcommands, faults on standard error, and the only exit codes.

    0    done
    1    failed
    2    the flags, the configuration file or a file they name cannot be used

Every fault is found before anything starts, and each is one line:
``auditproxy: error: ...``. What a subcommand needs is imported when it runs, so
that help and version answer at once.
"""

import dataclasses
import os
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from auditproxy import __version__
from auditproxy.apis.faults import FAILED, MISCONFIGURED, Unusable
from auditproxy.app.standardstreams import counted, nobody_reads, one_line, printable, refusal
from auditproxy.commands import certs
from auditproxy.commands.alerts.command import ALERTS
from auditproxy.commands.demo import flags as demo
from auditproxy.commands.events.command import EVENTS
from auditproxy.commands.kubeconfig import command as kubeconfig
from auditproxy.commands.policy.command import POLICY
from auditproxy.commands.rbac.command import RBAC
from auditproxy.commands.reconcile.command import RECONCILE
from auditproxy.commands.report.command import REPORT
from auditproxy.commands.sessions.command import SESSIONS
from auditproxy.commands.verify.command import VERIFY
from auditproxy.commands.view.command import VIEW
from auditproxy.flags.command import Command, unwanted_arguments
from auditproxy.flags.completion import SHELLS, completion
from auditproxy.flags.configfile import load_configuration
from auditproxy.flags.help import command_help, overview
from auditproxy.flags.pflag import HELP, Parsed, parse
from auditproxy.flags.program import AUDITPROXY, named, unknown_command
from auditproxy.flags.serve import COMMON as SERVE_COMMON
from auditproxy.flags.serve import EXAMPLES as SERVE_EXAMPLES
from auditproxy.flags.serve import FLAGS as SERVE_FLAGS
from auditproxy.flags.serve import files_only, options_from
from auditproxy.options import Options, validate

if TYPE_CHECKING:
    from auditproxy.files.files import Files

OK = 0


class Check(Protocol):
    """app/proxy.py's ``check``."""

    def __call__(self, options: Options, *, strict: bool) -> "Files":
        """What the files say that the options name; raises Unusable with every fault."""


class Serve(Protocol):
    """app/serve.py's ``serve``."""

    def __call__(self, options: Options, files: "Files") -> Coroutine[Any, Any, int]:
        """Run the proxy until a signal; the exit code. Raises Unusable at the start."""


LoadProxy = Callable[[], tuple[Check, Serve]]
"""Imports app/proxy.py and app/serve.py; tests bring functions of their own."""


def commands(load_proxy: LoadProxy | None = None) -> tuple[Command, ...]:
    """Every subcommand, in the order of help."""
    load_proxy = load_proxy or _load_proxy
    table: list[Command] = [
        Command(
            "serve",
            "Run the proxy: authenticate clients, forward their requests to the kube-apiserver "
            "and write its audit trail. Without flags it uses the current kubeconfig context, a "
            "self-signed certificate, a built-in policy and standard output.",
            SERVE_FLAGS,
            lambda parsed: _serve(parsed, load_proxy),
            SERVE_EXAMPLES,
            SERVE_COMMON,
        ),
        Command(
            "demo",
            "Run the proxy in front of an embedded API server, with generated certificates, and "
            "show each request that you make with kubectl, and each command that you type in a "
            "shell.",
            demo.FLAGS,
            _demo,
            demo.EXAMPLES,
        ),
        Command(
            "certs",
            "Make certificates for development: an authority, a serving certificate and client "
            "certificates. In a folder that already has them, add host names or clients.",
            certs.FLAGS,
            _certs,
            certs.EXAMPLES,
        ),
        Command(
            "kubeconfig",
            "Print a kubeconfig that sends the user of an existing context to the proxy. It "
            "contains the secrets of that user: do not share it.",
            kubeconfig.FLAGS,
            _kubeconfig,
            kubeconfig.EXAMPLES,
        ),
        EVENTS,
        REPORT,
        VIEW,
        RBAC,
        ALERTS,
        POLICY,
        RECONCILE,
        SESSIONS,
        VERIFY,
        Command(
            "completion",
            "Print a script that completes commands and flags in a shell.",
            (HELP,),
            lambda parsed: _completion(parsed, table),
            (
                ("In ~/.bashrc.", "source <(auditproxy completion bash)"),
                ("In ~/.zshrc, after compinit.", "source <(auditproxy completion zsh)"),
                ("In config.fish.", "auditproxy completion fish | source"),
            ),
            words=SHELLS,
        ),
        Command(
            "version",
            "Print the version.",
            (HELP,),
            _version,
            (("Of auditproxy and of Python.", "auditproxy version"),),
        ),
    ]
    return tuple(table)


def main(
    argv: Sequence[str] | None = None,
    *,
    load_proxy: LoadProxy | None = None,
    program: str = AUDITPROXY,
) -> int:
    """Run the command line ``argv``, None for the process's own; the exit code.

    ``load_proxy`` replaces app/proxy.py in tests; ``program`` is how the user called it.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    known = commands(load_proxy)
    table = {command.name: command for command in known}
    if not words:
        sys.stderr.write(named(overview(known), program, known))
        return MISCONFIGURED
    name, *rest = words
    if name == "help" and rest:
        name, rest = rest[0], ["--help", *rest[1:]]
    if name in ("-h", "--help", "help"):
        return _print(named(overview(known), program, known))
    if name == "--version":
        name = "version"
    command = table.get(name)
    if command is None:
        return _refuse((named(unknown_command(name, tuple(table)), program, known),))
    parsed = parse(rest, command.flags)
    if parsed.wants_help:
        return _help(command, parsed, lambda text: named(text, program, known))
    if parsed.is_unclear and name != "serve":
        # What else seems to be missing may be what was meant. Of serve all faults are shown.
        return _refuse([named(fault, program, known) for fault in parsed.faults])
    if parsed.arguments and not (command.words or command.operand):
        parsed = _with_fault(parsed, unwanted_arguments(command, parsed.arguments))
    try:
        return command.run(parsed)
    except KeyboardInterrupt:
        return FAILED
    except Unusable as error:
        _refuse([named(fault, program, known) for fault in error.faults])
        sys.stderr.writelines(f"{printable(line)}\n" for line in error.choices)
        return error.code
    except BrokenPipeError:
        nobody_reads()
        return FAILED
    except OSError as error:
        # The system refused something, a folder or a port: name it, without a traceback.
        sys.stderr.write(f"auditproxy: error: {one_line(refusal(error))}\n")
        return FAILED


def _serve(parsed: Parsed, load_proxy: LoadProxy) -> int:
    faults = list(parsed.faults)
    values = dict(parsed.values)
    for warning in parsed.warnings:
        sys.stderr.write(f"auditproxy: warning: {warning}\n")
    path = values.pop("config", "")
    if path:
        configuration = load_configuration(path)
        faults += configuration.faults
        values = {**configuration.values, **values}
    options = options_from(values)
    faults += [fault for fault in validate(options) if not _may_follow(parsed, fault)]
    check, serve = load_proxy()
    checking = bool(values.get("check-config"))
    if faults:
        # Files are read even so, that all faults are seen at once; what is not sound stays out.
        try:
            check(options_from(files_only(values)), strict=checking)
        except Unusable as error:
            faults += [fault for fault in error.faults if not _may_follow(parsed, fault)]
        raise Unusable(*faults)
    files = check(options, strict=checking)
    if checking:
        for warning in files.warnings:
            sys.stderr.write(f"auditproxy: warning: {one_line(warning)}\n")
        warnings = len(parsed.warnings) + len(files.warnings)
        beside = f", with {counted(warnings, 'warning')}" if warnings else ""
        return _print(f"the configuration is sound{beside}\n")
    if sys.stdout.isatty():
        # Pipes and files get JSON, and have no use for this.
        from auditproxy.commands.serve.terminal import requests_shown, wants_lines

        if wants_lines(values, options):
            with requests_shown() as note:
                noted = dataclasses.replace(files, notes=(*files.notes, note))
                return _run(serve(options, noted))
    return _run(serve(options, files))


def _may_follow(parsed: Parsed, fault: str) -> bool:
    """Whether a fault may only follow from an unknown flag: from what it is taken for, or gave."""
    if any(re.search(rf"--{name}(?![\w-])", fault) for name in parsed.assumed):
        return True
    if not parsed.is_unclear:
        return False
    from auditproxy.files.upstream import NO_UPSTREAM

    return fault.startswith(NO_UPSTREAM)


def _demo(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    try:
        from auditproxy.commands.demo.command import DemoError, run_demo
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("auditproxy.embedded"):
            raise
        # An image may leave it out.
        sys.stderr.write("auditproxy: error: the demo is not part of this installation\n")
        return FAILED

    directory = parsed.values.get("dir", "")
    try:
        return _run(
            run_demo(
                once=parsed.values.get("once", False),
                raw_json=parsed.values.get("raw-json", False),
                directory=Path(directory) if directory else None,
            )
        )
    except KeyboardInterrupt:
        # The way a demo ends.
        return OK
    except DemoError as error:
        return _refuse((str(error),))


def _certs(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    return _print(certs.make_certs(parsed.values))


def _kubeconfig(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    from auditproxy.commands.kubeconfig.making import make_kubeconfig

    made = make_kubeconfig(parsed.values, os.environ, Path.home())
    for warning in made.warnings:
        sys.stderr.write(f"auditproxy: warning: {one_line(warning)}\n")
    for note in made.notes:
        sys.stderr.write(f"auditproxy: {one_line(note)}\n")
    return _print(made.text)


def _completion(parsed: Parsed, table: Sequence[Command]) -> int:
    faults = list(parsed.faults)
    if not faults and (len(parsed.arguments) != 1 or parsed.arguments[0] not in SHELLS):
        faults.append(f"auditproxy completion takes one argument, one of {', '.join(SHELLS)}")
    return _refuse(faults) if faults else _print(completion(parsed.arguments[0], table))


def _help(command: Command, parsed: Parsed, spelled: Callable[[str], str]) -> int:
    topic = parsed.help_topic
    word = parsed.arguments[0] if set(parsed.arguments[:1]) & set(command.words) else ""
    if not topic and len(parsed.arguments) == 1 and parsed.arguments[0] not in command.words:
        # --help audit is --help=audit.
        topic = parsed.arguments[0]
    try:
        return _print(spelled(command_help(command, topic, word)))
    except ValueError as error:
        return _refuse((str(error),))


def _version(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    python = ".".join(str(part) for part in sys.version_info[:3])
    return _print(f"auditproxy {__version__} (Python {python})\n")


def _load_proxy() -> tuple[Check, Serve]:
    from auditproxy.app import proxy, serve

    return proxy.check, serve.serve


def _run(coroutine: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, else on asyncio's own loop."""
    from auditproxy.app import process

    return process.run(coroutine)


def _with_fault(parsed: Parsed, fault: str) -> Parsed:
    return dataclasses.replace(
        parsed, arguments=(), faults=(*parsed.faults, fault), is_unclear=True
    )


def _print(text: str) -> int:
    """Write to standard output; ignore a reader that has gone away."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()
        return FAILED
    return OK


def _refuse(faults: Sequence[str]) -> int:
    """Write each fault on a line of its own; the exit code for unusable settings."""
    for fault in faults:
        sys.stderr.write(f"auditproxy: error: {one_line(fault)}\n")
    return MISCONFIGURED
