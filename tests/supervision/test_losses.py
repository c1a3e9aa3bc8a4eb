"""What passed and was not accounted for: counted, or told later."""

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    Resized,
    Unreadable,
)
from auditproxy.supervision.account import Missing
from auditproxy.supervision.losses import SessionLosses


def test_what_is_counted() -> None:
    """Bytes, those that the client sent, and connections that began; told once."""
    losses = SessionLosses()
    assert not losses
    for event in (
        Carried(Channel.STDIN, b"abc"),
        Carried(Channel.STDOUT, b"abcd"),
        PortCarried(0, True, 5),
        PortOpened(1, 80),
        PortClosed(1),
    ):
        losses.lose(event)
    assert losses
    assert losses.tell() == [Missing(12, 3, 1)]
    assert not losses
    assert losses.tell() == []
    assert losses.size == 12


def test_an_end_alone_is_a_gap() -> None:
    """Of a connection: how long it took is not known."""
    losses = SessionLosses()
    losses.lose(PortClosed(1))
    assert losses.tell() == [Missing(0)]


def test_a_beginning_alone_is_a_gap() -> None:
    """A connection that no line has; where that cannot be told, it is told later."""
    losses = SessionLosses()
    losses.lose(PortOpened(1, 80))
    (told,) = losses.tell()
    losses.lose(told)
    assert losses.tell() == [told] == [Missing(0, 0, 1)]


def test_what_was_to_be_told_is_told_again() -> None:
    """And counted once."""
    losses = SessionLosses()
    losses.lose(Carried(Channel.STDIN, b"abc"))
    (told,) = losses.tell()
    losses.lose(told)
    losses.lose(Carried(Channel.STDIN, b"d"))
    assert losses.tell() == [Missing(4, 4)]
    assert losses.size == 4


def test_what_is_not_lost() -> None:
    """One of each: the first that cannot be read of a side, and the last of others."""
    losses = SessionLosses()
    for number in range(100):
        losses.lose(Unreadable(number % 2 == 0, str(number)))
        losses.lose(Resized(number, number))
        losses.lose(Outcome(number))
        losses.lose(InputClosed())
    assert losses.tell() == [
        Unreadable(True, "0"),
        Resized(99, 99),
        Outcome(99),
        InputClosed(),
        Unreadable(False, "1"),
    ]
    assert (losses.size, losses.tell()) == (0, [])
