"""IssuerKeys against a real issuer on loopback: rotation, storms, and answers that are none."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws, parse_jws
from auditproxy.authentication.tokens.keysource import check_here
from auditproxy.clients.fetcher import HttpsFetcher
from auditproxy.lookups.issuerkeys import KEPT, LONGEST_PERIOD, RETRY, IssuerKeys
from auditproxy.lookups.keydocuments import DiscoveredKeys
from auditproxy.metrics.issuers import IssuerMetrics
from tests.fakes.issuer import BOMB, DRIP, HANG, HTML, HUGE, KEYS, RESET, FakeIssuer, Step
from tests.fakes.tokens import ec_key, rsa_key
from tests.fakes.waiting import until
from tests.fakes.webhook import answer


class Clock:
    """Seconds that pass when told to; its sleeper wakes with them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._wake = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until somebody says that the time is over."""
        self.slept.append(seconds)
        self._wake.clear()
        await self._wake.wait()

    def over(self) -> None:
        """The sleep that is under way is over."""
        self.now += self.slept[-1]
        self._wake.set()


class Keys:
    """Keys of an issuer, and what they told."""

    def __init__(
        self,
        issuer: FakeIssuer,
        timeout: float = 5.0,
        metrics: IssuerMetrics | None = None,
    ) -> None:
        context = ssl.create_default_context(cadata=issuer.ca)
        self.fetcher = HttpsFetcher(context, timeout)
        self.clock = Clock()
        self.told: list[str] = []
        self.registry = CollectorRegistry()
        self.metrics = metrics or IssuerMetrics(self.registry)
        self.keys = IssuerKeys(
            issuer.url,
            "--flag",
            DiscoveredKeys(issuer.jwt().issuer, self.fetcher),
            check=check_here,
            metrics=self.metrics,
            report=self.told.append,
            inform=self.told.append,
            clock=self.clock,
            wall_clock=time.time,
            sleep=self.clock.sleep,
        )

    async def until_asleep(self, times: int) -> None:
        """Until the refreshing sleeps for the n-th time."""
        await until(lambda: len(self.clock.slept) >= times, f"sleep number {times}")

    async def accepts(self, token: str) -> bool:
        """Whether one of the keys signed a token."""
        jws = parse_jws(token)
        assert isinstance(jws, Jws)
        try:
            await self.keys.check_signature(jws)
        except AuthenticationError:
            return False
        return True


@contextlib.asynccontextmanager
async def started(folder: Path, **settings: Any) -> AsyncIterator[tuple[FakeIssuer, Keys]]:
    """An issuer with one key, and its keys loaded."""
    async with FakeIssuer(folder) as issuer:
        issuer.publish(rsa_key())
        made = Keys(issuer, **settings)
        made.keys.start()
        await made.until_asleep(1)
        try:
            yield issuer, made
        finally:
            await made.keys.close()
            await made.fetcher.close()


async def test_loaded_before_the_first_token(tmp_path: Path) -> None:
    """A good token costs no request."""
    async with started(tmp_path) as (issuer, made):
        before = list(issuer.requests)
        assert await made.accepts(issuer.token())
        assert issuer.requests == before
        assert made.clock.slept == [LONGEST_PERIOD]
        assert "1 keys, loaded 0 seconds ago" in made.keys.describe()


async def test_rotation(tmp_path: Path) -> None:
    """A token of a new key is the reason to load it; it is accepted at once."""
    async with started(tmp_path) as (issuer, made):
        made.clock.now += RETRY
        issuer.publish(ec_key(), "ES256", kid="b")
        assert await made.accepts(issuer.token())


async def test_removed_key(tmp_path: Path) -> None:
    """T070: a key that is published no more counts until the next load, within five minutes."""
    async with started(tmp_path) as (issuer, made):
        old = issuer.token()
        issuer.publish(ec_key(), "ES256", kid="b")
        assert await made.accepts(old)
        made.clock.over()
        await made.until_asleep(2)
        assert not await made.accepts(old)
        assert LONGEST_PERIOD <= 300


async def test_storm_of_unknown_keys(tmp_path: Path) -> None:
    """T068: a thousand tokens of unknown keys cost one request in ten seconds; good ones none."""
    async with started(tmp_path) as (issuer, made):
        good = issuer.token()
        strange = [
            FakeIssuer.token(_signing_as(issuer, f"unknown-{number}")) for number in range(50)
        ]
        made.clock.now += RETRY
        before = issuer.key_requests
        results = await asyncio.gather(*(made.accepts(token) for token in strange * 20))
        assert not any(results)
        for token in strange:
            assert not await made.accepts(token)
        assert issuer.key_requests == before + 1
        assert await made.accepts(good)
        made.clock.now += RETRY
        await made.accepts(strange[0])
        assert issuer.key_requests == before + 2


def _signing_as(issuer: FakeIssuer, kid: str) -> FakeIssuer:
    """The issuer, with another name for its key."""
    key, algorithm, _ = issuer._signing
    issuer._signing = (key, algorithm, kid)
    return issuer


@pytest.mark.parametrize(
    "step",
    [
        answer(500),
        answer(302, "Location: https://elsewhere.example/"),
        HTML,
        BOMB,
        HANG,
        DRIP,
        HUGE,
        RESET,
        answer(200, body=b"canary"),
        answer(200, body=b'{"keys":' + b"[" * 5000),
    ],
    ids=["500", "302", "html", "bomb", "hang", "drip", "huge", "reset", "text", "deep"],
)
async def test_hostile_answers(tmp_path: Path, step: Step) -> None:
    """T069: the last good keys are kept, for a stated time; answers are bounded and never told."""
    async with started(tmp_path, timeout=0.5) as (issuer, made):
        good = issuer.token()
        # Twice: the HTTP library asks once more after a broken connection.
        issuer.script[KEYS] = [step, step]
        made.clock.over()
        await made.until_asleep(2)
        assert made.clock.slept[-1] == RETRY
        assert made.keys.fault
        assert "canary" not in "".join(made.told)
        assert issuer.sent < 20_000_000
        assert await made.accepts(good)
        made.clock.now += KEPT + 1
        issuer.script[KEYS] = [step] * 9
        assert not await made.accepts(good)


async def test_waiting_is_shared_and_detached(tmp_path: Path) -> None:
    """T076: whoever leaves does not end the load that others wait for."""
    async with started(tmp_path) as (issuer, made):
        made.clock.now += RETRY
        issuer.publish(ec_key(), "ES256", kid="b")
        issuer.gate = asyncio.Event()
        first = asyncio.create_task(made.accepts(issuer.token()))
        second = asyncio.create_task(made.accepts(issuer.token()))
        await issuer.until_requests(2, KEYS)
        first.cancel()
        issuer.gate.set()
        async with asyncio.timeout(5):
            assert await second
        assert issuer.key_requests == 2


async def test_close_in_the_middle_of_a_load(tmp_path: Path) -> None:
    """Whatever is under way ends at once."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.gate = asyncio.Event()
        made = Keys(issuer)
        made.keys.start()
        await issuer.until_requests(1)
        async with asyncio.timeout(5):
            await made.keys.close()
            await made.fetcher.close()
        issuer.gate.set()


