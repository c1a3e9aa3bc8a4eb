"""Windows: counts within a time, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.rules import Threshold
from auditproxy.alerts.thresholds import FEWEST_WINDOWS, MAXIMUM_WINDOWS, Windows

ALICE, MALLORY = ("alice", ""), ("mallory", "")


def test_count() -> None:
    """The third within ten; older ones do not count, the border does."""
    windows = Windows(Threshold(count=3, within=10))
    assert [windows.reached(("a",), now, "", ALICE) for now in (0, 5, 10, 16, 17)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not windows.reached(("b",), 18, "", ALICE)


def test_distinct() -> None:
    """The same value again counts once, by its latest time."""
    windows = Windows(Threshold(count=2, within=10, distinct="name"))
    assert [windows.reached((), now, value, ALICE) for now, value in enumerate("aaab")] == [
        False,
        False,
        False,
        True,
    ]
    assert not windows.reached((), 50, "c", ALICE)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), max_size=30))
def test_as_a_plain_count(events: list[tuple[int, str]]) -> None:
    """The bounded window decides as a list of everything does."""
    plain, distinct = (
        Windows(Threshold(count=3, within=10)),
        Windows(Threshold(count=2, within=10, distinct="name")),
    )
    events.sort()
    for index, (now, value) in enumerate(events):
        inside = [other for time, other in events[: index + 1] if time >= now - 10]
        assert plain.reached((), now, value, ALICE) == (len(inside) >= 3)
        assert distinct.reached((), now, value, ALICE) == (len(set(inside)) >= 2)


def test_bounded() -> None:
    """Many users and many values leave a bounded number of windows."""
    few, many = Windows(Threshold(count=2, within=10)), Windows(Threshold(count=1000, within=10))
    distinct = Windows(Threshold(count=2, within=10, distinct="name"))
    for number in range(MAXIMUM_WINDOWS + 50):
        few.reached((str(number),), 0, "", ALICE)
        many.reached((str(number),), 0, "", ALICE)
        distinct.reached((str(number),), 0, "", ALICE)
    assert len(few) == MAXIMUM_WINDOWS
    assert len(many) == FEWEST_WINDOWS
    assert len(distinct) == MAXIMUM_WINDOWS


def test_those_of_others_stay() -> None:
    """Whoever begins very many windows ends only their own."""
    windows = Windows(Threshold(count=2, within=10))
    assert not windows.reached(("alice",), 0, "", ALICE)
    for number in range(MAXIMUM_WINDOWS * 2):
        windows.reached((str(number),), 1, "", MALLORY)
    assert len(windows) == MAXIMUM_WINDOWS
    assert windows.reached(("alice",), 2, "", ALICE)
    assert not windows.reached(("0",), 2, "", MALLORY)
    assert windows.reached((str(MAXIMUM_WINDOWS * 2 - 1),), 2, "", MALLORY)


def test_a_window_counts_for_all() -> None:
    """Where events are not grouped by user, those of several users count together."""
    windows = Windows(Threshold(count=2, within=10))
    assert not windows.reached(("namespace",), 0, "", ALICE)
    assert windows.reached(("namespace",), 0, "", MALLORY)
    assert len(windows) == 1
