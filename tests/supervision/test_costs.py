"""What events cost: their work, and not their bytes alone."""

import pytest

from auditproxy.apis.session import Carried, Channel, Resized, StreamEvent
from auditproxy.supervision.account import Missing
from auditproxy.supervision.costs import EVENT_COST, KEY_COST, cost_of, cost_of_all

STDIN, STDOUT = Channel.STDIN, Channel.STDOUT


@pytest.mark.parametrize(
    ("event", "cost"),
    [
        (Carried(STDOUT, b"\r\n" * 50), EVENT_COST + 100),
        (Carried(STDIN, "grün".encode() * 10), EVENT_COST + 50),
        (Carried(STDIN, b"\r" * 10), EVENT_COST + 10 * (1 + KEY_COST)),
        (Carried(STDIN, b"\x1b[13u\x1bOM\x7f\x0f"), EVENT_COST + 10 + 4 * KEY_COST),
        (Resized(80, 24), EVENT_COST),
        (Missing(10_000), 0),
    ],
)
def test_a_key_is_as_much_work_as_an_event(event: StreamEvent | Missing, cost: int) -> None:
    """Whatever bytes it has: every key but text begins with a control character."""
    assert cost_of(event, keys=True) == cost


def test_bytes_that_are_no_keys() -> None:
    """A file that is sent on standard input is bytes."""
    batch = [(1, Carried(STDIN, bytes(range(256)))), (2, Carried(STDOUT, b"x"))]
    assert cost_of_all(batch, keys=False) == 2 * EVENT_COST + 257
