"""Keys of token caches: another question is another key, and no key tells of its token."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.authentication.tokens.tokencachekey import CacheKeys

KEY = b"k" * 32


def cache_key(key: bytes, authenticator: str, audiences: tuple[str, ...], token: str) -> bytes:
    """The key of a lookup in a cache of its own."""
    return CacheKeys(key, authenticator, audiences).of(token)


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


def test_parts_are_framed() -> None:
    """The digest is over the count of audiences and every part with its length, in order."""
    wanted = hmac.new(KEY, digestmod="sha256")
    wanted.update((2).to_bytes(8, "big"))
    for part in (b"n", b"a", b"", "t\u00f6\udcff".encode("utf-8", "surrogateescape")):
        wanted.update(len(part).to_bytes(8, "big") + part)
    keys = CacheKeys(KEY, "n", ("a", ""))
    assert keys.of("t\u00f6\udcff") == keys.of("t\u00f6\udcff") == wanted.digest()
