"""The token cache: what is remembered, for how long, and one look-up for all who ask."""

import asyncio
import contextlib
from typing import Any

import pytest

from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.lookups.tokencache import TokenCache
from auditproxy.metrics.registry import Metrics
from tests.fakes.clocks import Clock
from tests.fakes.waiting import turns, until

ALICE = TokenUser(UserInfo(username="alice", groups=("dev",)))
DEADLINE = 10


class Tokens:
    """Knows ``good``, cannot check ``broken``, breaks down for ``crash``, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.good = "good"
        self.expires: int | None = None

    async def authenticate_token(self, token: str) -> TokenUser | None:
        self.asked.append(token)
        await self.gate.wait()
        if token == "broken":
            raise AuthenticationError("away")
        if token == "crash":
            raise ValueError("a canary")
        return TokenUser(ALICE.user, self.expires) if token == self.good else None


class Cached:
    """A cache over ``Tokens`` with its clock, metrics and reports."""

    def __init__(self, **changes: Any) -> None:
        self.inner = Tokens()
        self.clock = Clock()
        self.metrics = Metrics()
        self.reports: list[str] = []
        parameters: dict[str, Any] = {
            "wall_clock": lambda: int(self.clock.now * SECOND),
            "authenticator": "tokens",
            "key": b"k" * 32,
            "success_time_to_live": 10.0,
            "failure_time_to_live": 5.0,
        }
        self.cache = TokenCache(
            self.inner,
            metrics=self.metrics.token_cache,
            report=self.reports.append,
            clock=self.clock,
            **{**parameters, **changes},
        )

    async def ask(self, token: str) -> TokenUser | None:
        """Ask about a token."""
        return await self.cache.authenticate_token(token)

    def asking(self, token: str) -> "asyncio.Task[TokenUser | None]":
        """Ask about a token, without waiting."""
        return asyncio.ensure_future(self.ask(token))

    async def until_asked(self, count: int) -> None:
        """Return when the inner authenticator was asked so often."""
        await until(lambda: len(self.inner.asked) >= count, f"{count} questions")

    def metric(self, name: str, status: str) -> float | None:
        """One of the cache's metrics."""
        return self.metrics.registry.get_sample_value(
            f"authentication_token_cache_{name}", {"status": status}
        )


class TestTimes:
    """What is remembered and for how long."""

    async def test_times(self) -> None:
        """T077: a revoked token is refused after the one time, a new one known after the other."""
        cached = Cached()
        assert await cached.ask("good") == ALICE
        assert await cached.ask("new") is None
        cached.inner.good = "new"
        cached.clock.now += 4.9
        assert await cached.ask("good") == ALICE
        assert await cached.ask("new") is None
        assert len(cached.inner.asked) == 2
        cached.clock.now += 0.1
        assert await cached.ask("new") == ALICE
        cached.clock.now += 5
        assert await cached.ask("good") is None

    async def test_end_of_the_token(self) -> None:
        """T078: a user is remembered no longer than the token is good."""
        cached = Cached()
        cached.inner.expires = 107 * SECOND
        assert (await cached.ask("good")) == TokenUser(ALICE.user, 107 * SECOND)
        cached.clock.now = 106.9
        await cached.ask("good")
        assert len(cached.inner.asked) == 1
        cached.clock.now = 107.0
        cached.inner.good = ""
        assert await cached.ask("good") is None
        cached.inner.good, cached.inner.expires = "late", 100 * SECOND
        for count in (3, 4):
            assert await cached.ask("late") is not None
            assert len(cached.inner.asked) == count

    async def test_the_clock_is_set(self) -> None:
        """T078: a clock that jumps past the end of a token ends what is remembered of it."""
        wall = Clock()
        cached = Cached(wall_clock=lambda: int(wall.now * SECOND))
        cached.inner.expires = 105 * SECOND
        assert await cached.ask("good") is not None
        wall.now = 200.0
        cached.inner.good = ""
        assert await cached.ask("good") is None

    async def test_proof(self) -> None:
        """A remembered user's proof holds as long as it is remembered; each look at it is a hit."""
        cached = Cached()
        known = await cached.ask("good")
        assert known is not None
        assert known.proof is not None
        again = await cached.ask("good")
        assert again is known
        for now, holds in ((9.9, True), (10.0, False), (20.0, False)):
            cached.clock.now = 100.0 + now
            assert known.proof.holds(0) is holds
        assert cached.metric("request_total", "hit") == 2
        assert cached.metric("request_total", "miss") == 1
        assert (await cached.ask("good")) is not known
        assert len(cached.inner.asked) == 2

    async def test_proof_ends_with_the_token(self) -> None:
        """No proof holds past the end of the token by the wall clock, whatever the cache's says."""
        cached = Cached()
        cached.inner.expires = 105 * SECOND
        known = await cached.ask("good")
        assert known is not None
        assert known.proof is not None
        assert known.proof.holds(105 * SECOND - 1)
        assert not known.proof.holds(105 * SECOND)

    async def test_without_a_proof(self) -> None:
        """What is not remembered proves nothing, nor does what only an inner cache remembers."""
        inner = Cached()
        known = await inner.ask("good")
        assert known is not None
        assert known.proof is not None
        for outer in (Cached(success_time_to_live=0.0), Cached()):
            outer.inner = inner.cache  # type: ignore[assignment]
            outer.cache._inner = inner.cache
            found = await outer.ask("good")
            assert found == known
            if outer.cache._success_time_to_live:
                assert found.proof not in (None, known.proof)
            else:
                assert found.proof is None

    async def test_errors_are_not_remembered(self) -> None:
        """T072: a token that could not be checked is asked about again."""
        cached = Cached()
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                await cached.ask("broken")
        assert len(cached.inner.asked) == 2

    async def test_not_at_all(self) -> None:
        """A time of zero turns remembering off, of good and of bad tokens."""
        cached = Cached(success_time_to_live=0.0, failure_time_to_live=0.0)
        for token in ("bad", "bad", "good", "good"):
            await cached.ask(token)
        assert len(cached.inner.asked) == 4

    async def test_bounded(self) -> None:
        """A flood of tokens drops the least used, not the memory."""
        cached = Cached(size=10)
        await cached.ask("good")
        for number in range(100):
            await cached.ask(f"bad-{number}")
            await cached.ask("good")
        assert cached.inner.asked.count("good") == 1
        assert len(cached.cache._cache) == 10

    async def test_token_is_not_kept(self) -> None:
        """T080: the memory holds digests only."""
        cached = Cached()
        await cached.ask("canary")
        assert not any(b"canary" in key for key in cached.cache._cache._entries)

    async def test_answer_cannot_be_changed(self) -> None:
        """T075: what one request does to its user is not seen by the next."""
        cached = Cached()
        known = await cached.ask("good")
        assert known is not None
        with pytest.raises(AttributeError):
            known.user.groups = ("system:masters",)  # type: ignore[misc]
        with pytest.raises(AttributeError):
            known.user = UserInfo(username="root")  # type: ignore[misc]
        assert isinstance(known.user.groups, tuple)
        assert await cached.ask("good") == ALICE


