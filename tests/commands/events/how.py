"""How requests are shown, for tests."""

from datetime import UTC
from typing import Any

from auditproxy.apis.units import SECOND
from auditproxy.commands.events.printing import Shown

NOW = 1_795_428_000 * SECOND
"""2026-11-23T10:00:00Z."""


def shown(**settings: Any) -> Shown:
    """How requests are shown, with the defaults of the flags."""
    defaults: dict[str, Any] = {
        "output": "table", "diff": False, "limit": 50, "oldest_first": True, "zone": UTC,
        "now": NOW, "is_colored": False, "width": None,
    }  # fmt: skip
    return Shown(**(defaults | settings))
