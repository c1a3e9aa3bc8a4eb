"""Lines of a log: what is read of them, their sizes at other levels, and what they mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import Level
from auditproxy.audit.policy.simulation import logged as reading
from auditproxy.audit.policy.simulation.logged import Meanings, read_logged, request_info
from auditproxy.serializer.errors import SerializationError
from tests.fakes.loggedevents import line, logged

BODIES: dict[str, Any] = {"requestObject": {"a": [1, "x"]}, "responseObject": {"b": "<&>"}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not an event: Expected `object`, got `array`"),
        (b'{"x":' + b"[" * 100_000, "not JSON"),
        (b"{}", "not an event: Object missing required field"),
        (b'{"kind": 1}', "not an event: Expected `str`"),
        (line(kind="EventList"), "not an event: another kind"),
        (line(level="All"), "not an event: no such level"),
        (line(stage="Other"), "not an event: Invalid enum value"),
        (line(user=None), "not an event: Expected `object`"),
    ],
)
def test_not_an_event(text: bytes, why: str) -> None:
    """In a few words."""
    with pytest.raises(SerializationError) as caught:
        read_logged(text)
    assert str(caught.value).startswith(why)


@given(st.binary(max_size=60))
def test_any_bytes(text: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(SerializationError):
        read_logged(text)


@pytest.mark.parametrize("level", list(Level)[1:])
def test_sizes_of_levels(level: Level) -> None:
    """As if it had been recorded at that level: bodies of higher ones are left out."""
    event, size = logged(level="RequestResponse", **BODIES)
    kept = {
        name: body
        for name, body in BODIES.items()
        if level >= (Level.REQUEST if name == "requestObject" else Level.REQUEST_RESPONSE)
    }
    assert event.size_at(size, level) == logged(level=level.word, **kept)[1]


def test_size_of_arrival() -> None:
    """Without bodies, result and annotations."""
    rest = {"responseStatus": {"code": 200}, "annotations": {"a": "b"}}
    event, size = logged(level="RequestResponse", **BODIES, **rest)
    assert event.size_of_arrival(size, Level.REQUEST) == logged(level="Request")[1]
    plain, size = logged()
    assert plain.size_of_arrival(size, Level.METADATA) == size


def test_asker() -> None:
    """Failed authentication has no user; the impersonated one is never asked about."""
    assert logged(user={})[0].asker is None
    found = logged(impersonatedUser={"username": "root"})[0].asker
    assert found is not None
    assert (found.username, found.groups) == ("bob", ("dev",))


@pytest.mark.parametrize(
    ("verb", "uri", "meaning"),
    [
        ("list", "/api/v1/pods", ("list", "", "pods", "", "", "")),
        ("create", "/api/v1/namespaces/n/pods/x/exec", ("create", "", "pods", "exec", "n", "x")),
        ("get", "/apis/apps/v1/namespaces/n/deployments/%78",
         ("get", "apps", "deployments", "", "n", "x")),
        ("deletecollection", "/api/v1/pods", ("deletecollection", "", "pods", "", "", "")),
        ("delete", "/api/v1/namespaces/n", ("delete", "", "namespaces", "", "n", "n")),
        ("update", "/api/v1/nodes/a/status", ("update", "", "nodes", "status", "", "a")),
        ("watch", "/api/v1/pods?watch=1&fieldSelector=metadata.name%3Dx",
         ("watch", "", "pods", "", "", "x")),
        ("watch", "/api/v1/watch/pods", ("watch", "", "pods", "", "", "")),
        ("", "/api/v1/pods", ("", "", "pods", "", "", "")),
        # A verb that was read from something that the URI does not show.
        ("watch", "/api/v1/pods", ("watch", "", "pods", "", "", "")),
        ("list", "/api/v1/pods?fieldSelector=metadata.name%3D" + "x" * 70_000,
         ("list", "", "pods", "", "", "")),
    ],
)  # fmt: skip
def test_meanings(verb: str, uri: str, meaning: tuple[str, ...]) -> None:
    """By verb and request URI, not by objectRef."""
    found = request_info(verb, uri)
    assert found.is_resource_request
    assert (
        found.verb, found.api_group, found.resource, found.subresource, found.namespace, found.name,
    ) == meaning  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "uri", "path"),
    [
        ("get", "/healthz?verbose", "/healthz"),
        ("post", "/h%65althz", "/healthz"),
        ("get", "/api/v1/watch", ""),
        ("get", "no path", ""),
        ("get", "/%zz", ""),
    ],
)
def test_paths(verb: str, uri: str, path: str) -> None:
    """Other requests, and those that no server resolves."""
    found = request_info(verb, uri)
    assert (found.is_resource_request, found.path, found.verb) == (False, path, verb)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes again is read once; long targets are not kept."""
    meanings = Meanings()
    one, _ = logged("/api/v1/pods")
    assert meanings.of(one) is meanings.of(one)
    long, _ = logged("/api/v1/pods?" + "x" * reading.LONGEST_TARGET)
    assert meanings.of(long) is not meanings.of(long)
