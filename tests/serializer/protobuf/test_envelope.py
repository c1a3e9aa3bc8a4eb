"""Kubernetes protobuf without a table: rows from a small writer, then hostile bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.status import Status, StatusCause, StatusDetails
from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf import envelope as protobuf
from auditproxy.serializer.protobuf.envelope import Envelope, ObjectMeta


def varint(value: int) -> bytes:
    """A number of 64 bits, negative ones as two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field: a number as a varint, anything else as bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    """A whole body as kube-apiserver writes it."""
    type_meta = field(1, api_version) + field(2, kind)
    return b"k8s\0" + field(1, type_meta) + field(2, raw) + field(3, "") + field(4, "")


def group(number: int, content: bytes) -> bytes:
    """A group, which proto2 had before messages."""
    return varint(number << 3 | 3) + content + varint(number << 3 | 4)


UNKNOWN = (
    field(100, "x")
    + field(101, 7)
    + (varint(102 << 3 | 1) + b"12345678")
    + (varint(103 << 3 | 5) + b"1234")
    + group(104, field(1, 1) + group(1, field(2, "y")))
)
"""Fields of every wire type that no message here knows, nested groups included."""


def facts(found: Envelope) -> tuple[str, str, bytes]:
    """What a body says of its object, and the object."""
    return found.api_version, found.kind, found.raw


class TestEnvelope:
    """envelope and is_protobuf."""

    def test_as_the_server_writes_it(self) -> None:
        """Version, kind and the object's own message."""
        raw = body("apps/v1", "Deployment", b"\x0a\x00")
        assert protobuf.is_protobuf(raw)
        assert facts(protobuf.envelope(raw)) == ("apps/v1", "Deployment", b"\x0a\x00")

    def test_any_order_and_unknown_fields(self) -> None:
        """Order does not matter; doubled messages merge and the last raw counts."""
        raw = b"k8s\0" + UNKNOWN + field(2, "old") + field(1, field(2, "Pod")) + field(2, "new")
        raw += field(1, field(1, "v1") + UNKNOWN)
        assert facts(protobuf.envelope(raw)) == ("v1", "Pod", b"new")

    def test_empty(self) -> None:
        """The prefix alone is an object without type and members."""
        assert facts(protobuf.envelope(b"k8s\0")) == ("", "", b"")

    @pytest.mark.parametrize("raw", [b"", b"k8s", b"{}", b"K8s\0"])
    def test_without_the_prefix(self, raw: bytes) -> None:
        """Anything else is not protobuf."""
        assert not protobuf.is_protobuf(raw)
        with pytest.raises(ProtobufError):
            protobuf.envelope(raw)


class TestObjectMeta:
    """object_meta: what objectRef needs."""

    def test_members(self) -> None:
        """The four members are found among all others."""
        metadata = (
            field(1, "n") + field(2, "generate-") + field(3, "ns") + field(4, "/self")
            + field(5, "u") + field(6, "42") + field(11, field(1, "k") + field(2, "v")) + UNKNOWN
        )  # fmt: skip
        assert protobuf.object_meta(UNKNOWN + field(1, metadata) + field(2, "spec")) == ObjectMeta(
            name="n", namespace="ns", uid="u", resource_version="42"
        )

    def test_doubled(self) -> None:
        """Doubled metadata merges, the last text counts."""
        raw = field(1, field(1, "a") + field(3, "ns")) + field(1, field(1, "b"))
        assert protobuf.object_meta(raw) == ObjectMeta(name="b", namespace="ns")

    def test_absent(self) -> None:
        """No metadata is empty metadata."""
        assert protobuf.object_meta(b"") == ObjectMeta()

    def test_not_utf8(self) -> None:
        """T223: bytes that are not UTF-8 become lone surrogates, one each."""
        assert protobuf.object_meta(field(1, field(1, b"\xe2\x82"))).name == "\udce2\udc82"

    def test_wrong_wire_type(self) -> None:
        """A number where the metadata should be is an error."""
        with pytest.raises(ProtobufError):
            protobuf.object_meta(field(1, 5))


class TestStatus:
    """status: a whole metav1.Status."""

    def test_all_members(self) -> None:
        """Every member with its own type."""
        causes = field(4, field(1, "R") + field(2, "m") + field(3, "spec.x")) + field(4, b"")
        details = (
            field(1, "n") + field(2, "g") + field(3, "k") + causes + field(5, 3) + field(6, "u")
        )
        raw = (
            field(1, field(2, "7") + field(3, "c") + field(4, 0))
            + field(2, "Failure")
            + field(3, "m")
        )
        raw += field(4, "Conflict") + field(5, details) + field(6, 409) + UNKNOWN
        assert protobuf.status(raw) == Status(
            metadata={"resourceVersion": "7", "continue": "c", "remainingItemCount": 0},
            status="Failure",
            message="m",
            reason="Conflict",
            details=StatusDetails(
                name="n",
                group="g",
                kind="k",
                uid="u",
                causes=(StatusCause("R", "m", "spec.x"), StatusCause()),
                retry_after_seconds=3,
            ),
            code=409,
        )

    def test_zeros_as_the_server_writes_them(self) -> None:
        """Empty texts of ListMeta are not shown; an empty details object is there."""
        list_meta = field(1, "") + field(2, "") + field(3, "")
        raw = field(1, list_meta) + field(2, "Success") + field(5, b"") + field(6, 0)
        assert protobuf.status(raw) == Status(
            metadata={}, status="Success", details=StatusDetails()
        )

    def test_empty(self) -> None:
        """Nothing at all is a Status without details."""
        assert protobuf.status(b"") == Status(metadata={})

    def test_negative_code(self) -> None:
        """32 bits with a sign."""
        assert protobuf.status(field(6, -1)).code == -1


