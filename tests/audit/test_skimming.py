"""objectRef from bodies that nobody reads as a whole; more rows are in test_objects.py."""

import cbor2
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit import skimming
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError
from tests.fakes.wire import block, envelope

PODS = RequestInfo(is_resource_request=True, path="/", verb="create", resource="pods")
PROTOBUF = "application/vnd.kubernetes.protobuf"
DEEP = b"[" * 9_000 + b"]" * 9_000
POD = envelope("v1", "Pod", block(1, block(1, b"a")) + block(9, b"") * 1_000)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", b'{"metadata":{"x":%b,"name":"a"}}' % DEEP),
        ("application/json", b'{"x":%b,"metadata":{"uid":"u"},"metadata":{"name":"a"}}' % DEEP),
        ("application/json", b'{"metadata":{"name":"a"},"metadata":{"labels":{"x":%b}}}' % DEEP),
        ("application/yaml", b"x: %b\nmetadata: {name: a}\n" % (b"[" * 900 + b"]" * 900)),
        (PROTOBUF, POD),
        ("application/cbor", cbor2.dumps({"metadata": {"name": "a"}})),
    ],
)
def test_metadata(media_type: str, body: bytes) -> None:
    """The name is found in every language, whatever stands beside it; doubled members are merged."""
    found = skimming.metadata_at_any_cost(PODS, media_type, body, Budget(10))
    assert found is not None
    assert found.name == "a"


@pytest.mark.parametrize("media_type", ["application/json", "application/yaml", PROTOBUF])
def test_nothing_to_find(media_type: str) -> None:
    """What is no object has no metadata."""
    body = b"[1, {"
    assert skimming.metadata_at_any_cost(PODS, media_type, body, None) is None
    with pytest.raises(SerializationError):
        skimming.metadata(PODS, media_type, body, None)


@pytest.mark.parametrize("media_type", ["application/json", "application/yaml", PROTOBUF])
def test_time(media_type: str) -> None:
    """Skimming has its time too, and ends with it."""
    times = iter([0.0, *[9.0] * 99])
    body = b'{"metadata":{"name":"a"},"x":[%b0]}' % (b"[]," * 3_000)
    if media_type == PROTOBUF:
        body = envelope("v1", "Pod", block(1, block(1, b"a")) + block(9, b"") * 3_000)
    budget = Budget(10, seconds=1, clock=lambda: next(times))
    assert skimming.metadata_at_any_cost(PODS, media_type, body, budget) is None


def test_yaml_is_skimmed_once() -> None:
    """Where only the metadata is read, values are not counted first and read again then."""
    now = [0.0]
    budget = Budget(10, seconds=1, clock=lambda: now[0])
    body = b"metadata: {name: a}\nx: [%b0]" % (b"0," * 3_000)
    assert skimming.metadata(PODS, "application/yaml", body, budget).name == "a"
    assert budget.reason == ""
