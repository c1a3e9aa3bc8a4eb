"""A memo gives what was put into it, and never holds more than its bound."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.memo import Memo


@given(st.integers(min_value=1, max_value=5), st.lists(st.integers(min_value=0, max_value=9)))
def test_bound(most: int, keys: list[int]) -> None:
    """What is remembered last is there; what is there is right."""
    memo: Memo[int, str] = Memo(most)
    for key in keys:
        found = memo.get(key) or memo.remember(key, str(key))
        assert found == str(key) == memo[key]
        assert len(memo) <= most
    assert all(value == str(key) for key, value in memo.items())
