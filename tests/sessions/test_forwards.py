"""Connections of a port-forward, counted."""

import gc
import tracemalloc

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened
from auditproxy.apis.units import SECOND
from auditproxy.sessions.castnotes import ConnectionClosedNote, ConnectionOpenedNote
from auditproxy.sessions.forwards import MOST_OPEN, Forwards


def test_two_connections() -> None:
    """Each has its own counts and duration."""
    forwards = Forwards()
    assert forwards.take(0, PortOpened(0, 80)) == ConnectionOpenedNote(connection=0, port=80)
    forwards.take(SECOND, PortOpened(1, 81))
    for connection, size in ((0, 1), (1, 10), (0, 2)):
        assert forwards.take(SECOND, PortCarried(connection, size % 2 == 1, size)) is None
    assert forwards.take(3 * SECOND // 2, PortClosed(0, "x\udce9")) == ConnectionClosedNote(
        connection=0, port=80, bytes_in=1, bytes_out=2, duration_seconds=1.5, error="x\ufffd"
    )
    assert forwards.close(2 * SECOND) == [
        ConnectionClosedNote(connection=1, port=81, bytes_out=10, duration_seconds=1.0)
    ]
    assert forwards.close(2 * SECOND) == []


def test_what_was_never_opened() -> None:
    """Nothing follows from it."""
    forwards = Forwards()
    assert forwards.take(0, PortCarried(3, True, 1)) is None
    assert forwards.take(0, PortClosed(3)) is None


def test_too_many() -> None:
    """So many are counted at once."""
    forwards = Forwards()
    for connection in range(MOST_OPEN + 10):
        assert forwards.take(0, PortOpened(connection, 80)) is not None
    assert len(forwards.close(1)) == MOST_OPEN


def test_places_are_used_again() -> None:
    """A long port-forward has many connections, one after the other, each with its own counts."""
    forwards = Forwards()
    for connection in range(3 * MOST_OPEN):
        forwards.take(0, PortOpened(connection, 80))
        forwards.take(0, PortCarried(connection, True, connection))
        note = forwards.take(SECOND, PortClosed(connection - 1))
        if connection:
            assert isinstance(note, ConnectionClosedNote)
            assert (note.bytes_in, note.bytes_out) == (connection - 1, 0)
    forwards.lost()
    (note,) = forwards.close(SECOND)
    assert note.has_gap
    forwards.take(0, PortOpened(0, 80))
    assert not forwards.close(0)[0].has_gap


def test_an_open_connection_takes_little() -> None:
    """There may be hundreds of each session, and each is followed twice."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        forwards = Forwards()
        for connection in range(MOST_OPEN):
            forwards.take(1_700_000_000_000_000_000, PortOpened(connection, 8080))
            forwards.take(0, PortCarried(connection, True, 1_000_000))
            forwards.take(0, PortCarried(connection, False, 1_000_000))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 75 * MOST_OPEN
    finally:
        tracemalloc.stop()
