"""Events as OTLP's log records, and what a collector answers, in its own protocol definitions.

The body is the event's line as it is, so that nothing of it is lost or spelt anew. Attributes have
what collectors route and filter by: ``log.record.uid``, ``user.name`` and
``http.response.status_code`` as the semantic conventions name them, and auditID, stage and verb,
for which these have no name, as the event does.

Source: github.com/open-telemetry/opentelemetry-proto, logs/v1 and collector/logs/v1.
"""

from collections.abc import Sequence

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import (
    SEVERITY_NUMBER_INFO,
    SEVERITY_NUMBER_WARN,
    LogRecord,
)

from auditproxy import __version__
from auditproxy.clients.receivers.receiver import EventRecord
from auditproxy.serializer.times import parse_time

SERVICE_NAME = "auditproxy"

_FIRST_REFUSAL = 400
_LATEST = 2**64


class _User(msgspec.Struct):
    username: str = ""


class _Status(msgspec.Struct):
    code: int = 0


class _Event(msgspec.Struct):
    verb: str = ""
    user: _User | None = None
    response_status: _Status | None = msgspec.field(name="responseStatus", default=None)


_DECODER = msgspec.json.Decoder(_Event)


def export_request(records: Sequence[EventRecord], observed: int) -> bytes:
    """A request with a log record for each event; ``observed`` is now, in nanoseconds."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.append(_attribute("service.name", SERVICE_NAME))
    scope = resource.scope_logs.add()
    scope.scope.name = SERVICE_NAME
    scope.scope.version = __version__
    for record in records:
        _fill(scope.log_records.add(), record, observed)
    body: bytes = request.SerializeToString()
    return body


def rejected(answer: bytes) -> int:
    """How many records a collector did not take; raises ValueError where that cannot be read."""
    try:
        response = ExportLogsServiceResponse.FromString(answer)
    except DecodeError:
        raise ValueError("not an answer of OTLP") from None
    count: int = response.partial_success.rejected_log_records
    return max(0, count)


def _fill(entry: LogRecord, record: EventRecord, observed: int) -> None:
    try:
        event = _DECODER.decode(record.line)
    except msgspec.MsgspecError:
        event = _Event()
    code = event.response_status.code if event.response_status is not None else 0
    entry.time_unix_nano = _moment(record.name.stage_timestamp)
    entry.observed_time_unix_nano = observed
    failed = code >= _FIRST_REFUSAL
    entry.severity_number = SEVERITY_NUMBER_WARN if failed else SEVERITY_NUMBER_INFO
    entry.severity_text = "WARN" if failed else "INFO"
    try:
        entry.body.string_value = record.line.decode()
    except UnicodeDecodeError:
        entry.body.bytes_value = record.line
    for key, value in (
        ("log.record.uid", record.name.text),
        ("auditID", record.name.audit_id),
        ("stage", record.name.stage),
        ("verb", event.verb),
        ("user.name", event.user.username if event.user is not None else ""),
        ("http.response.status_code", code if 0 < code < _LATEST // 2 else ""),
    ):
        if value != "":
            entry.attributes.append(_attribute(key, value))


def _attribute(key: str, value: str | int) -> KeyValue:
    typed = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
    return KeyValue(key=key, value=typed)


def _moment(text: str) -> int:
    """The time in nanoseconds, 0, which is unknown, where it cannot be read."""
    try:
        moment = parse_time(text)
    except ValueError:
        return 0
    return moment if 0 <= moment < _LATEST else 0
