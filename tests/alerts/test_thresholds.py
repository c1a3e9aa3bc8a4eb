"""Windows: counts within a time, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.rules import Threshold
from auditproxy.alerts.thresholds import FEWEST_WINDOWS, MAXIMUM_WINDOWS, Windows


def test_count() -> None:
    """The third within ten; older ones do not count, the border does."""
    windows = Windows(Threshold(count=3, within=10))
    assert [windows.reached(("a",), now, "") for now in (0, 5, 10, 16, 17)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not windows.reached(("b",), 18, "")


def test_distinct() -> None:
    """The same value again counts once, by its latest time."""
    windows = Windows(Threshold(count=2, within=10, distinct="name"))
    assert [windows.reached((), now, value) for now, value in enumerate("aaab")] == [
        False,
        False,
        False,
        True,
    ]
    assert not windows.reached((), 50, "c")


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
        assert plain.reached((), now, value) == (len(inside) >= 3)
        assert distinct.reached((), now, value) == (len(set(inside)) >= 2)


def test_bounded() -> None:
    """Many users and many values leave a bounded number of windows."""
    few, many = Windows(Threshold(count=2, within=10)), Windows(Threshold(count=1000, within=10))
    distinct = Windows(Threshold(count=2, within=10, distinct="name"))
    for number in range(MAXIMUM_WINDOWS + 50):
        few.reached((str(number),), 0, "")
        many.reached((str(number),), 0, "")
        distinct.reached((str(number),), 0, "")
    assert len(few) == MAXIMUM_WINDOWS
    assert len(many) == FEWEST_WINDOWS
    assert len(distinct) == MAXIMUM_WINDOWS
