"""Forms: what clouds, shippers and webhooks make of audit events, and what is lost in it.

Pure. A value is taken for what its members say, not for what its file is called:

    kind EventList             the body that the webhook gets
    protoPayload               GKE: an entry of Cloud Logging, which is not an audit event
    messageType, logEvents     EKS: a CloudWatch subscription, perhaps through Firehose
    events, @message, results  EKS: filter-log-events, Logs Insights
    records, properties.log    AKS: Event Hub, storage; log_s of its older table
    AuditId, RequestUri        AKS: a row of the table AKSAudit
    log, message, line         docker, Fluent Bit, Filebeat, Vector, Loki's logcli: the line as text
    message.data               Pub/Sub: the line in base64
    kubernetes.audit           Elastic's index
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from auditproxy.reading.forms.gke import event_of_entry
from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts, TrailEvent, event_of, is_event, read_events
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.meaning.requests import NATIVE

EVENT_LIST = "eventlist"
GKE = "gke"
CLOUDWATCH = "cloudwatch"
AKS = "aks"
AKS_TABLE = "aks-table"
ELASTIC = "elastic"
WRAPPED = "wrapped"
PREFIXED = "prefixed"
CONTAINER = "container"

LOST = {
    GKE: "no groups, no query of the URL (so no commands, selectors and dry runs), no durations, "
    "and codes that are inferred",
    AKS_TABLE: "no impersonated user, and no bodies that were too big",
    ELASTIC: "bodies and names of labels in another shape",
}
"""What a form does not have that an audit event has."""
_DEEPEST = 6
_MILLISECOND = 1_000_000


class Unwrapped(msgspec.Struct, frozen=True):
    """An event, the form that it was in, and the time of what was around it (0: none)."""

    event: TrailEvent
    form: str
    outer: int = 0


Found = Iterator[Unwrapped]


def unwrap(value: Any, counts: Counts, depth: int = 0) -> Found:
    """The events in one JSON value; what is not one is counted."""
    if depth > _DEEPEST:
        counts[events.FOREIGN] += 1
        return
    if isinstance(value, list):
        for each in value:
            yield from unwrap(each, counts, depth + 1)
        return
    if not isinstance(value, dict):
        counts[events.FOREIGN] += 1
        return
    for is_of, read in _FORMS:
        if is_of(value):
            yield from read(value, counts, depth)
            return
    counts[events.FOREIGN] += 1


def in_text(text: Any, form: str, counts: Counts, depth: int, outer: int = 0) -> Found:
    """The events in a line that is the text of a member."""
    if not isinstance(text, str):
        counts[events.FOREIGN] += 1
        return
    line = text.encode("utf-8", "surrogatepass").strip()
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Cut on its way, or no JSON.
        for event in read_events(line, counts):
            yield Unwrapped(event, form, outer)
        return
    for found in unwrap(value, counts, depth + 1):
        yield Unwrapped(
            found.event, form if found.form == NATIVE else found.form, found.outer or outer
        )


def _native(value: dict[str, Any], counts: Counts, _depth: int) -> Found:
    event = event_of(value, counts)
    if not is_event(event):
        counts[events.FOREIGN] += 1
        return
    counts[events.EVENTS] += 1
    if event.api_version != events.API_VERSION:
        counts[events.OTHER_VERSION] += 1
    yield Unwrapped(event, NATIVE)


def _event_list(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    items = value.get("items")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            # Items of a list have no kind of their own.
            version = value.get("apiVersion", events.API_VERSION)
            item = {"kind": "Event", "apiVersion": version} | item
        for found in unwrap(item, counts, depth + 1):
            yield Unwrapped(found.event, EVENT_LIST)


def _gke(value: dict[str, Any], counts: Counts, _depth: int) -> Found:
    event = event_of_entry(value, counts)
    if event is None:
        counts[events.FOREIGN] += 1
        return
    counts[events.EVENTS] += 1
    yield Unwrapped(event, GKE)


def _subscription(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    if value["messageType"] != "DATA_MESSAGE":
        # CONTROL_MESSAGE: CloudWatch asks whether it is heard.
        return
    yield from _messages(value.get("logEvents"), counts, depth)


def _filtered(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    yield from _messages(value["events"], counts, depth)


def _messages(items: Any, counts: Counts, depth: int) -> Found:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            outer = _milliseconds(item.get("timestamp"))
            yield from in_text(item.get("message"), CLOUDWATCH, counts, depth, outer)
        else:
            counts[events.FOREIGN] += 1


def _insights(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    yield from in_text(value["@message"], CLOUDWATCH, counts, depth)


def _query_results(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    """``aws logs get-query-results``: each row is a list of fields with values."""
    for row in value["results"]:
        fields = {
            cell["field"]: cell.get("value")
            for cell in (row if isinstance(row, list) else ())
            if isinstance(cell, dict) and isinstance(cell.get("field"), str)
        }
        yield from in_text(fields.get("@message"), CLOUDWATCH, counts, depth)


def _records(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    yield from unwrap(value["records"], counts, depth + 1)


def _aks(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    outer = stamp(str(value.get("time", ""))) or 0
    yield from in_text(value["properties"].get("log"), AKS, counts, depth, outer)


def _aks_diagnostics(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    yield from in_text(value["log_s"], AKS, counts, depth)


_AKS_COLUMNS = {
    "AuditId": "auditID",
    "Level": "level",
    "Stage": "stage",
    "Verb": "verb",
    "RequestUri": "requestURI",
    "User": "user",
    "ImpersonatedUser": "impersonatedUser",
    "SourceIps": "sourceIPs",
    "UserAgent": "userAgent",
    "ObjectRef": "objectRef",
    "ResponseStatus": "responseStatus",
    "RequestObject": "requestObject",
    "ResponseObject": "responseObject",
    "Annotations": "annotations",
    "RequestReceivedTime": "requestReceivedTimestamp",
    "StageReceivedTime": "stageTimestamp",
}
_TOO_BIG = "skipped-too-big-size-object"
_TEXTS = frozenset(("auditID", "level", "stage", "verb", "requestURI", "userAgent"))


def _aks_table(value: dict[str, Any], counts: Counts, _depth: int) -> Found:
    members: dict[str, Any] = {"kind": "Event", "apiVersion": events.API_VERSION}
    for column, name in _AKS_COLUMNS.items():
        cell = value.get(column)
        if isinstance(cell, str) and name not in _TEXTS and not name.endswith("Timestamp"):
            cell = None if cell in ("", _TOO_BIG) else _parsed(cell)
        if cell is not None:
            members[name] = cell
    counts[events.EVENTS] += 1
    yield Unwrapped(event_of(members, counts), AKS_TABLE)


def _elastic(value: dict[str, Any], counts: Counts, _depth: int) -> Found:
    audit = value["kubernetes"]["audit"]
    version = audit.get("apiVersion", events.API_VERSION)
    members = audit | {"kind": "Event", "apiVersion": version}
    annotations = audit.get("annotations")
    if isinstance(annotations, dict):
        members["annotations"] = {_dotted(key): each for key, each in annotations.items()}
    counts[events.EVENTS] += 1
    yield Unwrapped(
        event_of(members, counts), ELASTIC, stamp(str(value.get("@timestamp", ""))) or 0
    )


def _dotted(key: str) -> str:
    """``authorization.k8s.io/decision`` of the index's ``authorization_k8s_io/decision``."""
    name, slash, rest = key.partition("/")
    return (name.replace("_", ".") if slash else name) + slash + rest


