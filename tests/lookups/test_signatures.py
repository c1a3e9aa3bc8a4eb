"""Slow signatures go to threads."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auditproxy.authentication.tokens.jws import Jws, parse_jws
from auditproxy.authentication.tokens.publickeys import PublicKey
from auditproxy.lookups.signatures import SignatureThreads, is_fast
from tests.fakes.tokens import Private, ec_key, public, rsa_key, signed
from tests.fakes.waiting import turns


def token(key: Private, algorithm: str) -> Jws:
    """A token of a key."""
    jws = parse_jws(signed({"a": 1}, key, algorithm))
    assert jws is not None
    return jws


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(rsa_key(), "RS256"), (ec_key(), "ES256"), (ec_key(ec.SECP521R1), "ES512")],
)
async def test_check(key: Private, algorithm: str) -> None:
    """The answer is the same, on a thread or not."""
    threads = SignatureThreads()
    jws, own, other = token(key, algorithm), public(key), public(rsa_key(1))
    assert await threads.check(jws, (own,))
    assert await threads.check(jws, (other, own))
    assert not await threads.check(jws, (other,))
    assert not await threads.check(jws, (other, other))
    assert not await threads.check(jws, ())
    threads.close()


def test_what_is_fast() -> None:
    """P-256 and RSA up to 4096 bits; the larger ones are what threads are for."""
    assert is_fast(public(rsa_key()))
    assert is_fast(public(ec_key()))
    assert not is_fast(public(ec_key(ec.SECP384R1)))
    assert not is_fast(public(ec_key(ec.SECP521R1)))
    large = rsa.RSAPublicNumbers(65537, 2**4096 + 1).public_key()
    assert not is_fast(PublicKey("", large))


async def test_flood() -> None:
    """T327: a flood of slow signatures leaves the loop to others, on a few threads of its own."""
    threads = SignatureThreads()
    loop = asyncio.get_running_loop()
    jws, own = token(ec_key(ec.SECP521R1), "ES512"), public(ec_key(ec.SECP521R1))
    before = threading.active_count()
    flood = asyncio.gather(*(threads.check(jws, (own,)) for _ in range(600)))
    lags = []
    while not flood.done():
        began = loop.time()
        await turns()
        lags.append(loop.time() - began)
    assert all(await flood)
    assert threading.active_count() - before <= 2
    # Turns that others took while 200 milliseconds of signatures were checked.
    assert len(lags) > 10
    assert sorted(lags)[len(lags) // 2] < 0.05
    threads.close()


class Held(tuple[PublicKey, ...]):
    """Keys that a thread cannot look at before ``gate`` is open; ``reached`` says that it tries."""

    gate: threading.Event
    reached: threading.Event

    def __iter__(self) -> Iterator[PublicKey]:
        self.reached.set()
        self.gate.wait(5)
        return super().__iter__()


async def test_close() -> None:
    """What is under way ends as it began; what waits is not begun."""
    threads = SignatureThreads(1)
    jws, own = token(ec_key(), "ES256"), public(ec_key())
    keys = Held((own, own))
    keys.gate, keys.reached = threading.Event(), threading.Event()
    first = asyncio.ensure_future(threads.check(jws, keys))
    assert await asyncio.to_thread(keys.reached.wait, 5)
    second = asyncio.ensure_future(threads.check(jws, (own, own)))
    await turns()
    threads.close()
    keys.gate.set()
    assert await first
    with pytest.raises(asyncio.CancelledError):
        await second
