"""sessions/ephemeral.py: what kubectl debug adds to a pod, in every form of a patch."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.ephemeral import (
    LONGEST_SHOWN,
    MOST_NAMED,
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
    ],
)
def test_forms(body: object, found: tuple[EphemeralContainer, ...]) -> None:
    """Merge patches, JSON patches, whole pods, and what is none of them."""
    assert ephemeral_containers(json.dumps(body).encode()) == found


def test_bounds() -> None:
    """Neither their number nor the annotation grows with the request."""
    many = {"spec": {"ephemeralContainers": [WRITTEN] * 1000}}
    found = ephemeral_containers(json.dumps(many).encode())
    assert len(found) == MOST_NAMED
    text = shown(found)
    assert len(text) == LONGEST_SHOWN + len("...TRUNCATED")
    assert json.loads(shown(found[:1])) == [
        {"name": "debugger-x", "image": "busybox", "command": ["sh"], "targetContainerName": "app"}
    ]


@given(st.binary(max_size=100))
def test_any_bytes(body: bytes) -> None:
    """Protobuf, and worse."""
    assert isinstance(ephemeral_containers(body), tuple)
