"""What is recorded of each kind of body: content types, codings, and odd JSON."""

import gzip
import json
from typing import Any

import cbor2
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit.objects import (
    REQUEST_OBJECT_OMITTED,
    RESPONSE_OBJECT_OMITTED,
    Recorded,
    request_object,
    response_object,
)

JSON = "application/json"
INFO = RequestInfo(
    is_resource_request=True, path="/", verb="create", resource="pods", namespace="n"
)


def request(
    verb: str,
    body: bytes,
    content_type: str = JSON,
    *,
    subresource: str = "",
    encoding: str = "",
    decoded: bool = True,
    limit: int = 1 << 20,
) -> Recorded:
    """What a request's body adds."""
    asked = RequestInfo(
        is_resource_request=True,
        path="/",
        verb=verb,
        resource="pods",
        subresource=subresource,
        namespace="n",
        name="p",
    )
    return request_object(
        asked,
        content_type,
        body,
        level=Level.REQUEST_RESPONSE,
        omit_managed_fields=False,
        decoded=decoded,
        content_encoding=encoding,
        decoded_limit=limit,
    )


def raw(recorded: Recorded) -> str:
    """The recorded object as it will stand in the event."""
    assert recorded.object is not None, recorded
    return bytes(recorded.object).decode()


@pytest.mark.parametrize(
    ("subresource", "body"),
    [
        (
            "eviction",
            '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"},"deleteOptions":{"gracePeriodSeconds":5}}',
        ),
        (
            "binding",
            '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}}',
        ),
        (
            "token",
            '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["a"],"expirationSeconds":3600}}',
        ),
        (
            "scale",
            '{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"p","resourceVersion":"7"},"spec":{"replicas":3}}',
        ),
        (
            "status",
            '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"status":{"phase":"Running"}}',
        ),
        (
            "approval",
            '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"p"}}',
        ),
        ("ephemeralcontainers", '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}'),
    ],
)
@pytest.mark.parametrize("verb", ["create", "update"])
def test_subresources(verb: str, subresource: str, body: str) -> None:
    """Objects of subresources are recorded like any other, in the version they were sent in."""
    recorded = request(verb, body.encode(), subresource=subresource)
    assert json.loads(raw(recorded)) == json.loads(body)
    assert recorded.metadata is not None
    assert recorded.metadata.name == json.loads(body).get("metadata", {}).get("name", "")


POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "x": [1, "<"]}
YAML = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nx: [1, '<']\n"
PACKED = json.dumps(POD).encode()


@pytest.mark.parametrize(
    ("content_type", "body", "encoding"),
    [
        (JSON, PACKED, ""),
        ("", PACKED, ""),
        ("Application/JSON; charset=utf-8", PACKED, ""),
        ("application/yaml", YAML, ""),
        ("application/cbor", cbor2.dumps(POD), ""),
        ("application/cbor", b"\xd9\xd9\xf7" + cbor2.dumps(POD), ""),
        (JSON, gzip.compress(PACKED, mtime=0), "gzip"),
        ("application/yaml", gzip.compress(YAML, mtime=0), "gzip"),
    ],
)
def test_content_types(content_type: str, body: bytes, encoding: str) -> None:
    """However an object is written, it is recorded as JSON and completes objectRef."""
    recorded = request("create", body, content_type, encoding=encoding)
    assert json.loads(raw(recorded)) == POD
    assert recorded.metadata is not None
    assert recorded.metadata.name == "p"


@pytest.mark.parametrize(
    ("content_type", "body", "encoding", "noted"),
    [
        ("application/apply-patch+yaml", PACKED, "", False),
        ("application/apply-patch+yaml", YAML, "", True),
        ("application/apply-patch+cbor", cbor2.dumps(POD), "", True),
        ("application/merge-patch+json", PACKED, "", False),
        ("application/merge-patch+json", gzip.compress(PACKED, mtime=0), "gzip", False),
        ("application/strategic-merge-patch+json; charset=utf-8", PACKED, "", False),
    ],
)
def test_patches(content_type: str, body: bytes, encoding: str, noted: bool) -> None:
    """Patches that are no JSON become objects, and a note says that they were converted."""
    recorded = request("patch", body, content_type, encoding=encoding)
    assert json.loads(raw(recorded)) == POD
    assert bool(recorded.annotations) is noted


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1e400,"b":-0,"c":1.0e2,"d":123456789012345678901234567890}',) * 2,
        (b'{"a":{"x":1,"x":2}}', b'{"a":{"x":2}}'),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'{"a":"\\u00e9\\/"}',) * 2,
        (b'{"a":"<&>\xe2\x80\xa8"}', b'{"a":"\\u003c\\u0026\\u003e\\u2028"}'),
        (b'{"a":"\xff"}', b'{"a":"\xef\xbf\xbd"}'),
        (b' {\t"a" :\n[ 1 , 2 ] } ', b'{"a":[1,2]}'),
        (b"null", b"{}"),
    ],
)
def test_json_as_sent(body: bytes, expected: bytes) -> None:
    """T222 T223: numbers and escapes keep their spelling; of doubled names the last counts."""
    assert raw(request("create", body)).encode() == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b'{"a":+1}',
        b'\xef\xbb\xbf{"a":1}',
        b"",
        b"  ",
        b'{"a":1}{"b":2}',
        b'{"a":' * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_no_json(body: bytes) -> None:
    """T220 T222 T223: what Go refuses is refused; if the server took it all the same, a string."""
    taken = request("create", body)
    assert (None if taken.object is None else json.loads(raw(taken))) == (body.decode() or None)
    assert taken.annotations[0][0] == REQUEST_OBJECT_OMITTED
    assert request("create", body, decoded=False) == Recorded()


