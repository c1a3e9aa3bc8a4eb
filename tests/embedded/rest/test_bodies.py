"""Request bodies in protobuf; the other forms are sent over HTTP in test_apiserver.py."""

import pytest

from auditproxy.embedded.answers import ApiError
from auditproxy.embedded.http1 import Request
from auditproxy.embedded.kinds import RESOURCES
from auditproxy.embedded.rest.bodies import PROTOBUF, read_object
from auditproxy.request.target import parse_target
from auditproxy.serializer.protobuf.table import builtin
from tests.fakes.wire import block, envelope, number_field


def request(body: bytes) -> Request:
    """A request with a body in protobuf."""
    target = parse_target("POST", b"/api")
    return Request("POST", target, target.path, {}, {"content-type": PROTOBUF}, (), body)


def test_protobuf() -> None:
    """The object is what its JSON would be."""
    metadata = block(1, block(1, b"n") + block(3, b"ns"))
    raw = envelope("apps/v1", "Deployment", metadata + block(2, number_field(1, 0)))
    found = read_object(request(raw))
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("n", "ns")
    # A pointer to zero is a value.
    assert found["spec"]["replicas"] == 0


def test_every_kind_can_be_sent() -> None:
    """Whatever can be created can be sent in protobuf."""
    assert {f"{kind.api_version}/{kind.kind}" for kind in RESOURCES} <= builtin().kinds.keys()


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"k8s\0", envelope("v2", "Pod", b""), envelope("v1", "Pod", b"\x0f")],
)
def test_no_objects(raw: bytes) -> None:
    """What cannot be read is 400."""
    with pytest.raises(ApiError, match="the object provided is unrecognized") as caught:
        read_object(request(raw))
    assert caught.value.status.code == 400
