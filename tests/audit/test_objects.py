"""Which objects are recorded, row by row, and that no body can raise."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit.objects import (
    NOTHING,
    REQUEST_OBJECT_OMITTED,
    RESPONSE_OBJECT_OMITTED,
    Recorded,
    request_object,
    response_object,
)
from auditproxy.audit.submitted import records_request, records_response
from auditproxy.serializer.budget import Budget

LIMIT = 1 << 20
JSON = "application/json"


def info(verb: str, subresource: str = "", resource: str = "pods") -> RequestInfo:
    """A resource request."""
    return RequestInfo(
        is_resource_request=True, path="/", verb=verb, resource=resource, subresource=subresource
    )


def request(
    verb: str,
    body: bytes,
    content_type: str = "application/json",
    *,
    level: Level = Level.REQUEST,
    omit: bool = False,
    decoded: bool = True,
    encoding: str = "",
    budget: Budget | None = None,
) -> Recorded:
    """What a request's body adds."""
    return request_object(
        info(verb),
        content_type,
        body,
        level=level,
        omit_managed_fields=omit,
        decoded=decoded,
        content_encoding=encoding,
        decoded_limit=LIMIT,
        budget=budget,
    )


def response(
    body: bytes,
    content_type: str = "application/json",
    *,
    encoding: str = "",
    level: Level = Level.REQUEST_RESPONSE,
    omit: bool = False,
    limit: int = LIMIT,
) -> Recorded:
    """What an answer's body adds."""
    return response_object(
        info("get"),
        content_type,
        encoding,
        body,
        level=level,
        omit_managed_fields=omit,
        decoded_limit=limit,
    )


def shown(recorded: Recorded) -> Any:
    """The recorded object, decoded."""
    return None if recorded.object is None else json.loads(bytes(recorded.object))


@pytest.mark.parametrize(
    ("verb", "subresource", "recorded"),
    [
        ("create", "", True),
        ("create", "eviction", True),
        ("update", "status", True),
        ("patch", "", True),
        ("delete", "", True),
        ("deletecollection", "", True),
        ("get", "", False),
        ("list", "", False),
        ("create", "exec", False),
        ("create", "proxy", False),
        ("proxy", "", False),
        ("", "", False),
    ],
)
def test_records_request(verb: str, subresource: str, recorded: bool) -> None:
    """Only verbs that submit something are looked at, and never connects."""
    assert records_request(info(verb, subresource)) is recorded
    path = RequestInfo(is_resource_request=False, path="/x", verb=verb)
    assert records_request(path) is False


@pytest.mark.parametrize(
    ("path", "code", "long_running", "recorded"),
    [
        ("/api", 200, False, True),
        ("/apis", 200, False, True),
        ("/api/v1", 200, False, True),
        ("/apis/apps", 200, False, True),
        ("/apis/apps/v1", 200, False, True),
        ("/version", 200, False, False),
        ("/openapi/v3", 200, False, False),
        ("/healthz", 200, False, False),
        ("/nope", 404, False, True),
        ("/api", 304, False, False),
        ("/api", 101, True, False),
        ("/api", 200, True, False),
        ("/api", 403, True, True),
    ],
)
def test_records_response(path: str, code: int, long_running: bool, recorded: bool) -> None:
    """Discovery documents and failures are, streams and plain paths are not."""
    asked = RequestInfo(is_resource_request=False, path=path, verb="get")
    assert records_response(asked, code, long_running=long_running) is recorded


def test_create() -> None:
    """kind and apiVersion first, numbers and texts as sent, metadata for objectRef."""
    body = b'{"spec":{"n":1.0e2},"metadata":{"name":"a","uid":"u"},"apiVersion":"v1","kind":"Pod"}'
    recorded = request("create", body)
    assert recorded.object is not None
    assert bytes(recorded.object) == (
        b'{"kind":"Pod","apiVersion":"v1","spec":{"n":1.0e2},"metadata":{"name":"a","uid":"u"}}'
    )
    assert recorded.metadata is not None
    assert (recorded.metadata.name, recorded.metadata.uid) == ("a", "u")


def test_create_at_metadata() -> None:
    """At Metadata the body gives its metadata and nothing else."""
    recorded = request("create", b'{"metadata":{"name":"a"}}', level=Level.METADATA)
    assert recorded.object is None
    assert recorded.metadata is not None
    assert recorded.metadata.name == "a"


