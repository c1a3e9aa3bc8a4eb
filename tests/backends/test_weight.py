"""What an event that waits is taken to weigh."""

from auditproxy.backends.weight import EVENT_WEIGHT, weight
from tests.fakes.backends import event


def test_bodies_count() -> None:
    """An event has a weight without bodies, and their bytes with them."""
    assert weight(event("a")) == EVENT_WEIGHT
    assert weight(event("a", body=b'{"x":1}')) == EVENT_WEIGHT + 7
