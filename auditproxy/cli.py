"""The command ``auditproxy``: subcommands, faults on standard error, and the only exit codes.

    0    done
    1    failed
    2    the flags, the configuration file or a file they name cannot be used

Every fault is found before anything starts, and each is one line:
``auditproxy: error: ...``. What a subcommand needs is imported when it runs, so
that help and version answer at once.
"""

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from auditproxy import __version__
from auditproxy.apis.status import go_quote
from auditproxy.configuration import load_configuration
from auditproxy.flags.pflag import BOOL, HELP, LIST, STRING, Flag, Parsed, closest, help_text, parse
from auditproxy.flags.serve import FLAGS as SERVE_FLAGS
from auditproxy.flags.serve import files_only, options_from
from auditproxy.kubeconfig_command import FLAGS as KUBECONFIG_FLAGS
from auditproxy.kubeconfig_command import KubeconfigError, make_kubeconfig
from auditproxy.options import Options, validate

OK = 0
FAILURE = 1
CONFIGURATION = 2

DEMO_FLAGS = (
    Flag("once", BOOL, False, "Make the demo's requests, show their events and exit."),
    Flag("raw-json", BOOL, False, "Show events as they are written, one JSON object a line."),
    Flag(
        "dir",
        STRING,
        "",
        "Folder for certificates, kubeconfig and events. Empty means a temporary one.",
    ),
    HELP,
)
"""Every flag of ``auditproxy demo``."""

CERTS_FLAGS = (
    Flag("dir", STRING, "auditproxy-certs", "Folder in which keys and certificates are made."),
    Flag(
        "host",
        LIST,
        ("localhost", "127.0.0.1", "::1"),
        "Names and IP addresses of the proxy, for its serving certificate.",
    ),
    Flag(
        "client",
        LIST,
        (),
        "Client certificates to make, each as USER or USER=GROUP+GROUP; in a folder that has its "
        "authority already, only these are made.",
    ),
    HELP,
)
"""Every flag of ``auditproxy certs``."""


class Runner(Protocol):
    """What ``serve`` needs of run.py; the module itself is one, tests bring their own."""

    @property
    def StartError(self) -> type[Exception]:  # noqa: N802 run.py has a class of this name
        """What ``serve`` raises when the proxy cannot start; it has ``faults``."""

    def check(self, options: Options, *, strict: bool = False) -> tuple[str, ...]:
        """Every fault that shows in the files the options name; ``strict`` has warnings too."""

    def serve(self, options: Options) -> Coroutine[Any, Any, int]:
        """Run the proxy until a signal; the exit code."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand; ``run`` takes its parsed command line and gives the exit code."""

    name: str
    summary: str
    flags: tuple[Flag, ...]
    run: Callable[[Parsed], int]


def commands(load_runner: Callable[[], Runner]) -> tuple[Command, ...]:
    """Every subcommand, in the order of help."""
    return (
        Command(
            "serve",
            "Run the proxy: authenticate clients, forward their requests to the kube-apiserver "
            "and write its audit trail. Without flags it uses the current kubeconfig context, a "
            "self-signed certificate, a built-in policy and standard output.",
            SERVE_FLAGS,
            lambda parsed: _serve(parsed, load_runner),
        ),
        Command(
            "demo",
            "Run the proxy before an embedded API server, with generated certificates, and show "
            "the events of a few requests.",
            DEMO_FLAGS,
            _demo,
        ),
        Command(
            "certs",
            "Make a public key infrastructure for development: an authority, a serving "
            "certificate and client certificates.",
            CERTS_FLAGS,
            _certs,
        ),
        Command(
            "kubeconfig",
            "Print a kubeconfig that sends the user of an existing context to the proxy. It holds "
            "the secrets of that user: keep it to yourself.",
            KUBECONFIG_FLAGS,
            _kubeconfig,
        ),
        Command("version", "Print the version.", (HELP,), _version),
    )


