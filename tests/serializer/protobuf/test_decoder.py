"""Protobuf to JSON: rows per rule, objects of every kind made at random, hostile bytes, real bodies."""

import json
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf.decoder import DEPTH_LIMIT, Decoder, UnknownKindError
from auditproxy.serializer.protobuf.envelope import is_protobuf
from auditproxy.serializer.protobuf.table import builtin
from tests.conformance import corpus
from tests.fakes.wire import Maker, block, envelope, number_field, varint
from tests.fuzz.protobuf import run

DECODER = Decoder()
# A Table travels as JSON only, a WatchEvent is a frame of a stream and has no kind.
KINDS = sorted(set(builtin().kinds) - {"meta.k8s.io/v1/Table", "v1/WatchEvent"})
POD, CONFIG_MAP = ("v1", "Pod"), ("v1", "ConfigMap")


def decoded(kind: tuple[str, str], raw: bytes, *, omit: bool = False) -> str:
    """The JSON behind kind and apiVersion, without the brace before it."""
    written = DECODER.decode(envelope(*kind, raw), omit_managed_fields=omit).decode()
    head = f'{{"kind":"{kind[1]}","apiVersion":"{kind[0]}"'
    assert written.startswith(head)
    return written[len(head) :].removeprefix(",")


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        # Messages show although they are empty, required lists are null, strings empty.
        (POD, b"", '"metadata":{},"spec":{"containers":null},"status":{}}'),
        (("v1", "Binding"), b"", '"metadata":{},"target":{}}'),
        (("v1", "ConfigMapList"), b"", '"metadata":{},"items":[]}'),
        (("meta.k8s.io/v1", "PartialObjectMetadataList"), b"", '"metadata":{},"items":null}'),
        (
            ("meta.k8s.io/v1", "PartialObjectMetadataList"),
            block(2, b""),
            '"metadata":{},"items":[{"kind":"PartialObjectMetadata",'
            '"apiVersion":"meta.k8s.io/v1","metadata":{}}]}',
        ),
        # The order is the struct's, not the wire's; the last scalar counts; zero is omitted.
        (
            CONFIG_MAP,
            block(2, block(1, b"b") + block(2, b"1"))
            + block(2, block(2, b"2") + block(1, b"a"))
            + block(1, block(3, b"ns") + block(1, b"x") + block(1, b"y") + block(3, b"")),
            '"metadata":{"name":"y"},"data":{"a":"2","b":"1"}}',
        ),
        # Messages that stand twice are merged, however often and in whatever order.
        (
            CONFIG_MAP,
            block(1, block(1, b"n")) + block(99, b"") + block(1, block(3, b"s")),
            '"metadata":{"name":"n","namespace":"s"}}',
        ),
        # A pointer shows its zero; what is not a pointer does not.
        (CONFIG_MAP, number_field(4, 0), '"metadata":{},"immutable":false}'),
        # Maps: a missing value is the type's zero, keys are sorted by their bytes.
        (
            ("v1", "Secret"),
            block(2, block(1, b"k"))
            + block(2, block(1, "é".encode()) + block(2, b"\xff"))
            + block(2, block(1, b"K") + block(2, b"hello")),
            '"metadata":{},"data":{"K":"aGVsbG8=","k":"","é":"/w=="}}',
        ),
        (
            ("v1", "ResourceQuota"),
            block(2, block(1, block(1, b"pods")) + block(1, block(1, b"cpu") + block(2, block(1, b"1")))),
            '"metadata":{},"spec":{"hard":{"cpu":"1","pods":"0"}},"status":{}}',
        ),
        # Bytes: required and absent is null, present and empty is "".
        (("v1", "RangeAllocation"), b"", '"metadata":{},"range":"","data":null}'),
        (("v1", "RangeAllocation"), block(3, b""), '"metadata":{},"range":"","data":""}'),
        # Inlined members stand where the message would.
        (
            ("v1", "Pod"),
            block(2, block(1, block(1, b"v") + block(2, block(2, b"")))),
            '"metadata":{},"spec":{"volumes":[{"name":"v","emptyDir":{}}],"containers":null},"status":{}}',
        ),
        # Strings: HTML, control characters, bytes that are not UTF-8.
        (
            CONFIG_MAP,
            block(2, block(1, b"<") + block(2, b'&"\\\n\x01\x7f\xff' + "\u2028".encode())),
            '"metadata":{},"data":{"\\u003c":"\\u0026\\"\\\\\\n\\u0001\x7f\\ufffd\\u2028"}}',
        ),
        # Times: seconds only; the zero time is null, or omitted where it is omitzero.
        (
            CONFIG_MAP,
            block(1, block(8, number_field(1, 0) + number_field(2, 5)) + block(9, b"")),
            '"metadata":{"creationTimestamp":"1970-01-01T00:00:00Z","deletionTimestamp":null}}',
        ),
        (CONFIG_MAP, block(1, block(8, b"")), '"metadata":{}}'),
        # Unknown fields of every wire type are passed over, groups included.
        (
            CONFIG_MAP,
            number_field(99, 1) + block(98, b"x") + varint(97 << 3 | 1) + b"12345678"
            + varint(96 << 3 | 5) + b"1234" + varint(95 << 3 | 3) + block(1, b"x") + varint(95 << 3 | 4),
            '"metadata":{}}',
        ),
        # A key may take more bytes than it needs.
        (CONFIG_MAP, b"\x8a\x00\x03\x0a\x01n", '"metadata":{"name":"n"}}'),
        # Integers: negative ones take ten bytes; lists packed or not.
        (CONFIG_MAP, block(1, number_field(7, -7)), '"metadata":{"generation":-7}}'),
        (
            POD,
            block(2, block(14, block(4, varint(1) + varint(300)) + number_field(4, 5))),
            '"metadata":{},"spec":{"containers":null,"securityContext":'
            '{"supplementalGroups":[1,300,5]}},"status":{}}',
        ),
        # The server's own default in place of a required pointer's null.
        (
            ("authentication.k8s.io/v1", "TokenRequest"),
            b"",
            '"metadata":{},"spec":{"audiences":null,"expirationSeconds":3600,"boundObjectRef":null},'
            '"status":{"token":"","expirationTimestamp":null}}',
        ),
        # Wrapped lists of strings are lists.
        (
            ("authentication.k8s.io/v1", "TokenReview"),
            block(3, block(2, block(4, block(1, b"k") + block(2, block(1, b"a") + block(1, b"b"))))),
            '"metadata":{},"spec":{},"status":{"user":{"extra":{"k":["a","b"]}}}}',
        ),
    ],
)  # fmt: skip
def test_rows(kind: tuple[str, str], raw: bytes, expected: str) -> None:
    """Every rule of the spelling, byte for byte."""
    assert decoded(kind, raw) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind: str) -> None:
    """Objects of each kind made at random come out as the table's rules say, in their order."""
    api_version, _, name = kind.rpartition("/")
    for seed in range(4):
        maker = Maker(builtin(), random.Random(f"{kind}{seed}"))
        raw, expected = maker.message(builtin().kinds[kind], 4 if seed else 0)
        written = DECODER.decode(envelope(api_version, name, raw))
        msgspec.json.decode(written)
        expected = {"kind": name, "apiVersion": api_version, **expected}
        # Dumped, because the order of members counts.
        assert json.dumps(json.loads(written)) == json.dumps(expected)


