"""B4: /metrics costs little, however much there is and however often anybody asks."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter

from auditproxy.health.metricspage import REST, MetricsPage
from tests.fakes.health import DEADLINE, Many


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves."""
    now = [100.0]
    monkeypatch.setattr("auditproxy.health.metricspage.time.monotonic", lambda: now[0])
    return now


def few() -> tuple[CollectorRegistry, Counter]:
    """A registry with one counter."""
    registry = CollectorRegistry()
    return registry, Counter("seen", "Seen.", registry=registry)


async def test_written_once_and_beside_the_loop(clock: list[float]) -> None:
    """B4: the loop runs on while much is written, once for all who ask, and not again soon."""
    registry, seen = few()
    many = Many()
    page = MetricsPage(registry, many)  # type: ignore[arg-type]
    asked = [asyncio.create_task(page.text()) for _ in range(5)]
    await asyncio.to_thread(many.began.wait, DEADLINE)
    asked[0].cancel()
    clock[0] += 0.3
    many.gate.set()
    async with asyncio.timeout(DEADLINE):
        texts = await asyncio.gather(*asked[1:])
    assert {b"collected 1.0" in text for text in texts} == {True}
    seen.inc()
    clock[0] += REST * 0.3 - 0.01
    again = await page.text()
    assert b"collected 1.0" in again
    assert b"seen_total 1.0" in again
    clock[0] += 0.02
    assert b"collected 2.0" in await page.text()


async def test_little_is_always_fresh(clock: list[float]) -> None:
    """B4: what is written quickly is written each time, so that it tells what is so."""
    many = Many()
    many.gate.set()
    page = MetricsPage(few()[0], many)  # type: ignore[arg-type]
    for number in (1, 2):
        assert f"collected {number}.0".encode() in await page.text()


async def test_a_failure_is_not_kept(clock: list[float]) -> None:
    """B4: who asks after a failure has another one made."""
    many = Many()
    many.gate.set()
    many.fails = True
    page = MetricsPage(few()[0], many)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        await page.text()
    many.fails = False
    assert b"collected 1.0" in await page.text()


async def test_without_many() -> None:
    """One registry alone is a page too."""
    assert b"seen_total 0.0" in await MetricsPage(few()[0]).text()
