"""Where the demo's requests are shown: a terminal, a file or pipe, or as JSON.

    TerminalScreen   colours, and the commands to try pinned below the last request
    PlainScreen      the same rows as text, for pipes and where rich is not installed
    JsonScreen       events as they were written; everything else goes to standard error

All of them raise ScreenGoneError when the terminal or reader has gone away.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from auditproxy.alerts.alert import Alert
from auditproxy.commands.demo.folder import AUDIT_LOG, RECORDINGS
from auditproxy.commands.demo.rows import HEADING, Row, text_of
from auditproxy.commands.demo.sessionrows import alert_row_of, session_row_of
from auditproxy.commands.demo.trail import Trail
from auditproxy.serializer.json import encode

COMMANDS = (
    "kubectl get pods",
    "kubectl exec -it hello -- sh",
    "kubectl --context viewer get secrets",
)
"""What the demo suggests to type."""
TITLE = "auditproxy in front of an embedded API server: requests, commands and alerts"
DEFAULT_WIDTH = 120
"""Columns where neither COLUMNS nor a terminal says how many there are."""


class ScreenGoneError(Exception):
    """The terminal was closed, or the reader of a pipe has ended."""


class Screen(Protocol):
    """What shows the demo's requests; a context that ends it."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; nothing is raised where the screen is gone."""

    def introduce(self, kubeconfig: Path) -> None:
        """Say that the proxy is ready, and how to use it."""

    def take(self, line: str, event: dict[str, Any]) -> None:
        """Show one event, given as it was written and as what it says."""

    def take_session(self, line: str, event: dict[str, Any]) -> None:
        """Show one line of the session log, given as ``take`` gets its own."""

    def take_alert(self, alert: Alert) -> None:
        """Show an alert."""

    def tick(self) -> None:
        """Show how time passes."""

    def say(self, text: str) -> None:
        """Show one line of the demo's own, after all events so far."""


@contextmanager
def gone_is_told() -> Iterator[None]:
    """Any failure to write means that the screen is gone."""
    try:
        yield
    except (OSError, ValueError) as error:
        # A ValueError is a file that was closed.
        raise ScreenGoneError from error


def reading_commands(kubeconfig: Path) -> tuple[str, str, str]:
    """The commands that show what the demo wrote beside its kubeconfig: its log, its recordings."""
    log = shlex.quote(str(kubeconfig.parent / AUDIT_LOG))
    recordings = shlex.quote(str(kubeconfig.parent / RECORDINGS))
    program = _program()
    return (
        f"{program} events list {log}",
        f"{program} sessions list {recordings}",
        f"{program} sessions play {recordings} SESSION",
    )


def _program() -> str:
    """What starts auditproxy in another terminal, whatever its PATH and folder."""
    beside = Path(sys.executable).with_name("auditproxy")
    if shutil.which("auditproxy"):
        return "auditproxy"
    if beside.exists():
        return shlex.quote(str(beside))
    return f"{shlex.quote(sys.executable)} -m auditproxy"


def instructions(kubeconfig: Path) -> str:
    """What to type in another terminal, as plain text."""
    commands = "".join(f"    {command}\n" for command in (*COMMANDS, *reading_commands(kubeconfig)))
    return (
        f"{TITLE}\n\nIn another terminal:\n\n"
        f"    export KUBECONFIG={kubeconfig}\n{commands}\nCtrl-C ends the demo.\n"
    )


class _Written:
    """A screen that has nothing to begin and nothing to undo."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tick(self) -> None:
        """Written lines do not change."""


class PlainScreen(_Written):
    """Rows of text; discovery requests become one line before the next other request."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._trail = Trail()
        self._has_heading = False

    def introduce(self, kubeconfig: Path) -> None:
        """Say how to use the demo."""
        self._write(instructions(kubeconfig))

    def take(self, line: str, event: dict[str, Any]) -> None:
        """Show a request when it has ended."""
        row = self._trail.take(event)
        if row is not None:
            self._fold()
            self._row(row)

    def take_session(self, line: str, event: dict[str, Any]) -> None:
        """Show what was typed, and how a session ended."""
        row = session_row_of(event)
        if row is not None:
            self._fold()
            self._row(row)

    def take_alert(self, alert: Alert) -> None:
        """Show an alert in a row of its own."""
        self._fold()
        self._row(alert_row_of(alert))

    def say(self, text: str) -> None:
        """Show a line after what was folded."""
        self._fold()
        self._write(text)

    def _fold(self) -> None:
        folded = self._trail.folded_in_words()
        if folded:
            self._trail.folded.clear()
            self._row(Row("", "", folded, "", "", "read"))

    def _row(self, row: Row) -> None:
        width = width_of(self._out)
        if not self._has_heading:
            self._has_heading = True
            self._write(text_of(HEADING, width))
        self._write(text_of(row, width))

    def _write(self, text: str) -> None:
        write(self._out, text)


class JsonScreen(_Written):
    """Events alone on ``out``, so that jq can read them."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def introduce(self, kubeconfig: Path) -> None:
        """Say how to use the demo, beside the events."""
        write(self._err, instructions(kubeconfig))

    def take(self, line: str, event: dict[str, Any]) -> None:
        """Show the event as it was written."""
        write(self._out, line)

    def take_session(self, line: str, event: dict[str, Any]) -> None:
        """Show the line as it was written."""
        write(self._out, line)

    def take_alert(self, alert: Alert) -> None:
        """Show the alert as one object."""
        write(self._out, encode(alert).decode())

    def say(self, text: str) -> None:
        """Show a line beside the events."""
        write(self._err, text)


def write(out: TextIO, text: str) -> None:
    """Write a line, in whatever encoding; raises ScreenGoneError."""
    encoding = out.encoding or "utf-8"
    with gone_is_told():
        print(text.encode(encoding, "replace").decode(encoding), file=out, flush=True)


def width_of(out: TextIO) -> int:
    """Columns of the terminal that ``out`` or, behind a pipe, standard error leads to."""
    named = os.environ.get("COLUMNS", "")
    if named.isascii() and named.isdigit() and int(named):
        return int(named)
    for stream in (out, sys.stderr):
        try:
            return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
        except (OSError, ValueError):
            continue
    return DEFAULT_WIDTH
