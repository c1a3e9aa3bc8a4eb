"""Values by numbers, and rows of integers, as a dict and a list have them."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.numbered import IntegerRows, NumberedValues

NUMBERS = st.integers(0, 9) | st.sampled_from([300, 2**31 - 1, 2**32 - 1])


@given(st.lists(st.tuples(NUMBERS, st.integers(0, 65535) | st.none())))
def test_values_are_those_of_a_dict(steps: list[tuple[int, int | None]]) -> None:
    """Whatever is added and taken away, and in which order."""
    numbered, known = NumberedValues(), dict[int, int]()
    for number, value in steps:
        if value is None:
            assert numbered.pop(number) == known.pop(number, -1)
        elif number not in known:
            numbered.add(number, value)
            known[number] = value
        assert numbered.get(number) == known.get(number, -1)
        assert len(numbered) == len(known)
        assert numbered.numbers() == sorted(known)
        assert numbered.values() == [known[each] for each in sorted(known)]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.booleans())))
def test_rows_keep_to_their_places(steps: list[tuple[int, bool]]) -> None:
    """A place that is free is used again, and no other row changes."""
    rows, known, most = IntegerRows(2), dict[int, list[int]](), 0
    for integer, takes in steps:
        if takes and known:
            place = min(known)
            assert rows.pop(place) == known.pop(place)
        else:
            place = rows.add(integer, 7)
            assert place not in known
            known[place] = [integer, 7]
        most = max(most, len(known))
        assert all(rows.row(place) == row for place, row in known.items())
        assert len(rows.numbers) == 2 * most
