"""The fuzzer of sessions, briefly; and its oracle, which must see what it is there for."""

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    StreamEvent,
    Unreadable,
)
from tests.fuzz.streams import faults, run


def test_nothing_is_found() -> None:
    """Bent frames of both protocols: no exception, cut anywhere the same, bounded memory."""
    counts, findings = run(1000, seed=7)
    assert findings == []
    assert counts["frames"] >= 1000


LOST = Unreadable(True, "r")


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([Carried(Channel.STDIN, b"a"), LOST], False),
        ([LOST, Carried(Channel.STDOUT, b"a"), Outcome(0)], False),
        ([LOST, Unreadable(False, "r")], False),
        ([LOST, Carried(Channel.STDIN, b"a")], True),
        ([LOST, InputClosed()], True),
        ([LOST, PortCarried(0, True, 1)], True),
        ([LOST, LOST], True),
        ([Unreadable(False, "r"), Carried(Channel.STDERR, b"a")], True),
        ([Carried(Channel.STDIN, b"")], True),
        ([PortCarried(0, True, 0)], True),
    ],
)
def test_oracle(events: list[StreamEvent], wrong: bool) -> None:
    """What a direction that was given up still reports is a finding."""
    assert bool(faults(events)) is wrong
