"""Replay: lines of existing logs through the rules, at the times of their events.

Memory is bounded: lines are read one by one, and only alerts that are firing are remembered.
"""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from typing import cast

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.engine import AlertEngine
from auditproxy.alerts.messages import default_body
from auditproxy.alerts.reading import read_line
from auditproxy.alerts.rules import AlertRules
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.units import SECOND
from auditproxy.app.standardstreams import counted, one_line
from auditproxy.reading.trail.lines import blank_part
from auditproxy.reading.trail.regular import opened
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import parse_time, rfc3339

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer one is not read as an event."""
MOST_FAULTS = 10_000
"""Lines one after the other that are not JSON; the rest of a log is not read then."""

TICK = 10 * SECOND
_END = 1 << 62
"""A time after every event."""
_GZIP = b"\x1f\x8b"
_ROW = "{:<20}  {:<8}  {:<26}  {}\n"


def lines_of(path: str) -> Iterator[bytes]:
    """The lines of a log, of standard input for ``-``; gzip is recognized by its first bytes.

    A line that is too long comes in parts, blank ones that follow each other may come together.
    Raises OSError, also for what is not a regular file, and EOFError.
    """
    if path == "-":
        yield from _lines(cast("BufferedReader", sys.stdin.buffer))
        return
    with opened(path) as file:
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        if is_packed:
            with gzip.open(file) as unpacked:
                yield from _lines(cast("BufferedReader", unpacked))
        else:
            yield from _lines(cast("BufferedReader", file))


def _lines(file: BufferedReader) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        yield line
        if not line.isspace():
            continue
        # A packed log may have a million of them for each KiB on the disk.
        while blank := blank_part(file.peek(1)):
            yield file.read(blank)


class Replay:
    """Takes lines, writes a row or an object for each alert, and a summary at the end."""

    def __init__(self, rules: AlertRules, write: Callable[[str], object], *, is_json: bool) -> None:
        self._rules = rules
        self._engine = AlertEngine(rules.rules)
        self._write = write
        self._is_json = is_json
        self._alerts = {rule.name: 0 for rule in rules.rules}
        self._events = {rule.name: 0 for rule in rules.rules}
        self._next_tick = 0
        self.lines = 0
        self.events = 0
        self.session_lines = 0
        """Of the events, those of session logs."""
        self.unreadable = 0
        self.faults = 0
        """Lines that could not be read, one after the other."""
        self.first_unreadable = ""

    @property
    def fired(self) -> int:
        """How many alerts fired."""
        return sum(self._alerts.values())

    @property
    def asked(self) -> int:
        """How many rules could have fired: the input has lines of their kind."""
        return sum(
            self.session_lines > 0 if rule.session_events else self.events > self.session_lines
            for rule in self._rules.rules
        )

    @property
    def condition_errors(self) -> dict[str, int]:
        """How often a rule's condition could not be evaluated."""
        return self._engine.condition_errors

    @property
    def condition_reasons(self) -> dict[str, str]:
        """Why, of the first event of each such rule."""
        return self._engine.condition_reasons

    def take(self, line: bytes) -> None:
        """Take the next line of a log, or blank ones."""
        if line.isspace():
            self.lines += max(1, line.count(b"\n"))
            return
        self.lines += 1
        try:
            events = read_line(line)
        except SerializationError as error:
            if not self.unreadable:
                self.first_unreadable = f"line {self.lines}: {error}"
            self.unreadable += 1
            self.faults += 1
            return
        self.faults = 0
        for event in events:
            self._event(event)

    def finish(self) -> None:
        """End all alerts and write the summary."""
        self._show(self._engine.tick(_END))
        if self._is_json:
            return
        fired = [rule for rule in self._rules.rules if self._alerts[rule.name]]
        of = f"{counted(self.fired, 'alert')} of {counted(len(fired), 'rule')}"
        tried = counted(len(self._rules.rules), "rule")
        of = of if fired else f"no alert of any of {tried}"
        self._write(f"\n{counted(self.events, 'event')}, {of}\n")
        if fired:
            self._write(f"{'RULE':<28}  {'SEVERITY':<8}  {'ALERTS':>6}  {'EVENTS':>8}\n")
        for rule in fired:
            alerts, events = self._alerts[rule.name], self._events[rule.name]
            self._write(f"{rule.name:<28}  {rule.severity:<8}  {alerts:>6}  {events:>8}\n")

    def unasked(self) -> Iterator[str]:
        """What could not fire: rules for a kind of lines that the input has none of."""
        of_lines = sum(bool(rule.session_events) for rule in self._rules.rules)
        of_events = len(self._rules.rules) - of_lines
        for rules, lines, what, name in (
            (of_lines, self.session_lines, "lines of the session log", "a session log"),
            (of_events, self.events - self.session_lines, "audit events", "an audit log"),
        ):
            if rules and not lines:
                are = "rule is" if rules == 1 else "rules are"
                yield f"{rules} {are} for {what}, and the input has none; name {name} as well"

    def _event(self, event: Event | SessionEvent) -> None:
        self.events += 1
        text = event.timestamp if isinstance(event, SessionEvent) else event.stage_timestamp
        self.session_lines += isinstance(event, SessionEvent)
        now = parse_time(text)
        if now >= self._next_tick:
            self._show(self._engine.tick(now))
            self._next_tick = now + TICK
        self._show(self._engine.take(event, now))

    def _show(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            if alert.state is AlertState.RESOLVED:
                self._events[alert.name] += alert.count
            elif alert.state is AlertState.FIRING:
                if not self._is_json and not self.fired:
                    self._write(_ROW.format("TIME", "SEVERITY", "RULE", "SUMMARY"))
                self._alerts[alert.name] += 1
                self._write(self._line(alert))

    def _line(self, alert: Alert) -> str:
        if self._is_json:
            return default_body(alert).decode() + "\n"
        summary = one_line(alert.annotations.get("summary", ""))
        return _ROW.format(rfc3339(alert.starts_at), alert.severity, alert.name, summary)
