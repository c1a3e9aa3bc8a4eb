"""Events as log records: what a decoder of the protocol's own definitions makes of them."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from auditproxy.audit.eventid import event_id
from auditproxy.clients.receivers.otlprecords import export_request, rejected
from auditproxy.clients.receivers.receiver import EventRecord

NOW = 1_700_000_000_123_456_789


def exported(*lines: bytes) -> list[LogRecord]:
    """The log records of lines."""
    sent = [EventRecord(event_id(line), line) for line in lines]
    request = ExportLogsServiceRequest.FromString(export_request(sent, NOW))
    (resource,) = request.resource_logs
    (scope,) = resource.scope_logs
    (attribute,) = resource.resource.attributes
    assert (attribute.key, attribute.value.string_value) == ("service.name", "auditproxy")
    return list(scope.log_records)


def attributes(record: LogRecord) -> dict[str, Any]:
    """Its attributes, with their own types."""
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value")))
        for each in record.attributes
    }


def line(**more: Any) -> bytes:
    """An event."""
    whole = {
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": "jane"},
        "stageTimestamp": "2026-01-02T03:04:05.678901Z",
    }
    return json.dumps({**whole, **more}, ensure_ascii=False).encode()


def test_a_record() -> None:
    """Times, the whole line, its name, and what is filtered by."""
    sent = line(responseStatus={"code": 200})
    (record,) = exported(sent)
    assert record.time_unix_nano == 1_767_323_045_678_901_000
    assert record.observed_time_unix_nano == NOW
    assert record.body.string_value.encode() == sent
    assert attributes(record) == {
        "log.record.uid": event_id(sent).text,
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "get",
        "user.name": "jane",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize(
    ("code", "severity", "text"),
    [(101, 9, "INFO"), (399, 9, "INFO"), (400, 13, "WARN"), (403, 13, "WARN"), (500, 13, "WARN")],
)
def test_severity(code: int, severity: int, text: str) -> None:
    """A refusal and a failure stand out."""
    (record,) = exported(line(responseStatus={"code": code}))
    assert (record.severity_number, record.severity_text) == (severity, text)


def test_what_is_not_there() -> None:
    """Without a status there is no code, and the request's arrival is no warning."""
    (record,) = exported(line(stage="RequestReceived", stageTimestamp="yesterday", user=None))
    assert record.severity_text == "INFO"
    assert record.time_unix_nano == 0
    assert {"http.response.status_code", "user.name"}.isdisjoint(attributes(record))


@given(st.lists(st.binary(), min_size=1))
def test_any_lines(lines: list[bytes]) -> None:
    """Each line is a record of its own with all of its bytes, whatever they are."""
    for sent, record in zip(lines, exported(*lines), strict=True):
        kind = record.body.WhichOneof("value")
        body = record.body.string_value.encode() if kind == "string_value" else None
        assert (record.body.bytes_value if body is None else body) == sent


@given(st.dictionaries(st.sampled_from(["auditID", "verb", "user", "stageTimestamp"]), st.text()))
def test_any_members(members: dict[str, Any]) -> None:
    """Whatever clients choose, there is a record."""
    sent = line(**members, responseStatus={"code": 2**64})
    (record,) = exported(sent)
    assert record.body.string_value.encode() == sent


def test_answers() -> None:
    """Nothing, a remark, and a count."""
    assert rejected(b"") == 0
    remark = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(error_message="slow down")
    )
    assert rejected(remark.SerializeToString()) == 0
    some = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=3)
    )
    assert rejected(some.SerializeToString()) == 3
    with pytest.raises(ValueError, match="not an answer of OTLP"):
        rejected(b"\xff\xff")


@given(st.binary())
def test_any_answer(answer: bytes) -> None:
    """A count or ValueError."""
    with contextlib.suppress(ValueError):
        assert rejected(answer) >= 0
