"""Events to lines: the JSON and the legacy form of the log backend.

Encoding never raises on data: whatever bytes a client sent, its event is one
line of valid UTF-8 (kube-apiserver loses an event that it cannot encode).
"""

from collections.abc import Callable
from datetime import tzinfo

from auditproxy.apis.audit import Event
from auditproxy.audit.legacy import legacy_line
from auditproxy.serializer.json import encode

Encoder = Callable[[Event], bytes]


def json_line(event: Event) -> bytes:
    """One event as kube-apiserver writes it to its log, newline included."""
    return encode(event) + b"\n"


def encoder(log_format: str, zone: tzinfo) -> Encoder:
    """The encoder of ``--audit-log-format``; ``zone`` is the legacy form's time zone."""
    if log_format == "json":
        return json_line
    return lambda event: legacy_line(event, zone).encode("utf-8", "replace")