def test_yaml() -> None:
    """A YAML body is recorded as JSON."""
    recorded = request("create", b"kind: Pod\nmetadata: {name: a}\n", "application/yaml")
    assert shown(recorded) == {"kind": "Pod", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_unknown_type(content_type: str) -> None:
    """T224: a body of another type is nothing kube-apiserver would record, nor is it parsed."""
    for verb in ("create", "update", "delete", "deletecollection", "patch"):
        assert request(verb, b"{}", content_type) == NOTHING


@pytest.mark.parametrize("body", [b"{not json", b"[1,2]", b'"text"', b"\xff"])
def test_unreadable_create(body: bytes) -> None:
    """What cannot be read is a string when the server took it, and silent when it refused it."""
    accepted = request("create", body)
    assert shown(accepted) == body.decode("utf-8", "replace")
    assert accepted.annotations[0][0] == REQUEST_OBJECT_OMITTED
    assert accepted.annotations[0][1].endswith(": recorded as a string")
    assert request("create", body, decoded=False) == NOTHING


@pytest.mark.parametrize("body", [b"", b"\xff"])
def test_unreadable_bytes(body: bytes) -> None:
    """Nothing, and what is no text, is no string either."""
    kind = JSON if not body else "application/cbor"
    assert request("create", body, kind).object is None


DEEP = b'{"kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true},"x":%b}' % (
    b"[" * 251 + b"]" * 251
)
COLONS = b'{"kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true},"x":"%b"}' % (
    b":" * 60_000
)
MEMBERS = b'{"kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true},%b}' % b",".join(
    b'"%d":0' % number for number in range(60_000)
)
DOUBLED = (
    b'{"kind":"Pod","metadata":{"name":"a"},"spec":{"hostPID":true},"metadata":{"x":[%b0]}}'
    % (b"0," * 11_000)
)
ALIASES = b'kind: Pod\nspec: {hostPID: true}\nmetadata: {name: a}\nx: &a "%b"\ny: [%b]\n' % (
    b"A" * 30_000,
    b"*a," * 40,
)
BOMB = (
    b"kind: Pod\nspec: {hostPID: true}\nx: &a [[],[],[],[],[],[],[],[]]\n%bmetadata: {name: a}\n"
    % (
        b"".join(
            b"%c: &%c [%b]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 8)) for n in b"bcdefghij"
        )
    )
)
DEEP_YAML = b"kind: Pod\nspec: {hostPID: true}\nx: &x %b\nmetadata: {name: a}\n" % (
    b"[" * 300 + b"]" * 300
)
MANY = b"kind: Pod\nspec: {hostPID: true}\nmetadata: {name: a}\nx: [%b]\n" % (b"0," * 260_000)


@pytest.mark.parametrize(
    ("content_type", "body", "whole"),
    [
        (JSON, DEEP, False),
        (JSON, COLONS, True),
        (JSON, MEMBERS, False),
        (JSON, DOUBLED, False),
        ("application/yaml", ALIASES, False),
        ("application/yaml", BOMB, False),
        ("application/yaml", DEEP_YAML, False),
        ("application/yaml", MANY, False),
    ],
)
@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST])
@pytest.mark.parametrize("verb", ["create", "update"])
def test_no_member_hides_the_object(
    verb: str, level: Level, content_type: str, body: bytes, whole: bool
) -> None:
    """The server passes over members that it does not know: they hide neither name nor body."""
    recorded = request(verb, body, content_type, level=level, budget=Budget(250_000))
    assert recorded.metadata is not None
    assert recorded.metadata.name == "a"
    if level is Level.METADATA:
        assert recorded.object is None
        assert REQUEST_OBJECT_OMITTED not in dict(recorded.annotations)
    elif whole:
        assert shown(recorded)["spec"] == {"hostPID": True}
    else:
        assert shown(recorded) == body.decode()
        (note,) = dict(recorded.annotations).values()
        assert note.endswith("as a string")


def test_a_header_hides_no_object() -> None:
    """A coding that the server does not look at makes no difference."""
    recorded = request("create", DEEP, encoding="gzip")
    assert recorded.metadata is not None
    assert recorded.metadata.name == "a"
    assert shown(recorded) == DEEP.decode()