class TestDeleteOptions:
    """delete_options: what was sent."""

    def test_all_members(self) -> None:
        """Pointers show their zeros, whatever came first."""
        raw = field(6, 1) + field(5, "All") + field(4, "Background") + field(3, 0)
        raw += field(2, field(2, "7") + field(1, "u")) + field(1, 0) + UNKNOWN
        options = protobuf.delete_options(raw)
        assert options == {
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "u", "resourceVersion": "7"},
            "orphanDependents": False,
            "propagationPolicy": "Background",
            "dryRun": ["All"],
            "ignoreStoreReadErrorWithClusterBreakingPotential": True,
        }
        assert list(options["preconditions"]) == ["uid", "resourceVersion"]

    def test_empty(self) -> None:
        """Nothing was sent."""
        assert protobuf.delete_options(b"") == {}
        assert protobuf.delete_options(field(2, b"")) == {"preconditions": {}}

    def test_negative_grace_period(self) -> None:
        """64 bits with a sign."""
        assert protobuf.delete_options(field(1, -1)) == {"gracePeriodSeconds": -1}

    def test_wrong_wire_type(self) -> None:
        """A text where a number should be is an error."""
        with pytest.raises(ProtobufError):
            protobuf.delete_options(field(1, "1"))


class TestStringAt:
    """string_at: one nested text."""

    @pytest.mark.parametrize(
        ("raw", "found"),
        [
            (field(1, "meta") + field(3, field(2, "x") + field(1, "token")), "token"),
            (field(3, b""), ""),
            (field(2, field(1, "other")), ""),
            (b"", ""),
        ],
    )
    def test_path(self, raw: bytes, found: str) -> None:
        """The text is found, or empty where a part of the path is missing."""
        assert protobuf.string_at(raw, (3, 1)) == found

    def test_wrong_wire_type(self) -> None:
        """A number on the way is an error."""
        with pytest.raises(ProtobufError):
            protobuf.string_at(field(3, 1), (3, 1))


READERS = (
    protobuf.object_meta,
    protobuf.status,
    protobuf.delete_options,
    lambda raw: protobuf.string_at(raw, (3, 1)),
    lambda raw: protobuf.envelope(b"k8s\0" + raw),
)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x0a",
        b"\x0a\x05abc",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff" * 11,
        b"\x80" * 1_000_000,
        b"\x00\x01",
        b"\x04",
        b"\x06\x00",
        b"\x07\x00",
        b"\x09\x00",
        b"\x0d\x00",
        b"\x0c",
        b"\xfb\x01" * 500_000,
        b"\xfb\x01\x06",
        b"\xf8\xff\xff\xff\xff\x01\x00",
    ],
)
def test_hostile_bytes(raw: bytes) -> None:
    """T220: truncated, overlong and nested bytes are refused, in time linear in their length."""
    for read in READERS:
        with pytest.raises(ProtobufError):
            read(raw)


def test_every_truncation_of_a_body() -> None:
    """A body cut anywhere is read as what is there or refused."""
    raw = body("v1", "Pod", field(1, field(1, "name") + field(3, "namespace")) + UNKNOWN)
    whole = 0
    for end in range(len(raw)):
        try:
            protobuf.object_meta(protobuf.envelope(raw[:end]).raw)
            whole += 1
        except ProtobufError:
            pass
    # Cuts between fields leave a valid message: after the prefix and after each of three fields.
    assert whole == 4


@given(st.binary(max_size=60))
def test_nothing_else_is_raised(raw: bytes) -> None:
    """T220: any bytes are read or refused by a ProtobufError."""
    for read in READERS:
        try:
            read(raw)
        except ProtobufError:
            continue


@given(st.text(), st.text(), st.binary())
def test_envelope_comes_back(api_version: str, kind: str, raw: bytes) -> None:
    """What is written into an envelope is read from it."""
    assert facts(protobuf.envelope(body(api_version, kind, raw))) == (api_version, kind, raw)


@given(
    st.one_of(
        st.binary(max_size=20),
        st.lists(
            st.tuples(st.integers(1, 3), st.one_of(st.binary(max_size=9), st.integers(0, 9)))
        ).map(lambda fields: b"".join(field(*each) for each in fields)),
    ),
    st.binary(max_size=300),
    st.sampled_from([b"", field(3, ""), field(3, "") + field(4, ""), field(2, b"last"), b"\x12"]),
)
def test_every_form_means_the_same(type_meta: bytes, raw: bytes, end: bytes) -> None:
    """The usual form is read in another way than others, and what both say is the same."""
    plain = b"k8s\0" + field(1, type_meta) + field(2, raw) + end
    try:
        # A field that Go skips: no usual form.
        other = protobuf.envelope(b"k8s\0" + UNKNOWN + plain[4:])
    except ProtobufError:
        with pytest.raises(ProtobufError):
            protobuf.envelope(plain)
    else:
        assert facts(protobuf.envelope(plain)) == facts(other)
