"""The lines of one session within its budget."""

import pytest

from auditproxy.apis.session import FoldedLines, Session, SessionEvent, SessionEventType
from auditproxy.apis.units import SECOND
from auditproxy.serializer.json import encode
from auditproxy.sessions.linebudget import MOST_BYTES, MOST_LINES, MOST_LINES_RATE, TOLD_EVERY
from auditproxy.supervision.reporting import Reporting
from tests.fakes.recorded import STARTED, a_session

COMMAND, FORWARDED = SessionEventType.COMMAND, SessionEventType.FORWARDED


class Reported:
    """A session that reports, and its lines."""

    def __init__(self, session: Session | None = None) -> None:
        self.lines: list[SessionEvent] = []
        self.reporting = Reporting(session or a_session(), self.lines.append)

    def enter(self, moment: int, count: int, text: str = "x") -> list[bool | FoldedLines]:
        """So many lines."""
        return [self.reporting.offer(COMMAND, moment, text, line=text) for _ in range(count)]


@pytest.fixture
def reported() -> Reported:
    """One."""
    return Reported()


def test_what_people_do_is_not_folded(reported: Reported) -> None:
    """A long script at once, and then a line every second for hours."""
    assert all(found is True for found in reported.enter(STARTED, 1_900))
    for second in range(1, 10_000):
        assert reported.enter(STARTED + second * SECOND, 2) == [True, True]
    assert reported.reporting.end(STARTED) == {}


def test_a_flood(reported: Reported) -> None:
    """A hundred thousand lines a second are the burst, a line that says so, and a few."""
    for second in range(10):
        reported.enter(STARTED + second * SECOND, 10_000)
    end = STARTED + 10 * SECOND
    assert reported.reporting.end(end).keys() == {COMMAND}
    own = [line for line in reported.lines if line.folded is None]
    folded = [line.folded for line in reported.lines if line.folded is not None]
    assert len(own) == MOST_LINES + 9 * MOST_LINES_RATE
    assert len(own) + sum(one.count for one in folded) == 100_000
    assert len(folded) == 2
    assert folded[0].count == 1, "at once: an alert is for now"
    assert {line.flags for line in reported.lines if line.folded} == {("hidden", "gap")}
    assert {line.line for line in reported.lines if line.folded} == {None}


def test_the_count_is_told_while_it_lasts(reported: Reported) -> None:
    """Not at the end alone."""
    reported.enter(STARTED, MOST_LINES)
    assert reported.enter(STARTED, 3) == [FoldedLines(count=1, first="x", last="x"), False, False]
    later = STARTED + TOLD_EVERY
    reported.enter(later, MOST_LINES_RATE * TOLD_EVERY // SECOND)
    assert reported.enter(later, 1) == [FoldedLines(count=3, first="x", last="x")]


def test_each_type_is_counted_by_itself(reported: Reported) -> None:
    """Connections are not commands."""
    reported.enter(STARTED, MOST_LINES + 3)
    reported.reporting.offer(FORWARDED, STARTED, "")
    reported.reporting.offer(FORWARDED, STARTED, "")
    found = reported.reporting.end(STARTED)
    assert {kind: one.count for kind, one in found.items()} == {COMMAND: 2, FORWARDED: 1}
    assert [line.type for line in reported.lines[-2:]] == [COMMAND, FORWARDED]


def test_no_session_takes_the_log_for_itself() -> None:
    """Whatever a request holds, the lines of a flood are a few MiB."""
    long = "x" * 60_000
    session = a_session(
        command=("sh", "-c", long, *["y"] * 6_000),
        container=long,
        node=long,
        source_ips=tuple(["192.0.2.1"] * 5_000),
    )
    reported = Reported(session)
    reported.reporting.line(SessionEventType.STARTED, STARTED)
    for number in range(20):
        reported.enter(STARTED, 1_000, f"{number}" * 4_000)
    (started, *others) = reported.lines
    assert started.command == session.command
    assert len(encode(started)) > 180_000
    assert max(map(len, map(encode, others))) < 8_000
    assert sum(map(len, map(encode, others))) < MOST_BYTES + 16_000
    command = others[0].command
    assert command[:2] == ("sh", "-c")
    assert command[-1].endswith("...TRUNCATED")


def test_long_lists_count_too() -> None:
    """Of arguments without end the first are shown."""
    reported = Reported(a_session(command=("a",) * 5_000))
    reported.enter(STARTED, 1)
    assert len(encode(reported.lines[0])) < 3_000
    assert reported.lines[0].command[-1].endswith("...TRUNCATED")


def test_what_is_short_is_whole(reported: Reported) -> None:
    """A line is understood alone."""
    session = a_session(command=("sh", "-c", "ls " + "/tmp " * 100))
    reported = Reported(session)
    reported.enter(STARTED, 1)
    assert reported.lines[0].command == session.command
    assert reported.lines[0].object_ref == session.object_ref
