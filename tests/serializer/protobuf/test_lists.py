"""The JSON of an object with lists, written group by group."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.protobuf.lists import GROUP, object_with_lists

TEXTS = st.text(st.sampled_from('a<>&\u2028\u2029\u00e9\\"'), max_size=4)
MEMBERS = st.lists(st.one_of(st.none(), TEXTS, st.lists(TEXTS, min_size=1, max_size=5)), max_size=5)


def written(members: list[str | list[str] | None], budget: Budget | None = None) -> bytes:
    """The object of some members, of which None is left out."""
    slots: list[bytes] = []
    lists: dict[int, tuple[bytes, list[bytes]]] = {}
    for number, member in enumerate(members):
        name = b'"m%d":' % number
        if isinstance(member, list):
            lists[number] = name, [msgspec.json.encode(item) for item in member]
            slots.append(b"not used")
        else:
            slots.append(b"" if member is None else name + msgspec.json.encode(member))
    return object_with_lists(slots, lists, budget)


@given(MEMBERS)
def test_the_same_object(members: list[str | list[str] | None]) -> None:
    """Every member is in it, in its order, spelled as Go spells it."""
    raw = written(members)
    wanted = {f"m{number}": each for number, each in enumerate(members) if each is not None}
    assert msgspec.json.decode(raw) == wanted
    assert list(msgspec.json.decode(raw)) == list(wanted)
    for unwanted in (b"<", b">", b"&", "\u2028".encode(), "\u2029".encode()):
        assert unwanted not in raw


@pytest.mark.parametrize("size", [1, GROUP // 2, GROUP - 3, GROUP - 2, GROUP, 3 * GROUP])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_groups_leave_no_trace(size: int, count: int) -> None:
    """Whatever the groups are, the list is one."""
    items = [chr(ord("a") + number) * size for number in range(count)]
    assert written([items, "behind"]) == msgspec.json.encode({"m0": items, "m1": "behind"})


def test_each_group_is_a_look_at_the_clock() -> None:
    """A body that is not wanted any more is not written to its end."""
    looks: list[int] = []
    items = ["x" * GROUP] * 4

    def stopped() -> bool:
        looks.append(1)
        return len(looks) == 3

    with pytest.raises(BudgetExceededError):
        written([items], Budget(1, stopped=stopped))
    assert len(looks) == 3
