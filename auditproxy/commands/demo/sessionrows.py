"""Lines of the session log and alerts as rows: what was typed, how a session ended, what alerts.

13:06:31  admin    in default/hello/app: $ ls -l     exit 0
13:06:40  admin    end of exec in default/hello/app  exit 0, 12 s   recorded, 2.1 kB
"""

from collections.abc import Mapping
from typing import Any

from auditproxy.alerts.alert import Alert
from auditproxy.commands.demo.rows import Row, Tone, seconds_in_words
from auditproxy.serializer.times import micro_time
from auditproxy.sessions.lines import UNRECORDED

_HIDDEN = "(hidden)"


def session_row_of(line: Mapping[str, Any]) -> Row | None:
    """The row of a line; None for a start, which the request's own row shows, and for input."""
    kind = line["type"]
    if kind == "Command":
        return _row(line, f"in {_place(line)}: $ {line.get('line', _HIDDEN)}", _code(line))
    if kind == "ForwardedConnection":
        forwarded = line["forwarded"]
        size = f"{forwarded.get('bytesIn', 0)} B in, {forwarded.get('bytesOut', 0)} B out"
        return _row(line, f"connection to port {forwarded['port']} of {_place(line)}", size)
    if kind == "RecordingStopped":
        is_unrecorded = UNRECORDED in line.get("flags", ())
        what = "is not recorded" if is_unrecorded else "is not recorded any further"
        words = f"{_place(line)} {what}: {line.get('reason', '')}"
        return _row(line, words, "", tone="failed")
    if kind == "SessionEnded":
        duration = seconds_in_words(line.get("durationSeconds", 0.0))
        result = ", ".join(part for part in (_code(line), duration) if part)
        words = f"end of {line['session']} in {_place(line)}"
        return _row(line, words, result, recorded=_recorded(line.get("recording")))
    return None


def alert_row_of(alert: Alert) -> Row:
    """The row of an alert: its summary, severity and rule; the request has one of its own."""
    when = micro_time(alert.starts_at)[11:19]
    user = alert.labels.get("user", "")
    summary = alert.annotations.get("summary", alert.name)
    return Row(when, user, f"ALERT {summary}", alert.severity, alert.name, "failed")


def _row(
    line: Mapping[str, Any],
    words: str,
    result: str,
    *,
    recorded: str = "",
    tone: Tone = "changed",
) -> Row:
    return Row(line["timestamp"][11:19], user_of(line), words, result, recorded, tone)


def user_of(line: Mapping[str, Any]) -> str:
    """``admin``, ``admin as viewer``, or a dash if no user was authenticated."""
    user = line["user"].get("username") or "-"
    if "impersonatedUser" in line:
        user += f" as {line['impersonatedUser'].get('username') or '-'}"
    return str(user)


def _place(line: Mapping[str, Any]) -> str:
    """``default/hello/app``; a node where the session runs through one."""
    reference = line.get("objectRef", {})
    named = (reference.get("namespace"), reference.get("name"), line.get("container"))
    return "/".join(part for part in named if part)


def _code(line: Mapping[str, Any]) -> str:
    return f"exit {line['exitCode']}" if "exitCode" in line else ""


def _recorded(recording: Mapping[str, Any] | None) -> str:
    """Whether the session can be played, and how much of it."""
    if recording is None:
        return "not recorded"
    state = recording.get("state", "None")
    words = "recorded" if state == "Complete" else f"recorded ({state})"
    return f"{words}, {recording.get('bytes', 0) / 1000:.1f} kB"