def test_without_api_version() -> None:
    """Discovery of the core group names a kind alone, and so does its JSON."""
    body = envelope("", "APIResourceList", block(1, b"v1") + block(2, block(4, block(1, b"get"))))
    assert DECODER.decode(body) == (
        b'{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"","singularName":"",'
        b'"namespaced":false,"kind":"","verbs":["get"]}]}'
    )


def test_managed_fields_are_left_out() -> None:
    """Of the object and of a list's items; a template inside keeps its own."""
    meta = block(1, b"n") + block(17, block(1, b"kubectl"))
    pod_template = block(1, meta) + block(2, block(1, meta))
    template = ("v1", "PodTemplate")
    assert decoded(template, pod_template).count("managedFields") == 2
    short = decoded(template, pod_template, omit=True)
    assert short.startswith('"metadata":{"name":"n"},"template":{"metadata":{"name":"n","managed')
    listed = ("v1", "PodTemplateList")
    shorter = decoded(listed, block(2, pod_template) * 2, omit=True)
    assert shorter.count("managedFields") == 2
    partial = ("meta.k8s.io/v1", "PartialObjectMetadataList")
    assert "managedFields" not in decoded(partial, block(2, block(1, meta)), omit=True)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x0a", id="no length"),
        pytest.param(b"\x0a\x05ab", id="short"),
        pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", id="length bomb"),
        pytest.param(b"\x0a" + b"\xff" * 11, id="overlong length"),
        pytest.param(b"\x80" * 20, id="overlong key"),
        pytest.param(b"\x08\x01", id="metadata as a number"),
        pytest.param(b"\x22\x01a", id="a bool as bytes"),
        pytest.param(b"\x20", id="no number"),
        pytest.param(b"\x20\x80", id="half a number"),
        pytest.param(b"\x00\x00", id="field 0"),
        pytest.param(b"\x0c", id="end of a group"),
        pytest.param(b"\x9b\x06" * 5, id="group without end"),
        pytest.param(b"\x9f\x06", id="wire type 7"),
        pytest.param(block(2, b"\x08\x01"), id="a map's key as a number"),
        pytest.param(block(2, b"\x10\x01"), id="a map's value as a number"),
        pytest.param(block(1, b"\x0a\x05a"), id="ends early inside"),
    ],
)
def test_hostile(raw: bytes) -> None:
    """T223: what is not a message raises ProtobufError and nothing else."""
    with pytest.raises(ProtobufError):
        DECODER.decode(envelope(*CONFIG_MAP, raw))


