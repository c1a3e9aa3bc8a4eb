"""Output that came at once is one event; nothing else changes, and nothing moves in time by much."""

from collections.abc import Sequence
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Carried, Channel, InputClosed, Resized, StreamEvent
from auditproxy.supervision.account import Missing, Timed
from auditproxy.supervision.joining import JOINED_SIZE, JOINED_TIME, joined

CARRIED = st.builds(Carried, st.sampled_from(Channel), st.binary(min_size=1, max_size=4))
OTHERS = st.sampled_from([Resized(80, 24), InputClosed(), Missing(3)])
STEPS = st.sampled_from([0, 1, JOINED_TIME // 3, JOINED_TIME - 1, JOINED_TIME, 50 * JOINED_TIME])
BATCHES = st.lists(st.tuples(STEPS, CARRIED | OTHERS), max_size=30)


def timed(steps: Sequence[tuple[int, StreamEvent | Missing]]) -> list[Timed]:
    """A batch of events, each so long after the one before it."""
    now, batch = 0, []
    for step, event in steps:
        now += step
        batch.append((now, event))
    return batch


def moments(batch: Sequence[Timed]) -> list[tuple[object, int]]:
    """Each byte of the streams, and each other event, with its time."""
    found: list[tuple[object, int]] = []
    for moment, event in batch:
        if isinstance(event, Carried):
            found += [((event.channel, byte), moment) for byte in event.data]
        else:
            found.append((event, moment))
    return found


@given(BATCHES)
def test_what_is_joined(steps: list[tuple[int, StreamEvent | Missing]]) -> None:
    """The same bytes and events in the same order; a byte is at most JOINED_TIME early."""
    batch = timed(steps)
    before, after = moments(batch), moments(list(joined(batch)))
    assert [what for what, _ in after] == [what for what, _ in before]
    for (what, was), (_, now) in zip(before, after, strict=True):
        is_output = isinstance(what, tuple) and what[0] is not Channel.STDIN
        assert 0 <= was - now < (JOINED_TIME if is_output else 1)


@given(BATCHES)
def test_what_came_at_once_is_one(steps: list[tuple[int, StreamEvent | Missing]]) -> None:
    """So many events as there are runs of one channel's output; keys are left as they are."""
    batch: list[Timed] = [(0, event) for _, event in steps]

    def run(item: tuple[int, Timed]) -> object:
        at, (_, event) = item
        is_output = isinstance(event, Carried) and event.channel is not Channel.STDIN
        return event.channel if is_output and isinstance(event, Carried) else at + len(Channel)

    runs = [key for key, _ in groupby(enumerate(batch), run)]
    assert len(list(joined(batch))) == len(runs)


def test_size_of_a_piece() -> None:
    """Pieces are bounded; one that is larger by itself is as it came."""
    half, large = b"x" * (JOINED_SIZE // 2), b"x" * (JOINED_SIZE + 1)
    batch: list[Timed] = [(0, Carried(Channel.STDOUT, data)) for data in (half, half, half, large)]
    sizes = [len(event.data) for _, event in joined(batch) if isinstance(event, Carried)]
    assert sizes == [JOINED_SIZE, JOINED_SIZE // 2, JOINED_SIZE + 1]
