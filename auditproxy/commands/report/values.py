"""Values of reports as people read them."""

from typing import Any

from auditproxy.commands.policy.tables import amount
from auditproxy.reading.reports.report import BYTES, COUNT, SHARE, TIME
from auditproxy.serializer.json import go_text


def shown(value: Any, form: str) -> str:
    """A value in its form; a dash where there is none."""
    if value is None or value == "":
        return "-"
    if form == BYTES:
        return amount(value)
    if form == SHARE:
        return f"{100 * value:.1f} %"
    if form == COUNT:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    if form == TIME:
        # In seconds, as events are listed.
        return f"{str(value).partition('.')[0].removesuffix('Z')}Z"
    return go_text(str(value))
