"""What is said of a log that was read."""

import pytest

from auditproxy.commands.policy.logs import LogEvents
from auditproxy.commands.policy.remarks import days_of, remark_log, span_note
from tests.fakes.policies import Text


def test_warnings() -> None:
    """Damaged files, lines that are no events, and requests that may be counted twice."""
    err = Text()
    log = LogEvents([], err)
    remark_log(log, 0, err)
    assert err.text == ""
    log.damaged, log.unreadable, log.first_unreadable = ["a is damaged"], 1, "a line 1: \x1b"
    remark_log(log, 2, err)
    assert err.text.splitlines() == [
        "auditproxy: warning: a is damaged",
        "auditproxy: warning: 1 line is not an event and was left out: a line 1: \\x1b",
        "auditproxy: warning: 2 requests had begun and not ended while many others did, and may be "
        "counted twice",
    ]
    log.unreadable = 2
    remark_log(log, 0, err)
    assert "2 lines are not events and were left out, the first of them: a" in err.text


@pytest.mark.parametrize(
    ("seconds", "days", "note"),
    [
        (None, None, "the log spans no time, so amounts of a day are not known"),
        (0.0, None, "the log spans no time, so amounts of a day are not known"),
        (3600.0, 1 / 24, "amounts of a day are extrapolated from 60 min"),
        (172800.0, 2.0, ""),
    ],
)
def test_span(seconds: float | None, days: float | None, note: str) -> None:
    """Amounts of a day need some time."""
    assert (days_of(seconds), span_note(seconds)) == (days, note)
