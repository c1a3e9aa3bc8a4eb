"""Requests and answers of a seed."""

import json
from itertools import islice

import pytest

from tests.bench.traffic import (
    RESOURCES,
    Traffic,
    answer_bytes,
    header_value,
    padded,
    request_bytes,
)


def test_a_seed_gives_the_same_again() -> None:
    """Same seed, same bytes; another run has other names of the same kinds in the same order."""
    first, again, other = Traffic(1), Traffic(1), Traffic(1, 1)
    targets = first.targets(20)
    assert targets == again.targets(20)
    others = other.targets(20)
    assert not set(targets) & set(others)
    assert [t.split("/")[-2] for t in targets] == [t.split("/")[-2] for t in others]


def test_targets() -> None:
    """A thousand are a thousand; each resource comes in turn."""
    targets = Traffic(3).targets(1000)
    assert len(set(targets)) == 1000
    few = {target.split("/")[-2] for target in islice(targets, len(RESOURCES))}
    assert few == {resource for _, resource in RESOURCES}


@pytest.mark.parametrize("seed", range(20))
def test_bodies_have_their_size(seed: int) -> None:
    """Leases have 200 bytes, ConfigMaps what was asked for; both are JSON."""
    traffic = Traffic(seed)
    lease, config_map = traffic.lease(), traffic.config_map(1024)
    assert (len(lease), len(config_map)) == (200, 1024)
    assert json.loads(lease)["kind"] == "Lease"
    assert json.loads(config_map)["kind"] == "ConfigMap"


def test_padded_refuses() -> None:
    """A size that the object has already exceeded is an error."""
    with pytest.raises(ValueError, match="longer than 5 bytes"):
        padded({"a": ""}, ("a",), 5)


def test_headers() -> None:
    """A traced client has another trace each time; a token is a header of its own."""
    traffic = Traffic(1)
    assert len({traffic.trace() for _ in range(5)}) == 5
    assert "Authorization: Bearer t" in traffic.headers("t")
    assert not any(line.startswith("Authorization") for line in traffic.headers())


def test_messages() -> None:
    """A request names its body, an answer echoes the audit id and has its own clock."""
    traffic = Traffic(1)
    sent = request_bytes("PUT", "/x", ["Host: a"], b"{}")
    assert sent.startswith(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
    assert sent.endswith(b"Content-Length: 2\r\n\r\n{}")
    first = answer_bytes(traffic, 0, "id", b"{}")
    later = answer_bytes(traffic, 50, "id", b"{}")
    other = answer_bytes(traffic, 0, "id", b"{}", new_flow=True)
    assert header_value(first, b"audit-id") == b"id"
    assert header_value(first, b"date") == b"Sat, 28 Nov 2026 05:00:00 GMT"
    assert header_value(later, b"date") == b"Sat, 28 Nov 2026 05:00:01 GMT"
    uid = b"x-kubernetes-pf-flowschema-uid"
    assert header_value(first, uid) == header_value(later, uid) != header_value(other, uid)
    assert header_value(first, b"etag") == b""
