"""backends/spool/form.py: what a spool reads of the lines of audit events."""

from auditproxy.audit.gaps import EVENTS, FIRST, Gap
from auditproxy.backends.spool.form import event_form
from tests.fakes.spool import TIME, line


def test_events() -> None:
    """A gap event is a line, which says what the gap counts; an event's own is its ID and time."""
    form = event_form("webhook")
    gap = Gap()
    gap.add("a", TIME, "spool-full")
    told = form.counted(form.gap_line(gap, TIME))
    assert (told.time, told.annotations[EVENTS], told.annotations[FIRST]) == (TIME, "1", TIME)
    assert form.counted(line("b")).identity == "b"
    assert form.owner == "audit plugin 'webhook'"