def test_null_is_an_empty_object() -> None:
    """Go decodes null into the zero value."""
    assert shown(request("create", b"null")) == {}


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (
            "application/json",
            b'{"kind":"Pod","apiVersion":"v1","spec":{"overhead":{"cpu":"0.1","memory":1.5e3}}}',
        ),
        (
            "application/yaml",
            b"kind: Pod\napiVersion: v1\nspec: {overhead: {cpu: 0.1, memory: 1500}}",
        ),
    ],
)
def test_values_of_go_types(verb: str, content_type: str, body: bytes) -> None:
    """A10: a submitted object shows its quantities as kube-apiserver records them."""
    assert shown(request(verb, body, content_type)) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "spec": {"overhead": {"cpu": "100m", "memory": "1500"}},
    }


def test_values_of_a_patch() -> None:
    """A10: a patch is recorded as sent, as kube-apiserver records it."""
    body = b'{"kind":"Pod","apiVersion":"v1","spec":{"overhead":{"cpu":"0.1"}}}'
    assert shown(request("patch", body, "application/merge-patch+json")) == json.loads(body)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/merge-patch+json", b'{ "a" : 1 }', {"a": 1}),
        ("application/json-patch+json", b'[{"op":"add"}]', [{"op": "add"}]),
        ("application/strategic-merge-patch+json", b'{"a":1,"a":2}', {"a": 2}),
        ("application/apply-patch+yaml", b'{"kind":"Pod"}', {"kind": "Pod"}),
        ("application/merge-patch+json; charset=utf-8", b"{}", {}),
    ],
)
def test_patch(content_type: str, body: bytes, expected: object) -> None:
    """The four patch types are recorded as sent, without metadata."""
    recorded = request("patch", body, content_type)
    assert shown(recorded) == expected
    assert recorded.metadata is None
    assert recorded.annotations == ()


HUGE = b'{"kind":"Foo","metadata":{"name":"a"},"x":%b}' % (b"1" * 5000)


@pytest.mark.parametrize("verb", ["create", "update"])
def test_numbers_out_of_range(verb: str) -> None:
    """Go has no value for them, and readers would refuse the line: recorded as a string."""
    found = request(verb, HUGE, level=Level.REQUEST)
    why = "a number is out of range: recorded as a string"
    assert found.annotations == ((REQUEST_OBJECT_OMITTED, why),)
    assert json.loads(bytes(found.object or b"")) == HUGE.decode()
    assert found.metadata is not None
    assert found.metadata.name == "a"


def test_numbers_out_of_range_in_an_answer() -> None:
    """An answer of which kube-apiserver has no object is left out."""
    found = response_object(
        info("get"), JSON, "", HUGE, level=Level.REQUEST_RESPONSE, omit_managed_fields=False,
        decoded_limit=LIMIT,
    )  # fmt: skip
    assert found == Recorded(annotations=((RESPONSE_OBJECT_OMITTED, "a number is out of range"),))


def test_numbers_of_a_patch() -> None:
    """kube-apiserver records a patch as sent, before it decodes it (audit LogRequestPatch)."""
    found = request("patch", HUGE, "application/merge-patch+json", level=Level.REQUEST)
    assert bytes(found.object or b"") == HUGE
    assert found.annotations == ()


def test_patch_keeps_duplicates() -> None:
    """A patch is spliced: doubled keys and number texts stay."""
    recorded = request("patch", b'{"a":1.0,"a":2}', "application/merge-patch+json")
    assert recorded.object is not None
    assert bytes(recorded.object) == b'{"a":1.0,"a":2}'


@pytest.mark.parametrize(
    ("content_type", "body", "expected", "note"),
    [
        ("application/apply-patch+yaml", b"kind: Pod\n", {"kind": "Pod"}, "converted object"),
        ("application/merge-patch+json", b"{bad", "{bad", "a string"),
        ("application/merge-patch+json", b"", "", "a string"),
        ("application/apply-patch+yaml", b"a: [", "a: [", "a string"),
        ("application/merge-patch+json", b"\xff<", "\ufffd<", "a string"),
    ],
)
def test_patch_that_is_not_json(
    content_type: str, body: bytes, expected: object, note: str
) -> None:
    """kube-apiserver loses these events; here they carry what can be shown, with a note."""
    recorded = request("patch", body, content_type)
    assert shown(recorded) == expected
    assert recorded.annotations[0][0] == REQUEST_OBJECT_OMITTED
    assert note in recorded.annotations[0][1]


