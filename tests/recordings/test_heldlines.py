"""Lines that wait to be written."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Carried, Channel
from auditproxy.recordings.heldlines import LONG, HeldLines
from auditproxy.recordings.recordedbytes import RecordedBytes
from auditproxy.sessions.castlines import PIECE, apart, plain_lines


def test_header_apart() -> None:
    """It waits while others are dropped; bytes count as recorded once their lines are written."""
    recorded = RecordedBytes(lambda channel: True, None)
    held = HeldLines(recorded)
    recorded.take(Carried(Channel.STDOUT, b"abcdef"), is_stopped=False)
    assert not held
    assert list(held.after_header([b"header", b"abc"], [0, 3])) == [(b"abc", 3)]
    held.add(b"abc", 3)
    assert (held.header, held.joined, len(held)) == (b"header", b"headerabc", 9)
    assert recorded.missing() == 3
    held.drop()
    assert (held.joined, recorded.missing()) == (b"header", 6)
    held.add(b"def", 3)
    held.wrote()
    held.drop()
    assert (held.header, held.joined, recorded.missing()) == (b"", b"", 3)
    held.add_all([b"note"])
    assert held.joined == b"note"


SIZES = st.sampled_from([0, 1, 40, LONG - 1, LONG, LONG + 1, 5 * LONG])


@given(st.lists(SIZES, max_size=12))
def test_order_of_short_and_long_lines(sizes: list[int]) -> None:
    """All lines come in the order in which they were added, however long they are."""
    held = HeldLines(RecordedBytes(lambda channel: True, None))
    lines = [bytes((65 + at,)) * size for at, size in enumerate(sizes)]
    for one in lines:
        held.add(one, len(one))
    assert (held.joined, len(held)) == (b"".join(lines), sum(sizes))
    held.wrote()
    assert (held.joined, len(held)) == (b"", 0)


@given(st.integers(1, 4 * PIECE), st.integers(-1, 5 * PIECE))
def test_lines_that_fit(size: int, room: int) -> None:
    """Whole lines, as many as there is room for, count as held; none behind one that does not fit."""
    recorded = RecordedBytes(lambda channel: True, None)
    held = HeldLines(recorded)
    recorded.take(Carried(Channel.STDOUT, b"x" * size), is_stopped=False)
    lines = plain_lines("1.5", "o", b"x" * size)
    wanted, left = [], room
    for one, part in apart(lines, size):
        if len(one) > left:
            break
        left -= len(one)
        wanted.append((one, part))
    assert held.fit(lines, size, room) is (len(lines) <= room)
    assert held.joined == b"".join(one for one, _ in wanted)
    assert recorded.missing() == size - sum(part for _, part in wanted)
