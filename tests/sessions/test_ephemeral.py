"""sessions/ephemeral.py: what kubectl debug adds to a pod, in every form of a patch."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.ephemeral import (
    LONGEST_BODY,
    LONGEST_SHOWN,
    LONGEST_SLOW_BODY,
    MOST_NAMED,
    MOST_VALUES,
    UNREAD,
    EphemeralContainer,
    ephemeral_containers,
    shown,
)

WRITTEN = {
    "name": "debugger-x",
    "image": "busybox",
    "command": ["sh"],
    "targetContainerName": "app",
    "stdin": True,
}
FOUND = EphemeralContainer(
    name="debugger-x", image="busybox", command=("sh",), target_container_name="app"
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"spec": {"ephemeralContainers": [WRITTEN]}}, (FOUND,)),
        ([{"op": "add", "path": "/spec/ephemeralContainers/-", "value": WRITTEN}], (FOUND,)),
        ([{"op": "add", "path": "/spec/ephemeralContainers", "value": [WRITTEN]}], (FOUND,)),
        ([{"op": "add", "path": "/spec/containers/-", "value": WRITTEN}], ()),
        ({"spec": {"ephemeralContainers": [{"image": "i"}, 3, WRITTEN]}}, (FOUND,)),
        ({"spec": {"ephemeralContainers": {}}}, ()),
        ({"spec": []}, ()),
        ([3], ()),
        (None, ()),
        ([{"op": "add", "path": "/spec/ephemeralContainers/0", "value": WRITTEN}], (FOUND,)),
        (
            [{"op": "add", "path": "/spec", "value": {"ephemeralContainers": [WRITTEN]}}],
            (FOUND,),
        ),
        (
            [{"op": "add", "path": "", "value": {"spec": {"ephemeralContainers": [WRITTEN]}}}],
            (FOUND,),
        ),
        ([{"op": "add", "path": "", "value": [[]]}, {"op": "add", "path": 3}], ()),
        (
            [{"op": "replace", "path": "/spec/ephemeralContainers/0/name", "value": "other"}],
            (EphemeralContainer(name="other"),),
        ),
        ([{"op": "add", "path": "/spec/ephemeralContainers/0/image", "value": "i"}], ()),
        (
            {"spec": {"ephemeralContainers": [{"name": "n", "image": None, "command": None}]}},
            (EphemeralContainer(name="n"),),
        ),
    ],
)
def test_forms(body: object, found: tuple[EphemeralContainer, ...]) -> None:
    """Merge patches, JSON patches, whole pods, and what is none of them."""
    assert ephemeral_containers(json.dumps(body).encode()) == found


def test_bounds() -> None:
    """Neither their number nor the annotation grows with the request."""
    many = {"spec": {"ephemeralContainers": [WRITTEN] * 1000}}
    found = ephemeral_containers(json.dumps(many).encode())
    assert len(found) == MOST_NAMED + 1
    assert found[-1] is UNREAD
    text = shown(found)
    assert len(text) == LONGEST_SHOWN + len("...TRUNCATED")
    assert json.loads(shown(found[:1])) == [
        {"name": "debugger-x", "image": "busybox", "command": ["sh"], "targetContainerName": "app"}
    ]


IN_YAML = """\
apiVersion: v1
kind: Pod
spec:
  ephemeralContainers:
    - name: debugger-x
      image: busybox
      command: [sh]
      targetContainerName: app
      stdin: true
"""
IN_JSON = json.dumps({"spec": {"ephemeralContainers": [WRITTEN]}}).encode()


def field(number: int, value: bytes) -> bytes:
    """One field of a message of protobuf, shorter than 128 bytes."""
    key = number << 3 | 2
    head = bytes((key,)) if key < 128 else bytes((key & 127 | 128, key >> 7))
    return head + bytes((len(value),)) + value


def in_protobuf() -> bytes:
    """A pod with an ephemeral container, as clients of Go send it."""
    common = field(1, b"debugger-x") + field(2, b"busybox") + field(3, b"sh")
    container = field(1, common) + field(2, b"app")
    pod = field(1, field(1, b"p")) + field(2, field(34, container))
    return b"k8s\0" + field(1, field(1, b"v1") + field(2, b"Pod")) + field(2, pod)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/strategic-merge-patch+json", IN_JSON),
        ("application/json; charset=utf-8", IN_JSON),
        ("application/yaml", IN_YAML.encode()),
        ("application/apply-patch+yaml", IN_YAML.encode()),
        ("Application/Apply-Patch+YAML; x=y", IN_JSON),
        ("application/apply-patch+yaml", IN_JSON + b" " * LONGEST_SLOW_BODY),
        ("application/vnd.kubernetes.protobuf", in_protobuf()),
        # Go reads what is not UTF-8.
        ("application/json", IN_JSON[:-1] + b', "x": "\xff"}'),
        # No type is JSON.
        ("", IN_JSON),
    ],
    ids=range(9),
)
def test_media_types(content_type: str, body: bytes) -> None:
    """Whatever form kube-apiserver takes."""
    assert ephemeral_containers(body, content_type) == (FOUND,)


def test_cbor() -> None:
    """CBOR, where its library is installed."""
    cbor2 = pytest.importorskip("cbor2")
    body = cbor2.dumps({"spec": {"ephemeralContainers": [WRITTEN]}})
    for content_type in ("application/cbor", "application/apply-patch+cbor"):
        assert ephemeral_containers(body, content_type) == (FOUND,)
    annotations = {f"annotation-{number}": "x" for number in range(1000)}
    pod = {"metadata": {"annotations": annotations}, "spec": {"ephemeralContainers": [WRITTEN]}}
    assert ephemeral_containers(cbor2.dumps(pod), "application/cbor") == (FOUND,)
    many = cbor2.dumps([[]] * 8 * MOST_VALUES)
    assert ephemeral_containers(many, "application/cbor") == (UNREAD,)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" + b" " * LONGEST_BODY + b"]"),
        ("application/yaml", b"a: " + b"b" * LONGEST_SLOW_BODY),
        ("application/yaml", b"- a\n" * (MOST_VALUES + 1)),
        ("application/vnd.kubernetes.protobuf", in_protobuf() + bytes(LONGEST_SLOW_BODY)),
    ],
    ids=range(4),
)
def test_what_costs_too_much(content_type: str, body: bytes) -> None:
    """It is not read, and not taken for a body that adds nothing."""
    found = ephemeral_containers(body, content_type)
    assert found == (UNREAD,)
    assert shown(found) == '[{"name":"(not read)"}]'


TYPES = st.sampled_from(
    (
        "",
        "application/yaml",
        "application/apply-patch+yaml",
        "application/vnd.kubernetes.protobuf",
        "application/cbor",
        "text/plain",
    )
)


@given(st.binary(max_size=100), TYPES)
def test_any_bytes(body: bytes, content_type: str) -> None:
    """Neither type nor bytes are to be trusted."""
    assert isinstance(ephemeral_containers(body, content_type), tuple)
    assert isinstance(ephemeral_containers(b"k8s\0" + body, content_type), tuple)