def test_patch_of_an_unknown_type() -> None:
    """415: nothing is recorded; nor at Metadata."""
    assert request("patch", b"{}", "application/json") == NOTHING
    assert request("patch", b"{}", "application/merge-patch+json", level=Level.METADATA) == NOTHING


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"propagationPolicy":"Background","kind":"DeleteOptions","apiVersion":"v1",'
            b'"gracePeriodSeconds":0,"orphanDependents":false}',
            '{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/__internal",'
            '"gracePeriodSeconds":0,"orphanDependents":false,"propagationPolicy":"Background"}',
        ),
        (b"{}", '{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/__internal"}'),
        (
            b'{"preconditions":{"uid":"u"},"dryRun":["All"],"x":1}',
            '{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/__internal",'
            '"preconditions":{"uid":"u"},"dryRun":["All"]}',
        ),
    ],
)
def test_delete_options(body: bytes, expected: str) -> None:
    """DeleteOptions in Go's order under the internal version, whatever was sent."""
    recorded = request("delete", body)
    assert recorded.object is not None
    assert bytes(recorded.object).decode() == expected
    assert recorded.metadata is None


def test_delete_without_a_body() -> None:
    """Options in the query are not recorded."""
    assert request("delete", b"") == NOTHING


def test_protobuf_request() -> None:
    """A protobuf body gives objectRef its members and the event its object."""
    meta = b"\x0a\x01n" + b"\x1a\x02ns" + b"\x2a\x01u" + b"\x32\x015"
    raw = b"\x0a" + bytes([len(meta)]) + meta
    envelope = b"k8s\x00" + b"\x0a\x09\x0a\x02v1\x12\x03Pod" + b"\x12" + bytes([len(raw)]) + raw
    recorded = request("create", envelope, "application/vnd.kubernetes.protobuf")
    assert bytes(recorded.object or b"") == (
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"n","namespace":"ns","uid":"u",'
        b'"resourceVersion":"5"},"spec":{"containers":null},"status":{}}'
    )
    assert recorded.annotations == ()
    assert recorded.metadata is not None
    assert (recorded.metadata.name, recorded.metadata.namespace) == ("n", "ns")
    assert (recorded.metadata.uid, recorded.metadata.resource_version) == ("u", "5")
    answered = response(envelope, "application/vnd.kubernetes.protobuf")
    assert answered.object == recorded.object
    foreign = envelope.replace(b"Pod", b"Foo")
    recorded = request("create", foreign, "application/vnd.kubernetes.protobuf")
    note = "protobuf: the table of types has no kind v1/Foo"
    assert (recorded.object, recorded.annotations) == (None, ((REQUEST_OBJECT_OMITTED, note),))
    assert recorded.metadata is not None
    answered = response(foreign, "application/vnd.kubernetes.protobuf")
    assert answered.annotations == ((RESPONSE_OBJECT_OMITTED, note),)


def test_response_object() -> None:
    """An answer with a kind is spliced, its white space removed."""
    recorded = response(b'{ "kind": "Pod", "n": 1.50 }\n')
    assert recorded.object is not None
    assert bytes(recorded.object) == b'{"kind":"Pod","n":1.50}'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"major":"1"}', "application/json"),
        (b"[1]", "application/json"),
        (b"log line", "text/plain"),
        (b'{"kind":1}', "application/json"),
    ],
)
def test_no_object(body: bytes, content_type: str) -> None:
    """What is no API object is not recorded."""
    recorded = response(body, content_type)
    assert recorded.object is None


def test_status_at_metadata() -> None:
    """A Status is read at every level, an object only at RequestResponse."""
    body = (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m",'
        b'"reason":"NotFound","details":{"name":"n","kind":"pods","retryAfterSeconds":3,'
        b'"causes":[{"reason":"r","message":"cm","field":"f"}]},"code":404}\n'
    )
    recorded = response(body, level=Level.METADATA)
    assert recorded.object is None
    assert recorded.status is not None
    assert recorded.status.reason == "NotFound"
    assert recorded.status.details is not None
    assert recorded.status.details.causes[0].field == "f"
    assert recorded.status.details.retry_after_seconds == 3
    assert response(b'{"kind":"Pod"}', level=Level.METADATA) == NOTHING