def main(
    argv: Sequence[str] | None = None, *, load_runner: Callable[[], Runner] | None = None
) -> int:
    """Run the command line ``argv``, None for the process's own; the exit code.

    ``load_runner`` replaces run.py in tests.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    table = {command.name: command for command in commands(load_runner or _load_runner)}
    if not words:
        sys.stderr.write(_overview(table))
        return CONFIGURATION
    name, *rest = words
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name in ("-h", "--help", "help"):
        return _print(_overview(table))
    if name == "--version":
        name = "version"
    command = table.get(name)
    if command is None:
        return _refuse((_unknown_command(name, table),))
    parsed = parse(rest, command.flags)
    if parsed.wants_help:
        return _print(_help(command))
    if parsed.arguments:
        parsed = _with_fault(parsed, _unwanted_arguments(command, parsed.arguments))
    try:
        return command.run(parsed)
    except KeyboardInterrupt:
        return FAILURE
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        # Whatever the system refuses, a folder or a port: it names it, and is no fault of ours.
        sys.stderr.write(f"auditproxy: error: {_one_line(_refusal(error))}\n")
        return FAILURE


def _serve(parsed: Parsed, load_runner: Callable[[], Runner]) -> int:
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
    faults += validate(options)
    runner = load_runner()
    # Files are read even so, that all faults are seen at once; what is not sound stays out.
    checking = bool(values.get("check-config"))
    faults += runner.check(options_from(files_only(values)) if faults else options, strict=checking)
    if faults:
        return _refuse(faults)
    if checking:
        return _print("the configuration is sound\n")
    try:
        return _run(runner.serve(options))
    except runner.StartError as error:
        _refuse(getattr(error, "faults", (str(error),)))
        return int(getattr(error, "code", CONFIGURATION))


def _demo(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    from auditproxy import run
    from auditproxy.demo.demo import DemoError, run_demo

    directory = parsed.values.get("dir", "")
    try:
        return _run(
            run_demo(
                once=parsed.values.get("once", False),
                raw_json=parsed.values.get("raw-json", False),
                directory=Path(directory) if directory else None,
                start_proxy=run.start_proxy_for_demo,
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
    settings = {flag.name: parsed.values.get(flag.name, flag.default) for flag in CERTS_FLAGS}
    if not settings["dir"]:
        return _refuse(("--dir is empty; name the folder in which certificates are made",))
    from auditproxy.demo.pki import PkiError, create_client, create_pki

    directory = Path(settings["dir"])
    clients = [client.partition("=") for client in settings["client"]]
    try:
        if not (clients and (directory / "ca.crt").exists()):
            create_pki(directory, server_names=tuple(settings["host"]))
        for user, _, groups in clients:
            create_client(directory, user, tuple(group for group in groups.split("+") if group))
    except PkiError as error:
        sys.stderr.write(f"auditproxy: error: {error}\n")
        return FAILURE
    except OSError as error:
        sys.stderr.write(
            f"auditproxy: error: --dir {directory} cannot be written: {error.strerror}; "
            "choose another folder\n"
        )
        return FAILURE
    return _print("".join(f"{path}\n" for path in sorted(directory.iterdir())))


def _kubeconfig(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    try:
        made = make_kubeconfig(parsed.values, os.environ, Path.home())
    except KubeconfigError as error:
        return _refuse((str(error),))
    for warning in made.warnings:
        sys.stderr.write(f"auditproxy: warning: {_one_line(warning)}\n")
    return _print(made.text)


def _version(parsed: Parsed) -> int:
    if parsed.faults:
        return _refuse(parsed.faults)
    python = ".".join(str(part) for part in sys.version_info[:3])
    return _print(f"auditproxy {__version__} (Python {python})\n")


def _load_runner() -> Runner:
    from auditproxy import run

    return run


def _run(coroutine: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def _with_fault(parsed: Parsed, fault: str) -> Parsed:
    return Parsed(parsed.values, (), (*parsed.faults, fault), parsed.wants_help)


def _unwanted_arguments(command: Command, arguments: tuple[str, ...]) -> str:
    """kube-apiserver's words, with a hint at the usual cause."""
    shown = " ".join(go_quote(argument) for argument in arguments)
    fault = f"auditproxy {command.name} does not take any arguments, got [{shown}]"
    if any(argument.lower() in ("true", "false") for argument in arguments):
        fault += "; a boolean flag's value follows an equals sign, as --anonymous-auth=false"
    return fault


def _unknown_command(name: str, table: Mapping[str, Command]) -> str:
    if name.startswith("-"):
        return f"{go_quote(name)} stands before the command; try auditproxy serve {name}"
    hint = closest(name, tuple(table))
    fix = f"did you mean {hint}?" if hint else f"give one of {', '.join(table)}"
    return f'unknown command {go_quote(name)} for "auditproxy"; {fix}'


def _overview(table: Mapping[str, Command]) -> str:
    lines = [
        "auditproxy is an authenticating reverse proxy in front of kube-apiserver that writes",
        "kube-apiserver's own audit trail.",
        "",
        "Usage:",
        "  auditproxy COMMAND [flags]",
        "",
        "Commands:",
    ]
    for command in table.values():
        first_sentence = command.summary.partition(". ")[0].rstrip(".")
        lines += textwrap.wrap(
            first_sentence,
            width=88,
            initial_indent=f"  {command.name:<12}",
            subsequent_indent=" " * 14,
            break_on_hyphens=False,
        )
    lines += ["", "auditproxy COMMAND --help says more of one command.", ""]
    return "\n".join(lines)


def _help(command: Command) -> str:
    summary = textwrap.fill(command.summary, width=88, break_on_hyphens=False)
    return f"{summary}\n\nUsage:\n  auditproxy {command.name} [flags]\n\n{help_text(command.flags)}"


def _print(text: str) -> int:
    """Write to standard output; a reader that has gone away is no failure of ours."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    return OK


def _nobody_reads() -> int:
    """The reader of standard output has gone away, as ``head`` does: end without a word."""
    # Python would flush again at exit and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILURE


def _refusal(error: OSError) -> str:
    """What the system refused, with the file where it names one."""
    why = error.strerror or str(error) or type(error).__name__
    return f"{error.filename} cannot be used: {why}" if error.filename else why


def _refuse(faults: Sequence[str]) -> int:
    """Write each fault on a line of its own; the exit code for unusable settings."""
    for fault in faults:
        sys.stderr.write(f"auditproxy: error: {_one_line(fault)}\n")
    return CONFIGURATION


def _one_line(text: str) -> str:
    """The text without line breaks, terminal sequences and characters that cannot be written."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in joined)
