"""What is remembered, against a model; flights end."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.clients.cache import ExpiringCache, Flights
from tests.fakes.clocks import Clock


async def test_flights_end() -> None:
    """A flight is over when its result is there."""
    flights: Flights[int] = Flights()

    async def seven() -> int:
        return 7

    assert await flights.run(b"k", seven) == 7
    assert await flights.run(b"k", seven) == 7
    assert len(flights) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "wait"]), st.integers(0, 5), st.integers(0, 20))
    ),
    st.integers(1, 4),
)
def test_cache_against_a_model(steps: Iterable[tuple[str, int, int]], size: int) -> None:
    """Any use: never above its size, never a value after its time, never another one's value."""
    clock = Clock()
    cache: ExpiringCache[int] = ExpiringCache(size, clock)
    model: dict[bytes, tuple[float, int]] = {}
    for step, number, value in steps:
        key = bytes((number,))
        if step == "put":
            cache.put(key, value, float(value))
            if value:
                model[key] = (clock.now + value, value)
        elif step == "get":
            found = cache.get(key)
            if found is not None:
                until, expected = model[key]
                assert found == (expected,)
                assert clock.now < until
        else:
            clock.now += value
        assert len(cache) <= size
