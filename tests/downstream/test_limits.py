"""Limits of connections: together, for each address, and that places come back once."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.downstream.limits import ConnectionLimits, Lease


def test_together() -> None:
    """T318: the last place is the last one; a place that is given back is free."""
    limits = ConnectionLimits(maximum=2)
    first, second = limits.admit(), limits.admit()
    assert first is not None
    assert second is not None
    assert limits.admit() is None
    first.release()
    first.release()
    assert len(limits) == 1
    assert limits.admit() is not None


def test_each_address() -> None:
    """T318: who has too many is refused, others are not."""
    limits = ConnectionLimits(per_address=1)
    leases = [limits.admit() for _ in range(3)]
    one, two, three = (lease for lease in leases if lease is not None)
    assert limits.claim(one, "1.2.3.4")
    assert not limits.claim(two, "1.2.3.4")
    assert limits.claim(three, "5.6.7.8")
    one.release()
    assert limits.claim(two, "1.2.3.4")


def test_no_limits() -> None:
    """0 is none."""
    limits = ConnectionLimits()
    for _ in range(100):
        lease = limits.admit()
        assert lease is not None
        assert limits.claim(lease, "1.2.3.4")
    assert len(limits) == 100


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 9))))
def test_counts(steps: list[tuple[bool, str, int]]) -> None:
    """Whatever comes and goes in whatever order, the counts are those of what is there."""
    limits = ConnectionLimits(maximum=5, per_address=2)
    held: list[Lease] = []
    for come, address, which in steps:
        if come:
            lease = limits.admit()
            assert (lease is None) == (len(held) == 5)
            if lease is None:
                continue
            there = sum(each.address == address for each in held)
            assert limits.claim(lease, address) == (there < 2)
            if lease.address is None:
                lease.release()
            else:
                held.append(lease)
        elif held:
            held.pop(which % len(held)).release()
        assert len(limits) == len(held)


def test_addresses_are_forgotten() -> None:
    """With their last connection, and not before; one that was never known leaves nothing."""
    limits = ConnectionLimits(per_address=2)
    leases = [limits.admit() for _ in range(5)]
    first, second, third, fourth, unknown = (lease for lease in leases if lease is not None)
    assert [limits.claim(lease, "a") for lease in (first, second, third)] == [True, True, False]
    first.release()
    assert [limits.claim(lease, "a") for lease in (third, fourth)] == [True, False]
    for lease in (second, third, fourth, unknown):
        lease.release()
    assert (len(limits), dict(limits._by_address)) == (0, {})
