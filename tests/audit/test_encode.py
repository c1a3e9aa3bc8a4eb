"""Events to lines."""

import datetime
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo
from auditproxy.audit.encode import encoder, json_line


def event(**members: str) -> Event:
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
    line = encoder("legacy", datetime.UTC)(event(request_uri="/a\nb"))
    assert line.count(b"\n") == 1
    assert b'AUDIT: id="a"' in line


@given(st.text(alphabet=st.characters(), max_size=30), st.binary(max_size=30))
def test_any_text_is_one_line_of_json(text: str, raw: bytes) -> None:
    """T175 T176: whatever a client sends, the event is one line of valid UTF-8 JSON."""
    agent = raw.decode("utf-8", "surrogateescape")
    for form in ("json", "legacy"):
        line = encoder(form, datetime.UTC)(event(request_uri=text, user_agent=agent))
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        line.decode("utf-8")
    json.loads(json_line(event(request_uri=text, user_agent=agent)))