async def test_issuer_that_is_not_there(tmp_path: Path) -> None:
    """T242: Until discovery works every token is refused; it is tried every ten seconds and told."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.publish(rsa_key())
        issuer.document["issuer"] = "https://other.example"
        made = Keys(issuer)
        made.keys.start()
        await made.until_asleep(1)
        assert made.clock.slept == [RETRY]
        assert not await made.accepts(issuer.token())
        assert "no keys yet" in made.keys.describe()
        assert "another issuer" in made.told[0]
        issuer.document["issuer"] = issuer.url
        made.clock.over()
        await made.until_asleep(2)
        assert await made.accepts(issuer.token())
        await made.keys.close()
        await made.fetcher.close()


async def test_the_same_issuer_after_a_reload(tmp_path: Path) -> None:
    """The keys of before end when the look-ups that they judge have: the series are those of now."""
    labels = {"state": "in-use"}
    async with started(tmp_path) as (issuer, made):
        labels["issuer"] = issuer.url
        later = Keys(issuer, metrics=made.metrics)
        later.keys.start()
        await later.until_asleep(1)
        for _ in range(2):
            await made.keys.close()
        assert made.registry.get_sample_value("auditproxy_issuer_keys", labels) == 1
        await later.keys.close()
        assert made.registry.get_sample_value("auditproxy_issuer_keys", labels) is None
        await later.fetcher.close()