def _wrapped(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    for name in ("log", "message", "line"):
        if isinstance(value.get(name), str):
            outer = _outer(value)
            yield from in_text(value[name], WRAPPED, counts, depth, outer)
            return


def _published(value: dict[str, Any], counts: Counts, depth: int) -> Found:
    """A message of Pub/Sub, such as of a sink of Cloud Logging: its data is in base64."""
    try:
        data = base64.b64decode(value["message"]["data"], validate=True)
        text = data.decode()
    except ValueError:
        counts[events.FOREIGN] += 1
        return
    yield from in_text(text, WRAPPED, counts, depth)


def _is_published(value: dict[str, Any]) -> bool:
    message = value.get("message")
    return isinstance(message, dict) and isinstance(message.get("data"), str)


def _outer(value: dict[str, Any]) -> int:
    for name in ("@timestamp", "timestamp", "time"):
        if isinstance(value.get(name), str):
            return stamp(value[name]) or 0
    date = value.get("date")
    if isinstance(date, int | float) and 0 < date < 1e11:
        return int(date * 1_000_000) * 1000
    return 0


def _milliseconds(value: Any) -> int:
    is_time = isinstance(value, int) and 0 < value < 1 << 53
    return value * _MILLISECOND if is_time else 0


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_Is = Callable[[dict[str, Any]], bool]
_Read = Callable[[dict[str, Any], Counts, int], Found]


def _has(*names: str) -> _Is:
    return lambda value: all(name in value for name in names)


def _is_aks(value: dict[str, Any]) -> bool:
    return isinstance(value.get("properties"), dict) and "log" in value["properties"]


def _is_elastic(value: dict[str, Any]) -> bool:
    kubernetes = value.get("kubernetes")
    return isinstance(kubernetes, dict) and isinstance(kubernetes.get("audit"), dict)


def _is_wrapped(value: dict[str, Any]) -> bool:
    return any(isinstance(value.get(name), str) for name in ("log", "message", "line"))


_FORMS: tuple[tuple[_Is, _Read], ...] = (
    (lambda value: value.get("kind") == "Event" and "auditID" in value, _native),
    (lambda value: value.get("kind") == "EventList", _event_list),
    (lambda value: isinstance(value.get("protoPayload"), dict), _gke),
    (_has("messageType"), _subscription),
    (lambda value: isinstance(value.get("events"), list), _filtered),
    (_has("@message"), _insights),
    (lambda value: isinstance(value.get("results"), list), _query_results),
    (lambda value: isinstance(value.get("records"), list), _records),
    (_is_aks, _aks),
    (_has("log_s"), _aks_diagnostics),
    (_has("AuditId", "RequestUri"), _aks_table),
    (_is_elastic, _elastic),
    (_is_published, _published),
    (_is_wrapped, _wrapped),
)
"""Which form a value is, and how it is read; the first that says yes."""