class TestSharing:
    """One look-up for all who ask at once."""

    async def test_shared(self) -> None:
        """Many requests with one token ask once; another token asks for itself."""
        cached = Cached()
        cached.inner.gate.clear()
        tasks = [cached.asking("good") for _ in range(20)]
        other = cached.asking("bad")
        await cached.until_asked(2)
        assert cached.metric("active_fetch_count", "in_flight") == 2
        assert cached.metric("active_fetch_count", "blocked") == 21
        cached.inner.gate.set()
        assert await asyncio.gather(*tasks) == [ALICE] * 20
        assert await other is None
        assert sorted(cached.inner.asked) == ["bad", "good"]
        assert cached.metric("active_fetch_count", "in_flight") == 0
        assert cached.metric("active_fetch_count", "blocked") == 0

    async def test_leader_leaves(self) -> None:
        """T076: whoever asked first may leave; the others are answered, and it is remembered."""
        cached = Cached()
        cached.inner.gate.clear()
        leader = cached.asking("good")
        await cached.until_asked(1)
        follower = cached.asking("good")
        await turns()
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        cached.inner.gate.set()
        assert await follower == ALICE
        assert await cached.ask("good") == ALICE
        assert len(cached.inner.asked) == 1

    async def test_everybody_leaves_and_it_fails(self) -> None:
        """A failure that nobody waits for any more disturbs nobody."""
        cached = Cached()
        cached.inner.gate.clear()
        task = cached.asking("broken")
        await cached.until_asked(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cached.inner.gate.set()
        await until(lambda: not len(cached.cache._flights), "nothing is under way")

    async def test_failure_is_shared(self) -> None:
        """All who wait get the error, and the next one asks again."""
        cached = Cached()
        cached.inner.gate.clear()
        tasks = [cached.asking("broken") for _ in range(3)]
        await cached.until_asked(1)
        cached.inner.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [AuthenticationError] * 3
        assert len(cached.inner.asked) == 1
        with pytest.raises(AuthenticationError):
            await cached.ask("broken")
        assert len(cached.inner.asked) == 2

    async def test_its_own_time(self) -> None:
        """T076: a look-up that never ends is an error for all who wait, after its own time."""
        cached = Cached(timeout=0.01)
        cached.inner.gate.clear()
        with pytest.raises(AuthenticationError, match="more than 0.01 seconds"):
            await cached.ask("good")
        assert cached.metric("fetch_total", "error") == 1

    async def test_a_fault_of_ours(self) -> None:
        """What breaks down inside is a 401, said to operators without its text."""
        cached = Cached()
        with pytest.raises(AuthenticationError, match="authentication failed unexpectedly"):
            await cached.ask("crash")
        assert cached.reports == ["authentication failed unexpectedly: ValueError"]

    async def test_close(self) -> None:
        """Shutting down ends what is under way."""
        cached = Cached()
        cached.inner.gate.clear()
        task = cached.asking("good")
        await cached.until_asked(1)
        await cached.cache.close()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_metrics() -> None:
    """Hits, misses and look-ups are counted under kube-apiserver's names."""
    cached = Cached()
    for token in ("good", "good", "bad", "broken"):
        with contextlib.suppress(AuthenticationError):
            await cached.ask(token)
    assert cached.metric("request_total", "hit") == 1
    assert cached.metric("request_total", "miss") == 3
    assert cached.metric("request_duration_seconds_count", "miss") == 3
    assert cached.metric("fetch_total", "ok") == 2
    assert cached.metric("fetch_total", "error") == 1


async def test_two_caches() -> None:
    """T073: what one cache knows, another knows nothing of, with the same key too."""
    first, second = Cached(), Cached(audiences=("a",))
    second.cache._cache = first.cache._cache
    assert await first.ask("good") == ALICE
    second.inner.good = ""
    assert await second.ask("good") is None
