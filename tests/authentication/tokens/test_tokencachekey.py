"""Keys of token caches: another question is another key, and no key tells of its token."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.authentication.tokens.tokencachekey import cache_key

KEY = b"k" * 32
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@given(
    st.lists(
        st.tuples(TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_keys_do_not_collide(questions: list[tuple[str, tuple[str, ...], str]]) -> None:
    """T073, T074: no two questions share an entry, wherever their parts are cut."""
    assert len({cache_key(KEY, *question) for question in questions}) == len(questions)


def test_keys_are_keyed() -> None:
    """T073, T074: parts are not just joined, and another cache has other keys."""
    assert cache_key(KEY, "a", (), "bc") != cache_key(KEY, "ab", (), "c")
    assert cache_key(KEY, "n", ("a", "bc"), "t") != cache_key(KEY, "n", ("ab", "c"), "t")
    assert cache_key(KEY, "n", ("a", "b"), "t") != cache_key(KEY, "n", ("b", "a"), "t")
    assert cache_key(KEY, "n", ("a",), "b") != cache_key(KEY, "n", (), "a\0b")
    assert cache_key(KEY, "n", (), "b") != cache_key(b"l" * 32, "n", (), "b")
    assert b"canary" not in cache_key(KEY, "n", (), "canary")