@pytest.mark.parametrize("encoding", ["gzip", " GZIP ", "deflate"])
def test_compressed(encoding: str) -> None:
    """A compressed answer is recorded unpacked."""
    body = b'{"kind":"Pod"}'
    packed = gzip.compress(body)
    assert shown(response(packed, encoding=encoding)) == {"kind": "Pod"}


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (gzip.compress(b"x" * 10_000, mtime=0), "gzip", "larger than 100 bytes when unpacked"),
        (b"not gzip", "gzip", "the body is not gzip"),
        (gzip.compress(b'{"kind":"Pod"}', mtime=0)[:-9], "gzip", "ends early"),
        (b"x", "br", "content encoding 'br' is not decoded"),
    ],
)
def test_compressed_badly(body: bytes, encoding: str, why: str) -> None:
    """T171: a bomb, garbage and unknown codings are notes, not errors."""
    recorded = response(body, encoding=encoding, limit=100)
    assert recorded.object is None
    assert recorded.annotations[0][0] == RESPONSE_OBJECT_OMITTED
    assert why in recorded.annotations[0][1]


MANAGED = '{"metadata":{"name":"a","managedFields":[{"manager":"m"}]}}'
CLEAN = {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            '{"kind":"Pod","metadata":{"managedFields":[1],"name":"a"}}',
            {"kind": "Pod", "metadata": {"name": "a"}},
        ),
        (
            f'{{"kind":"PodList","items":[{MANAGED},{{}}]}}',
            {"kind": "PodList", "items": [CLEAN, {}]},
        ),
        (
            f'{{"kind":"Table","rows":[{{"cells":[1],"object":{MANAGED}}},{{"cells":[]}}]}}',
            {"kind": "Table", "rows": [{"cells": [1], "object": CLEAN}, {"cells": []}]},
        ),
        (
            '{"kind":"Status","metadata":{},"managedFields":1}',
            {"kind": "Status", "metadata": {}, "managedFields": 1},
        ),
    ],
)
def test_omit_managed_fields(body: str, expected: object) -> None:
    """T166: removed from objects, lists and Tables, where the policy says so and only there."""
    assert shown(response(body.encode(), omit=True)) == expected
    assert shown(response(body.encode())) == json.loads(body)


def test_omit_managed_fields_of_a_request() -> None:
    """Removed from submitted objects, not from patches."""
    body = MANAGED.encode()
    assert shown(request("create", body, omit=True)) == CLEAN
    patched = request("patch", body, "application/merge-patch+json", omit=True)
    assert shown(patched) == json.loads(MANAGED)


def test_lone_surrogate() -> None:
    """Half a surrogate pair in a body costs no event."""
    recorded = request("create", b'{"metadata":{"name":"\\ud800"}}')
    assert recorded.metadata is not None
    assert recorded.metadata.name == "\ufffd"


TYPES = st.sampled_from(
    [
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
        "",
        "x",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(lambda raw: b"k8s\x00" + raw),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kind", "metadata", "items", "rows", "object", "managedFields"]),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
)


@given(
    verb=st.sampled_from(["create", "update", "patch", "delete"]),
    body=BODIES,
    content_type=TYPES,
    level=st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE]),
    omit=st.booleans(),
    decoded=st.booleans(),
)
def test_no_request_raises(
    verb: str, body: bytes, content_type: str, level: Level, omit: bool, decoded: bool
) -> None:
    """Whatever a client sends, recording gives a value, and its object is JSON."""
    shown(request(verb, body, content_type, level=level, omit=omit, decoded=decoded))


@given(
    body=BODIES,
    content_type=TYPES,
    encoding=st.sampled_from(["", "gzip", "br"]),
    level=st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE]),
    omit=st.booleans(),
)
def test_no_response_raises(
    body: bytes, content_type: str, encoding: str, level: Level, omit: bool
) -> None:
    """Whatever an upstream sends, recording gives a value, and its object is JSON."""
    shown(response(body, content_type, encoding=encoding, level=level, omit=omit))
