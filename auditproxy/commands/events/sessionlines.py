"""Commands of a session, from session logs: what was entered on the terminal of a request."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail.lines import lines_of

MOST_COMMANDS = 10_000
"""Of one session that are shown."""


def commands_of(paths: Sequence[str], audit_id: str) -> Iterator[str]:
    """Each command of the session of an audit ID: when, the line, its flags. Raises OSError."""
    count = 0
    literal = msgspec.json.encode(audit_id)[1:-1]
    for path in paths:
        for line in lines_of(path, Counts()):
            if literal not in line or b'"Command"' not in line:
                continue
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if not isinstance(value, dict) or value.get("type") != "Command":
                continue
            if value.get("auditID") != audit_id:
                continue
            count += 1
            if count > MOST_COMMANDS:
                return
            yield _command(value)


def _command(value: dict[str, Any]) -> str:
    line = value.get("line")
    flags = value.get("flags")
    text = f"{str(value.get('timestamp', ''))[:19]}Z  $ {'(hidden)' if line is None else line}"
    if isinstance(flags, list) and flags:
        text += f"   [{', '.join(map(str, flags))}]"
    return text
