"""Names of events: the same for the same event, and for no other, whoever chose the audit ID."""

import json
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.encode import json_line
from auditproxy.audit.eventid import EventId, event_id
from tests.fakes.backends import event


def test_an_event() -> None:
    """Its members stand as they are; the name has a digest of the line, not of its end."""
    line = json_line(event("7f1c"))
    named = event_id(line)
    assert named == event_id(line.rstrip(b"\n"))
    assert re.fullmatch("7f1c/ResponseComplete/[0-9a-f]{32}", named.text)
    assert (named.audit_id, named.stage) == ("7f1c", "ResponseComplete")
    assert named.stage_timestamp == "2026-11-23T13:06:31.814986Z"


def test_an_audit_id_that_comes_again() -> None:
    """A client that sends the Audit-ID of another request gives its event no name that is taken."""
    first, second = event("a"), event("a")
    second = msgspec.structs.replace(second, stage_timestamp="2026-11-23T13:06:31.814987Z")
    assert event_id(json_line(first)).text != event_id(json_line(second)).text


@given(st.text(max_size=200), st.text(max_size=20))
def test_no_audit_id_ends_a_header_line(audit_id: str, stage: str) -> None:
    """Whatever a client chose, the name is one short line of plain characters."""
    named = event_id(json.dumps({"auditID": audit_id, "stage": stage}).encode())
    assert re.fullmatch(r"[A-Za-z0-9._-]{0,64}/[A-Za-z0-9._-]{0,64}/[0-9a-f]{32}", named.text)
    assert (named.audit_id, named.stage) == (audit_id, stage)


@given(st.binary(max_size=64))
def test_what_is_no_event(line: bytes) -> None:
    """It has a name as well: nothing is lost for it."""
    assert isinstance(event_id(line), EventId)
    assert event_id(b"x" + line).text != event_id(b"y" + line).text