def test_yaml_alias_bomb() -> None:
    """T220: aliases that unfold to billions of values stay folded, with a note."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    recorded = request("create", "\n".join(lines).encode(), "application/yaml")
    assert json.loads(raw(recorded)) == "\n".join(lines)
    assert recorded.annotations[0][0] == REQUEST_OBJECT_OMITTED


def test_json_patch_copy_bomb() -> None:
    """T221: a patch is recorded as sent, never applied: its copies cost nothing."""
    patch = [{"op": "add", "path": "/x", "value": ["x" * 100]}]
    patch += [{"op": "copy", "from": "/x", "path": "/x/-"} for _ in range(50)]
    body = json.dumps(patch, separators=(",", ":")).encode()
    recorded = request("patch", body, "application/json-patch+json")
    assert raw(recorded).encode() == body


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (gzip.compress(b"x" * 10_000, mtime=0), "gzip", "larger than 1000 bytes when unpacked"),
        (b"\x1f\x8b\xff", "gzip", "the gzip body ends early"),
        (b"\x1f\x8b\xff", "br", "content encoding 'br' is not decoded"),
    ],
)
def test_a_packed_request_that_cannot_be_read(body: bytes, encoding: str, why: str) -> None:
    """T220: a bomb, garbage and an unknown coding are notes."""
    recorded = request("create", body, encoding=encoding, limit=1000)
    assert recorded.object is None
    assert recorded.annotations == ((REQUEST_OBJECT_OMITTED, why),)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br"])
@pytest.mark.parametrize(
    ("verb", "content_type", "body"),
    [
        ("create", JSON, b'{"kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":true}}'),
        ("update", "application/yaml", b"kind: Pod\nspec: {hostPID: true}\n"),
        ("create", "application/cbor", cbor2.dumps({"kind": "Pod", "spec": {"hostPID": True}})),
        ("patch", "application/json-patch+json", b'[{"op":"remove","path":"/a"}]'),
        ("patch", "application/merge-patch+json", b'{"spec":{"hostPID":true}}'),
        ("patch", "application/apply-patch+yaml", b"spec: {hostPID: true}\n"),
        ("delete", JSON, b'{"kind":"DeleteOptions","propagationPolicy":"Orphan"}'),
    ],
)
def test_a_coding_that_the_body_has_not(
    verb: str, content_type: str, body: bytes, encoding: str
) -> None:
    """A5: kube-apiserver reads past a Content-Encoding: with one nobody keeps a body out of the log."""
    plain = request(verb, body, content_type)
    assert plain.object is not None
    assert request(verb, body, content_type, encoding=encoding) == plain


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"kind":"DeleteOptions","propagationPolicy":"Background"}'),
        ("application/yaml", b"kind: DeleteOptions\npropagationPolicy: Background\n"),
        ("application/cbor", cbor2.dumps({"propagationPolicy": "Background"})),
    ],
)
@pytest.mark.parametrize("verb", ["delete", "deletecollection"])
def test_delete_options(verb: str, content_type: str, body: bytes) -> None:
    """DeleteOptions in any form, under the internal version that kube-apiserver records."""
    assert raw(request(verb, body, content_type)) == (
        '{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/__internal",'
        '"propagationPolicy":"Background"}'
    )


STATUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "m",
    "reason": "Invalid",
    "details": {"name": "n", "kind": "Pod", "causes": [{"reason": "r", "field": "spec"}]},
    "code": 422,
}


@pytest.mark.parametrize(
    ("content_type", "body", "encoding"),
    [
        (JSON, json.dumps(STATUS).encode(), ""),
        (JSON, gzip.compress(json.dumps(STATUS).encode(), mtime=0), "gzip"),
        ("application/yaml", json.dumps(STATUS).encode(), ""),
        ("application/cbor", cbor2.dumps(STATUS), ""),
    ],
)
@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
def test_status_answers(content_type: str, body: bytes, encoding: str, level: Level) -> None:
    """A Status with details is read at every level and in every form."""
    recorded = response_object(
        INFO,
        content_type,
        encoding,
        body,
        level=level,
        omit_managed_fields=True,
        decoded_limit=10_000,
    )
    assert recorded.status is not None
    assert recorded.status.reason == "Invalid"
    assert recorded.status.details is not None
    assert recorded.status.details.causes[0].field == "spec"
    assert (recorded.object is not None) is (level is Level.REQUEST_RESPONSE)


def test_an_answer_in_cbor() -> None:
    """An object in CBOR is recorded as JSON."""
    recorded = response_object(
        INFO,
        "application/cbor",
        "",
        cbor2.dumps(POD),
        level=Level.REQUEST_RESPONSE,
        omit_managed_fields=False,
        decoded_limit=10_000,
    )
    assert json.loads(raw(recorded)) == POD
    broken = response_object(
        INFO,
        "application/cbor",
        "",
        b"\xff",
        level=Level.REQUEST_RESPONSE,
        omit_managed_fields=False,
        decoded_limit=10_000,
    )
    assert broken.annotations[0][0] == RESPONSE_OBJECT_OMITTED
