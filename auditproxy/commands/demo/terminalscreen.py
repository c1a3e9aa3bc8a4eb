"""The demo in a terminal: requests scroll by above, the commands to try stay below.

    20:01:14  admin          exec in default/hello: env              101, 0.4 s
    ────────────────────────────────────────────────────────────────────────────
    open    watch pods in default, admin, 12 s
    folded  14 discovery requests: /api, /apis, /version
    In another terminal (Ctrl-C here ends the demo):
      export KUBECONFIG=/tmp/auditproxy-demo-ab12cd/kubeconfig

Needs rich, the extra "demo". NO_COLOR and the terminal's abilities are rich's concern.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from auditproxy.alerts.alert import Alert
from auditproxy.commands.demo.rows import GAP, HEADING, Row, cells
from auditproxy.commands.demo.screen import (
    COMMANDS,
    TITLE,
    ScreenGoneError,
    gone_is_told,
    reading_commands,
)
from auditproxy.commands.demo.sessionrows import alert_row_of, session_row_of
from auditproxy.commands.demo.trail import Trail
from auditproxy.reading.meaning.cells import visible

MOST_OPEN = 3
"""Open requests that are shown; the others are counted."""

_RESULT = {
    "heading": "dim",
    "read": "green",
    "changed": "green",
    "open": "blue",
    "refused": "yellow",
    "failed": "bold red",
}
_REQUEST = {"heading": "dim", "changed": "bold", "refused": "yellow", "failed": "red"}


class TerminalScreen:
    """Shows rows in colour; with ``pinned`` a few lines stay below them."""

    def __init__(self, out: TextIO, *, pinned: bool, console: Console | None = None) -> None:
        self._console = console or Console(file=out, highlight=False, markup=False, emoji=False)
        self._trail = Trail()
        self._kubeconfig: Path | None = None
        self._shown = ""
        self._live = (
            Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                get_renderable=self._footer,
            )
            if pinned
            else None
        )

    def __enter__(self) -> Self:
        with gone_is_told():
            self._print(Text(TITLE, style="bold"))
            self._print(Text())
            self._print(self._line(HEADING))
            if self._live is not None:
                self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(ScreenGoneError), gone_is_told():
            if self._live is not None:
                self._live.stop()

    def introduce(self, kubeconfig: Path) -> None:
        """Pin the commands to try."""
        self._kubeconfig = kubeconfig
        self.tick()

    def take(self, line: str, event: dict[str, Any]) -> None:
        """Show a request when it has ended; until then it is one of the open ones."""
        row = self._trail.take(event)
        if row is not None:
            with gone_is_told():
                self._print(self._line(row))

    def take_alert(self, alert: Alert) -> None:
        """Show an alert in a row of its own."""
        with gone_is_told():
            self._print(self._line(alert_row_of(alert)))

    def take_session(self, line: str, event: dict[str, Any]) -> None:
        """Show what was typed, and how a session ended."""
        row = session_row_of(event)
        if row is not None:
            with gone_is_told():
                self._print(self._line(row))

    def tick(self) -> None:
        """Draw the pinned lines again if they say something new."""
        if self._live is None:
            return
        lines = "\n".join(line.plain for line in self._footer_lines())
        state = f"{self._console.width}\n{lines}"
        if state != self._shown:
            self._shown = state
            with gone_is_told():
                self._live.refresh()

    def say(self, text: str) -> None:
        """Show a line of the demo's own."""
        with gone_is_told():
            self._console.print(Text(text), overflow="fold")

    def _print(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def _line(self, row: Row) -> Text:
        styles = {
            "time": "dim",
            "user": "dim" if row.tone == "heading" else "cyan",
            "request": _REQUEST.get(row.tone, ""),
            "result": _RESULT[row.tone],
            "recorded": "dim",
        }
        shown = cells(row, self._console.width)
        return Text(GAP).join(Text(text, style=styles[name]) for name, text in shown)

    def _footer(self) -> RenderableType:
        return Group(*self._footer_lines())

    def _footer_lines(self) -> list[Text]:
        lines = [Text("─" * self._console.width, style="dim")]
        still_open = self._trail.open_rows()
        lines += [self._open(row) for row in still_open[:MOST_OPEN]]
        if len(still_open) > MOST_OPEN:
            lines.append(_note("open", f"and {len(still_open) - MOST_OPEN} more", "blue"))
        folded = self._trail.folded_in_words()
        if folded:
            lines.append(_note("folded", folded, "dim"))
        if self._kubeconfig is None:
            return [*lines, Text("starting ...", style="dim")]
        lines.append(Text("In another terminal (Ctrl-C here ends the demo):", style="dim"))
        # A path that is longer than the terminal is folded, so that it can still be copied.
        export = f"export KUBECONFIG={self._kubeconfig}"
        lines.append(Text(f"  {export}", style="bold", overflow="fold"))
        lines += [Text(line, style="bold", no_wrap=True) for line in _flowing(self._console.width)]
        for command in reading_commands(self._kubeconfig):
            lines.append(Text(f"  {command}", style="bold", overflow="fold"))
        return lines

    def _open(self, row: Row) -> Text:
        since = datetime.fromisoformat(row.since)
        passed = max(0.0, (datetime.now(UTC) - since).total_seconds())
        text = f"{row.request}, {row.user}, {int(passed)} s"
        return _note("open", visible(text), "blue")


def _note(label: str, text: str, style: str) -> Text:
    return Text(f"{label:6}  {text}", style=style, no_wrap=True, overflow="ellipsis")


def _flowing(width: int) -> list[str]:
    """The commands, as many on a line as fit, each in one piece."""
    lines: list[str] = []
    for command in COMMANDS:
        if lines and len(lines[-1]) + 4 + len(command) <= width:
            lines[-1] += f"    {command}"
        else:
            lines.append(f"  {command}")
    return lines
