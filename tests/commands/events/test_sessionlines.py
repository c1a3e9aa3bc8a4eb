"""Commands of a request's session."""

import json
from pathlib import Path

from auditproxy.commands.events.sessionlines import commands_of


def test_commands(tmp_path: Path) -> None:
    """Those of the audit ID, in order; other lines are passed over."""
    lines = [
        {"kind": "SessionEvent", "type": "SessionStarted", "auditID": "a"},
        {"type": "Command", "auditID": "a", "timestamp": "2026-11-23T10:05:31.5Z", "line": "ls"},
        {"type": "Command", "auditID": "b", "timestamp": "2026-11-23T10:05:32Z", "line": "other"},
        {
            "type": "Command",
            "auditID": "a",
            "timestamp": "2026-11-23T10:05:33Z",
            "flags": ["prompt?"],
        },
        {"type": "Other", "auditID": "a", "line": "Command"},
    ]
    path = tmp_path / "sessions.log"
    path.write_text("\n".join(map(json.dumps, lines)) + '\n"Command" a torn\n["Command","a"]\n')
    assert list(commands_of([str(path)], "a")) == [
        "2026-11-23T10:05:31Z  $ ls",
        "2026-11-23T10:05:33Z  $ (hidden)   [prompt?]",
    ]
