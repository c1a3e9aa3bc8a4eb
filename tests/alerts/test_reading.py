"""Lines of logs, ours and kube-apiserver's."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.reading import read_line
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.serializer import json
from auditproxy.serializer.errors import SerializationError
from tests.fakes.alertrules import audit_event, exec_event, session_event

KUBE = (
    b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"a","stage":'
    b'"ResponseComplete","requestURI":"/api","verb":"create","user":{"username":"u","groups":["g"],'
    b'"extra":{"k":["v"]}},"sourceIPs":["::1"],"userAgent":"x","objectRef":{"resource":"pods",'
    b'"namespace":"n","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},'
    b'"requestObject":{"kind":"Pod"},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z",'
    b'"stageTimestamp":"2026-01-01T00:00:00.000000Z","annotations":{"a":"b"},"newer":{}}'
)


def test_kube() -> None:
    """A line of kube-apiserver, with a member that we do not know."""
    (event,) = read_line(KUBE)
    assert isinstance(event, Event)
    assert event.user.extra == {"k": ("v",)}
    assert event.request_object == msgspec.Raw(b'{"kind":"Pod"}')
    assert event.response_object is None
    assert event.annotations == {"a": "b"}
    assert json.encode(event).count(b'"requestObject"') == 1


def test_event_list() -> None:
    """A webhook's body is its items."""
    assert len(read_line(b'{"kind":"EventList","items":[' + KUBE + b"," + KUBE + b"]}")) == 2


@pytest.mark.parametrize("event", [audit_event(), exec_event(), session_event(line="x")])
def test_our_own(event: Event | SessionEvent) -> None:
    """What is written is read."""
    (read,) = read_line(json.encode(event) + b"\n")
    assert json.encode(read) == json.encode(event)


@pytest.mark.parametrize("line", [b"", b" \n", b"{}", b'{"kind":"Pod"}'])
def test_nothing(line: bytes) -> None:
    """Other objects are not events."""
    assert read_line(line) == ()


@pytest.mark.parametrize(
    "line",
    [b"x", b"[]", b'"a"', KUBE[:-1], b'{"kind":"Event"}', b'{"kind":5}', b"[" * 9999, b"\xff"],
)
def test_refused(line: bytes) -> None:
    """The text says what is wrong and quotes nothing."""
    with pytest.raises(SerializationError):
        read_line(line)


@given(st.integers(0, len(KUBE) - 1), st.binary(max_size=4))
def test_damaged(position: int, bytes_in: bytes) -> None:
    """Any line is read or refused."""
    with contextlib.suppress(SerializationError):
        read_line(KUBE[:position] + bytes_in + KUBE[position + 1 :])
