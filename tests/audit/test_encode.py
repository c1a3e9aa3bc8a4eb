"""Events to lines."""

import datetime
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo
from auditproxy.audit import encode
from auditproxy.audit.encode import encoder, json_line, json_parts


def event(**members: Any) -> Event:
    """A small event."""
    values: dict[str, Any] = {"request_uri": "/", "verb": "get", "user_agent": "", **members}
    return Event(
        kind="Event",
        api_version=API_VERSION,
        level="Metadata",
        audit_id="a",
        stage="ResponseComplete",
        user=UserInfo(username="u"),
        request_received_timestamp="2026-11-23T13:06:31.814986Z",
        stage_timestamp="2026-11-23T13:06:31.814986Z",
        **values,
    )


def test_json_line() -> None:
    """Go's order and spelling, byte by byte."""
    line = json_line(event(request_uri="/api?a=<1>&b", user_agent='q"\\\t\u2028é'))
    assert line == (
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a",'
        b'"stage":"ResponseComplete","requestURI":"/api?a=\\u003c1\\u003e\\u0026b","verb":"get",'
        b'"user":{"username":"u"},"userAgent":"q\\"\\\\\\t\\u2028\xc3\xa9",'
        b'"requestReceivedTimestamp":"2026-11-23T13:06:31.814986Z",'
        b'"stageTimestamp":"2026-11-23T13:06:31.814986Z"}\n'
    )


def test_legacy_line() -> None:
    """The legacy form is one line too."""
    (line,) = encoder("legacy", datetime.UTC)(event(request_uri="/a\nb"))
    assert line.count(b"\n") == 1
    assert b'AUDIT: id="a"' in line


@given(st.text(alphabet=st.characters(), max_size=30), st.binary(max_size=30))
def test_any_text_is_one_line_of_json(text: str, raw: bytes) -> None:
    """T175 T176: whatever a client sends, the event is one line of valid UTF-8 JSON."""
    agent = raw.decode("utf-8", "surrogateescape")
    for form in ("json", "legacy"):
        (line,) = encoder(form, datetime.UTC)(event(request_uri=text, user_agent=agent))
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        line.decode("utf-8")
    json.loads(json_line(event(request_uri=text, user_agent=agent)))


@given(
    st.none() | st.text(max_size=40),
    st.none() | st.text(max_size=40),
    st.binary(max_size=10),
    st.integers(1, 7),
)
@example("\u2028\u2029<é>&" * 5, None, b"", 1)
def test_parts_are_the_line(
    request: str | None, response: str | None, agent: bytes, size: int
) -> None:
    """The parts of a large event's line are the line, wherever they are cut."""
    bodies = [
        None if text is None else msgspec.Raw(json.dumps(text, ensure_ascii=False).encode())
        for text in (request, response)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "LARGE", 0)
        patch.setattr(encode, "PART", size)
        given = event(
            request_object=bodies[0],
            response_object=bodies[1],
            user_agent=agent.decode("utf-8", "surrogateescape"),
        )
        parts = json_parts(given)
    assert b"".join(parts) == json_line(given)


def test_number_of_parts() -> None:
    """No body has so many parts that the kernel would refuse them in one call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "LARGE", 0)
        patch.setattr(encode, "PART", 1)
        text = msgspec.Raw(b'"%b"' % (b"x" * 100_000))
        parts = json_parts(event(request_object=text, response_object=text))
    assert 990 < len(parts) <= 1024
