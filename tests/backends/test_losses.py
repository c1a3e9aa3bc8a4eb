"""Losses: exact counts, and a line at most once a minute for each cause."""

from auditproxy.apis.operatorline import fields_of
from tests.fakes.backends import Told, dropped, value


def test_counted_and_told() -> None:
    """Every loss is counted at once; the first of a cause is told at once."""
    told = Told("webhook")
    told.losses.lost(3, plugin="buffered", reason="buffer-full", text="audit buffer queue blocked")
    assert dropped(told.metrics, "buffer-full", "webhook") == 3
    assert value(told.metrics, "apiserver_audit_error_total", plugin="buffered") == 3
    assert told.lines == [
        "Error in audit plugin 'buffered' affecting 3 audit events: audit buffer queue blocked"
    ]
    assert fields_of(told.lines[0]) == {"plugin": "buffered", "count": 3}


def test_once_a_minute() -> None:
    """The next line says how many there were since; other causes are told by themselves."""
    told = Told()
    for count in (1, 2, 4):
        told.losses.lost(count, plugin="log", reason="disk-full", text="no space")
    told.losses.lost(1, plugin="log", reason="write-error", text="broken")
    assert [line.split("affecting ")[1] for line in told.lines] == [
        "1 audit events: no space",
        "1 audit events: broken",
    ]
    told.now = 61.0
    told.losses.lost(8, plugin="log", reason="disk-full", text="no space")
    assert told.lines[2].endswith("affecting 14 audit events: no space")
    assert dropped(told.metrics, "disk-full") == 15


def test_rest() -> None:
    """At the end nothing is left untold."""
    told = Told()
    for _ in range(3):
        told.losses.lost(1, plugin="log", reason="disk-full", text="no space")
    told.losses.tell_rest()
    told.losses.tell_rest()
    assert [line.split("affecting ")[1] for line in told.lines] == [
        "1 audit events: no space",
        "2 audit events: no space",
    ]
