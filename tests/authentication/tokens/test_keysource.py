"""Keys by the id that a token names."""

import pytest

from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws, parse_jws
from auditproxy.authentication.tokens.keysource import StaticKeys, candidates
from auditproxy.authentication.tokens.publickeys import PublicKey
from tests.fakes.tokens import ec_key, public, rsa_key, signed


def jws(**header: str) -> Jws:
    """A token of ``rsa_key()``."""
    found = parse_jws(signed({"a": 1}, **header))
    assert found is not None
    return found


def named(key_id: str, number: int = 0) -> PublicKey:
    """A key under a name."""
    return PublicKey(key_id, public(rsa_key(number)).key)


def test_candidates() -> None:
    """Only keys with the id; all of them; all keys for a token without an id."""
    keys = (named("a"), named("b"), named("a", 1), named(""))
    assert candidates(jws(kid="a"), keys) == (keys[0], keys[2])
    assert candidates(jws(kid="c"), keys) == ()
    assert candidates(jws(), keys) == keys


async def test_static_keys() -> None:
    """Any key with the id may have signed; the error tells which of the two it was."""
    await StaticKeys((named("a", 1), named("a"))).check_signature(jws(kid="a"))
    await StaticKeys((public(ec_key()), named("b"))).check_signature(jws())
    with pytest.raises(AuthenticationError, match="no keys found"):
        await StaticKeys((named("b"),)).check_signature(jws(kid="a"))
    with pytest.raises(AuthenticationError, match="signature of the token is not valid"):
        await StaticKeys((named("a", 1),)).check_signature(jws(kid="a"))


async def test_given_check() -> None:
    """Whoever is given does the work, and sees the candidates only."""
    seen = []

    async def check(token: Jws, keys: tuple[PublicKey, ...]) -> bool:
        seen.append(keys)
        return len(keys) == 1

    keys = (named("a", 1), named("b", 2))
    await StaticKeys(keys, check).check_signature(jws(kid="b"))
    assert seen == [(keys[1],)]