def test_values_that_json_has_not() -> None:
    """NaN, embedded text that is not JSON, an IntOrString of a third type: Go cannot write them either."""
    schema = block(2, block(8, b""))
    assert schema
    revision = ("apps/v1", "ControllerRevision")
    with pytest.raises(ProtobufError, match="not JSON"):
        DECODER.decode(envelope(*revision, block(2, block(1, b"{"))))
    assert '"data":{"a":1}' in decoded(revision, block(2, block(1, b' { "a" : 1 } ')))
    assert '"data":null' in decoded(revision, b"")


def test_depth_is_bounded() -> None:
    """T220: schemas inside schemas beyond the limit are refused, up to it they are decoded."""

    def nested(levels: int) -> bytes:
        raw = b""
        for _ in range(levels):
            raw = block(28, raw)
        # spec.versions[0].schema.openAPIV3Schema
        return block(2, block(7, block(4, block(1, raw))))

    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    assert decoded(kind, nested(80)).count('"not":') == 80
    for levels in (DEPTH_LIMIT, 5000):
        with pytest.raises(ProtobufError, match="deeply"):
            DECODER.decode(envelope(*kind, nested(levels)))


def test_output_is_bounded() -> None:
    """Two bytes that become an empty Pod each do not fill the memory."""
    body = envelope("v1", "PodList", block(2, b"") * 100_000)
    with pytest.raises(ProtobufError, match="larger than 1000 bytes"):
        DECODER.decode(body, limit=1000)
    assert len(DECODER.decode(body)) > 5_000_000


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (("v1", "Pod"), block(2, block(14, block(4, b"\x01" * 5000) + b"\x07"))),
        (CONFIG_MAP, b"".join(block(2, block(1, b"%d" % n)) for n in range(1000)) + b"\x07"),
    ],
    ids=["packed numbers", "map entries"],
)
def test_output_is_counted_as_it_comes(kind: tuple[str, str], raw: bytes) -> None:
    """B1: the limit ends the reading: what stands behind it, which is broken, is not looked at."""
    with pytest.raises(ProtobufError, match="larger than 1000 bytes"):
        DECODER.decode(envelope(*kind, raw), limit=1000)


def test_packed_numbers() -> None:
    """Any number of them is one list, in as many fields as it comes."""
    numbers = list(range(5000))
    packed = b"".join(varint(number) for number in numbers)
    raw = block(2, block(14, block(4, packed) + block(4, b"\x07")))
    spec = json.loads(DECODER.decode(envelope("v1", "Pod", raw)))["spec"]
    assert spec["securityContext"]["supplementalGroups"] == [*numbers, 7]


def test_doubled_messages_cost_no_more_than_their_bytes() -> None:
    """Messages doubled on every level are merged once: twice the levels are not the square of time."""
    raw = b""
    for _ in range(90):
        raw = block(28, raw) + block(28, b"")
    body = block(2, block(7, block(4, block(1, raw))))
    kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    assert decoded(kind, body).count('"not":') == 90


def test_a_million_fields() -> None:
    """10^6 tiny fields, known and unknown, are one object."""
    unknown = number_field(99, 1) * 1_000_000
    assert decoded(CONFIG_MAP, unknown) == '"metadata":{}}'
    assert decoded(CONFIG_MAP, block(1, b"") * 500_000) == '"metadata":{}}'


def test_unknown_kinds() -> None:
    """A kind that the table has not is told by name, unless the name is none."""
    with pytest.raises(UnknownKindError, match="no kind example.com/v1/Foo"):
        DECODER.decode(envelope("example.com/v1", "Foo", b""))
    with pytest.raises(UnknownKindError, match="of its name"):
        DECODER.decode(envelope("v1", "x" * 1000, b""))


def test_recorded_bodies() -> None:
    """Every recorded protobuf answer becomes the responseObject that kube-apiserver wrote."""
    seen = 0
    for exchange in corpus.read():
        body = exchange.response_body
        wanted = [e["responseObject"] for e in exchange.events if "responseObject" in e]
        if not is_protobuf(body) or not wanted:
            continue
        written = DECODER.decode(body)
        assert json.dumps(json.loads(written)) == json.dumps(wanted[-1]), exchange.target
        seen += 1
    assert seen > 200


@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_any_bytes(raw: bytes, kind: str) -> None:
    """T223: whatever the bytes, valid JSON or ProtobufError."""
    api_version, _, name = kind.rpartition("/")
    try:
        written = DECODER.decode(envelope(api_version, name, raw))
    except ProtobufError:
        return
    msgspec.json.decode(written)


def test_fuzz() -> None:
    """Mutated objects give valid JSON or ProtobufError."""
    assert run(2000, 1) == 2000
