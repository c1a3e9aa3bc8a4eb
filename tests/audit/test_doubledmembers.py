"""A body whose members stand twice shows in its event what the server made of it."""

import json

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit.doubledmembers import LAST, MERGED, REQUEST_OBJECT_DOUBLED, TOO_MANY
from auditproxy.audit.objects import Recorded, request_object
from auditproxy.serializer.doubled import VALUES_LIMIT

POD = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},'
    b'"spec":{"hostPID":true,"containers":[{"name":"a","securityContext":{"privileged":true}}]},'
    b'"spec":{"containers":[{"name":"a","image":"nice"}]},"metadata":{"labels":{"a":"b"}}}'
)
MERGED_POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p", "labels": {"a": "b"}},
    "spec": {
        "hostPID": True,
        "containers": [{"name": "a", "securityContext": {"privileged": True}, "image": "nice"}],
    },
}


def request(
    body: bytes, *, verb: str = "create", group: str = "", level: Level = Level.REQUEST
) -> Recorded:
    """What a JSON body adds."""
    asked = RequestInfo(
        is_resource_request=True, path="/", verb=verb, resource="pods", api_group=group
    )
    return request_object(asked, "application/json", body, level=level, omit_managed_fields=False)


@pytest.mark.parametrize("verb", ["create", "update"])
def test_objects_of_types(verb: str) -> None:
    """A10: a privileged Pod is one in the log, too, when a second spec hides the first."""
    recorded = request(POD, verb=verb)
    assert recorded.object is not None
    assert json.loads(bytes(recorded.object)) == MERGED_POD
    assert recorded.metadata is not None
    assert recorded.metadata.name == "p"
    assert recorded.annotations == ((REQUEST_OBJECT_DOUBLED, MERGED),)


def test_metadata_alone() -> None:
    """A10: objectRef has the name that the object gets."""
    recorded = request(POD, level=Level.METADATA)
    assert recorded.metadata is not None
    assert recorded.metadata.name == "p"
    assert recorded.object is None


def test_custom_resources() -> None:
    """They are decoded into no type: the last of each counts, and the event says so."""
    recorded = request(POD, group="acme.io")
    assert recorded.object is not None
    assert json.loads(bytes(recorded.object)) == json.loads(POD)
    assert recorded.annotations == ((REQUEST_OBJECT_DOUBLED, LAST),)


@pytest.mark.parametrize("group", ["", "acme.io"])
def test_delete_options(group: str) -> None:
    """They have a type, whatever is deleted."""
    body = b'{"preconditions":{"uid":"u"},"preconditions":{"resourceVersion":"1"}}'
    recorded = request(body, verb="delete", group=group)
    assert recorded.object is not None
    assert json.loads(bytes(recorded.object))["preconditions"] == {
        "uid": "u",
        "resourceVersion": "1",
    }


COMMAS = b",,," * VALUES_LIMIT
HIDING = (
    b'{"kind":"Pod","apiVersion":"v1","spec":{"hostPID":true},"spec":{},'
    b'"metadata":{"name":"p"},"metadata":{"annotations":{"x":"%s"}}}' % COMMAS
)


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST])
def test_commas_in_a_text(level: Level) -> None:
    """A10: a client cannot choose that nothing is merged, in the object nor in objectRef."""
    recorded = request(HIDING, level=level)
    assert recorded.annotations == ((REQUEST_OBJECT_DOUBLED, MERGED),)
    assert recorded.metadata is not None
    assert recorded.metadata.name == "p"
    if level is Level.REQUEST:
        assert recorded.object is not None
        assert json.loads(bytes(recorded.object))["spec"] == {"hostPID": True}


MANY = (
    b'{"kind":"Pod","metadata":{"name":"p"},"spec":{"x":[%s]},"spec":{},"metadata":{"name":"q"}}'
    % (b",".join([b"1"] * (VALUES_LIMIT + 1)))
)


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_too_many_values(verb: str) -> None:
    """A10: what is not merged is shown as it was sent: nothing hides behind many values."""
    recorded = request(MANY, verb=verb)
    assert recorded.annotations == ((REQUEST_OBJECT_DOUBLED, TOO_MANY),)
    assert recorded.object is not None
    assert json.loads(bytes(recorded.object)) == MANY.decode()


def test_too_many_values_at_metadata() -> None:
    """A10: objectRef has the name that the object gets, of the metadata merged as by Go."""
    recorded = request(MANY, level=Level.METADATA)
    assert recorded.annotations == ((REQUEST_OBJECT_DOUBLED, TOO_MANY),)
    assert recorded.object is None
    assert recorded.metadata is not None
    assert recorded.metadata.name == "q"


def test_too_many_metadata() -> None:
    """A10: where even the metadata cannot be merged, objectRef has no name rather than a wrong one."""
    labels = b",".join(b'"a%d":"b"' % number for number in range(VALUES_LIMIT + 1))
    body = b'{"metadata":{"name":"p"},"metadata":{%s},"metadata":{"name":"q"}}' % labels
    recorded = request(body, level=Level.METADATA)
    assert recorded == Recorded(annotations=((REQUEST_OBJECT_DOUBLED, TOO_MANY),))


def test_others() -> None:
    """Without doubled members there is no note."""
    assert request(b'{"kind":"Pod","spec":{"a":{},"b":{"a":1}}}').annotations == ()
