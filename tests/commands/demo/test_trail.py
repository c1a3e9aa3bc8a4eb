"""Events put together to requests (faults from outside, D)."""

from typing import Any

import pytest

from auditproxy.commands.demo.trail import MOST_WAITING, Trail, discovery_root, is_discovery

TIME = "2026-11-23T13:06:31.814986Z"
REASONS = {401: "Unauthorized", 403: "Forbidden"}


def event(stage: str, audit_id: str = "a", uri: str = "/apis/x", code: int = 0) -> dict[str, Any]:
    """One event of one request for pods, or for a path of discovery."""
    made: dict[str, Any] = {
        "auditID": audit_id,
        "stage": stage,
        "requestURI": uri,
        "verb": "watch",
        "user": {"username": "admin"},
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
        "objectRef": {"resource": "pods", "namespace": "default"},
    }
    if code:
        made["responseStatus"] = {"code": code}
    if code in REASONS:
        made["responseStatus"]["reason"] = REASONS[code]
    return made


def test_one_row_for_each_request() -> None:
    """D: three stages are one row, at the end; in between the request is open."""
    trail = Trail()
    assert trail.take(event("RequestReceived")) is None
    assert trail.open_rows() == []
    assert trail.take(event("ResponseStarted", code=200)) is None
    assert [row.request for row in trail.open_rows()] == ["watched pods -n default"]
    row = trail.take(event("ResponseComplete", code=200))
    assert row is not None
    assert row.result == "200, 0 ms"
    assert trail.open_rows() == []


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
def test_a_session_is_shown_when_it_begins(subresource: str) -> None:
    """Before what is typed in it; its end is a line of the session log."""
    trail = Trail()
    session = {"objectRef": {"resource": "pods", "namespace": "a", "subresource": subresource}}
    assert trail.take(event("RequestReceived") | session) is None
    row = trail.take(event("ResponseStarted", code=101) | session)
    assert row is not None
    assert row.result == "101 open"
    assert len(trail.open_rows()) == 1
    assert trail.take(event("ResponseComplete", code=101) | session) is None
    assert trail.open_rows() == []


def test_a_session_that_does_not_begin() -> None:
    """One that is refused, or crashes, is a row at its end."""
    session = {"objectRef": {"resource": "pods", "namespace": "a", "subresource": "exec"}}
    for first, stage, code, result in (
        (403, "ResponseComplete", 403, "403 Forbidden"),
        (101, "Panic", 500, "500 Panic"),
    ):
        trail = Trail()
        trail.take(event("RequestReceived") | session)
        trail.take(event("ResponseStarted", code=first) | session)
        row = trail.take(event(stage, code=code) | session)
        assert row is not None
        assert row.result == result


def test_refused_before_it_was_received() -> None:
    """A ResponseStarted alone is all there will be."""
    row = Trail().take(event("ResponseStarted", code=401))
    assert row is not None
    assert row.result == "401 Unauthorized"


def test_a_panic_ends_a_request() -> None:
    """Also after its ResponseStarted."""
    trail = Trail()
    trail.take(event("RequestReceived"))
    trail.take(event("ResponseStarted", code=200))
    row = trail.take(event("Panic", code=500))
    assert row is not None
    assert row.result == "500 Panic"
    assert trail.open_rows() == []


def discovery(uri: str, code: int = 200) -> dict[str, Any]:
    """The last event of a request that names no object."""
    made = event("ResponseComplete", uri=uri, code=code) | {"verb": "get"}
    del made["objectRef"]
    return made


def test_discovery_is_folded() -> None:
    """D: /version, /api and /apis become a count; a refused one is a row."""
    trail = Trail()
    assert trail.folded_in_words() == ""
    assert trail.take(discovery("/version")) is None
    assert trail.folded_in_words() == "1 discovery request: /version"
    assert trail.take(discovery("/apis/apps/v1?timeout=32s")) is None
    assert trail.take(discovery("/apis")) is None
    assert trail.folded_in_words() == "3 discovery requests: /apis, /version"
    assert trail.take(discovery("/apis", code=403)) is not None


def test_requests_that_never_end_are_bounded() -> None:
    """A proxy that loses last events costs no more than so much memory."""
    trail = Trail()
    for number in range(MOST_WAITING + 5):
        trail.take(event("RequestReceived", audit_id=str(number)))
        trail.take(event("ResponseStarted", audit_id=str(number), code=200))
    assert len(trail.open_rows()) == MOST_WAITING


@pytest.mark.parametrize(
    ("verb", "uri", "code", "folded"),
    [
        ("get", "/version", 200, True),
        ("get", "/api", 200, True),
        ("get", "/apis/apps/v1?timeout=32s", 200, True),
        ("get", "/openapi/v3/api/v1", 304, True),
        ("get", "/openapi/v3", 404, True),
        ("get", "/apis", 406, True),
        ("get", "/apis", 403, False),
        ("get", "/version", 500, False),
        ("get", "/apiserver", 200, False),
        ("get", "/healthz", 200, False),
        ("post", "/version", 200, False),
    ],
)
def test_discovery(verb: str, uri: str, code: int, folded: bool) -> None:
    """D: what clients ask before each command is folded, but never a refusal."""
    asked = {"verb": verb, "requestURI": uri, "responseStatus": {"code": code}}
    assert is_discovery(asked) is folded


def test_objects_are_no_discovery() -> None:
    """A request for an object is never folded."""
    assert not is_discovery(event("ResponseComplete", uri="/api/v1") | {"verb": "get"})


def test_discovery_root() -> None:
    """The first segment stands for all paths below it."""
    assert discovery_root({"requestURI": "/apis/apps/v1?timeout=32s"}) == "/apis"
    assert discovery_root({"requestURI": "/version"}) == "/version"
