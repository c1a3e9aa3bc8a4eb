"""Truncation (apiserver plugin/pkg/audit/truncate/truncate_test.go)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.encode import json_line
from auditproxy.audit.truncate import TRUNCATED, truncate
from tests.fakes.backends import event

EVENT, BATCH = 100 * 1024, 4 * 1024 * 1024


def test_small_event_stays() -> None:
    """Nothing is done to what fits."""
    one = event()
    done = truncate((one,), maximum_event_size=EVENT, maximum_batch_size=BATCH)
    assert (done.batches, done.dropped) == (((one,),), 0)


def test_body_goes() -> None:
    """An event of level Request that is too large loses its bodies, and says so."""
    one = event(level="Request", body=json.dumps("x" * EVENT).encode(), annotations={"z": "1"})
    done = truncate((one,), maximum_event_size=EVENT, maximum_batch_size=BATCH)
    ((cut,),) = done.batches
    assert cut.request_object is None
    assert cut.annotations == {TRUNCATED: "true", "z": "1"}
    assert list(cut.annotations) == [TRUNCATED, "z"], "in Go's order"
    # The event given is somebody else's, too.
    assert one.annotations == {"z": "1"}
    assert one.request_object is not None


def test_large_without_a_body_is_dropped() -> None:
    """Annotations alone can be too much; a Metadata event is not even tried."""
    large = {"annotation": "x" * EVENT}
    for level in ("Metadata", "Request", "RequestResponse"):
        done = truncate(
            (event(level=level, annotations=large),),
            maximum_event_size=EVENT,
            maximum_batch_size=BATCH,
        )
        assert (done.batches, done.dropped) == ((), 1)


def test_batch_of_one_byte_splits() -> None:
    """Two events, a batch too small for either: two batches."""
    done = truncate((event("a"), event("b")), maximum_event_size=EVENT, maximum_batch_size=1)
    assert [[one.audit_id for one in batch] for batch in done.batches] == [["a"], ["b"]]


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(1, 6000))
def test_order_and_bounds(sizes: list[int], maximum_batch: int) -> None:
    """No event is lost or moved, none is too large, and only single events exceed a batch."""
    given_events = tuple(
        event(str(number), level="Request", body=json.dumps("x" * size).encode())
        for number, size in enumerate(sizes)
    )
    done = truncate(given_events, maximum_event_size=1000, maximum_batch_size=maximum_batch)
    assert done.dropped == 0
    flat = [one for batch in done.batches for one in batch]
    assert [one.audit_id for one in flat] == [one.audit_id for one in given_events]
    for batch in done.batches:
        lengths = [len(json_line(one)) for one in batch]
        assert max(lengths) <= 1000
        assert len(batch) == 1 or sum(lengths) <= maximum_batch
