"""Truncation (apiserver plugin/pkg/audit/truncate/truncate_test.go)."""

import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auditproxy.apis.audit import ObjectReference
from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo
from auditproxy.audit.encode import json_line
from auditproxy.audit.fitting import SHORTENED, TRUNCATED, fitting, truncate
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


def test_large_without_a_body() -> None:
    """T177: annotations alone can be too much, at every level; kube-apiserver drops the event."""
    large = {"annotation": "x" * EVENT}
    for level in ("Metadata", "Request", "RequestResponse"):
        done = truncate(
            (event(level=level, annotations=large),),
            maximum_event_size=EVENT,
            maximum_batch_size=BATCH,
        )
        ((cut,),) = done.batches
        assert done.dropped == 0
        marks = {TRUNCATED: "true"} if level != "Metadata" else {}
        assert cut.annotations == {
            "annotation": "x" * 16384,
            SHORTENED: "annotations",
            **marks,
        }


def test_what_a_client_can_make_long() -> None:
    """T177: URI, agent, groups, extra, addresses: cut, named, and the rest of the event stays."""
    user = UserInfo(
        username="u",
        groups=tuple(f"group-{n}" for n in range(9000)),
        extra={f"k{n}": ("v" * 100,) for n in range(900)},
    )
    one = replace(
        event(level="Metadata"),
        request_uri="/api/v1/pods?" + "x" * 100_000,
        user_agent="a" * 90_000,
        user=user,
        impersonated_user=UserInfo(username="i", groups=user.groups),
        source_ips=("10.0.0.1",) * 9000,
        object_ref=ObjectReference(resource="pods", name="n" * 90_000),
        response_status=Status(metadata={}, code=404, message="m" * 90_000),
    )
    for maximum in (100 * 1024, 10 * 1024, 4 * 1024):
        cut = fitting(one, maximum)
        assert cut is not None
        assert len(json_line(cut)) <= maximum
        assert cut.annotations == {
            SHORTENED: "impersonatedUser,objectRef,requestURI,responseStatus,sourceIPs,user,userAgent"
        }
        assert one.request_uri.startswith(cut.request_uri)
        assert cut.user.username == "u"
        assert cut.user.groups == user.groups[: len(cut.user.groups)]
        assert len(cut.user.groups) > 0
        assert cut.object_ref is not None
        assert cut.object_ref.resource == "pods"
        assert cut.response_status is not None
        assert cut.response_status.code == 404
        assert (cut.audit_id, cut.verb, cut.stage) == (one.audit_id, one.verb, one.stage)


def test_maximum_below_everything() -> None:
    """An event cannot become smaller than what makes it one: only then it is dropped."""
    done = truncate((event(),), maximum_event_size=50, maximum_batch_size=BATCH)
    assert (done.batches, done.dropped) == ((), 1)


@given(
    st.text(max_size=3000),
    st.lists(st.text(max_size=300), max_size=60),
    st.dictionaries(st.text(max_size=50), st.text(max_size=5000), max_size=9),
)
def test_always_fits(agent: str, groups: list[str], annotations: dict[str, str]) -> None:
    """T177: whatever texts there are, some of the event fits, and is valid JSON."""
    one = replace(
        event(level="RequestResponse", annotations=annotations, body=b"{}"),
        user_agent=agent,
        user=UserInfo(username="u", groups=tuple(groups)),
    )
    cut = fitting(one, 8 * 1024)
    assert cut is not None
    line = json_line(cut)
    assert len(line) <= 8 * 1024
    assert json.loads(line)["auditID"] == "a"


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
