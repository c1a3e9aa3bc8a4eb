"""Events to lines: the JSON and the legacy form of the log backend.

Encoding never raises on data: whatever bytes a client sent, its event is one
line of valid UTF-8 (kube-apiserver loses an event that it cannot encode).

The line of a large event is made in parts: each step over all of it, a copy or a
search, would keep the interpreter from every other thread for as long as it takes.
"""

from collections.abc import Callable, Iterator
from datetime import tzinfo

import msgspec

from auditproxy.apis.audit import Event
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.legacy import legacy_line
from auditproxy.serializer.json import encode, escape_html

Encoder = Callable[[Event], bytes]
PartsEncoder = Callable[[Event], tuple[bytes, ...]]

LARGE = MEBIBYTE
"""Bytes of an event's bodies from which it is large: its line takes milliseconds."""
PART = MEBIBYTE
"""Bytes of a part; of a line with more than MOST_PARTS of them, more."""
MOST_PARTS = 500
"""Parts of a body's text; the kernel takes 1024 in one call, and there may be two bodies."""

_REQUEST, _RESPONSE = msgspec.Raw(b"\0"), msgspec.Raw(b"\1")
"""Stand for the two bodies: no JSON has such a byte."""


def json_line(event: Event) -> bytes:
    """One event as kube-apiserver writes it to its log, newline included."""
    return encode(event) + b"\n"


def body_bytes(event: Event) -> int:
    """Return the size of an event's bodies in bytes."""
    request, response = event.request_object, event.response_object
    size = 0 if response is None else memoryview(response).nbytes
    return size if request is None else size + memoryview(request).nbytes


def json_parts(event: Event) -> tuple[bytes, ...]:
    """Return ``json_line`` of an event: whole, or of a large one in parts of about PART."""
    request, response = event.request_object, event.response_object
    size = 0 if response is None else memoryview(response).nbytes
    if size < LARGE and (request is None or size + memoryview(request).nbytes < LARGE):
        return (encode(event) + b"\n",)
    bare = msgspec.structs.replace(
        event,
        request_object=None if request is None else _REQUEST,
        response_object=None if response is None else _RESPONSE,
    )
    rest = encode(bare) + b"\n"
    parts: list[bytes] = []
    for mark, body in ((_REQUEST, request), (_RESPONSE, response)):
        if body is not None:
            before, _, rest = rest.partition(bytes(mark))
            parts.append(before)
            parts += _pieces(memoryview(body))
    return (*parts, rest)


def _pieces(text: memoryview) -> Iterator[bytes]:
    """The text of a body, piece by piece, each as ``encode`` would write it."""
    size = max(PART, text.nbytes // MOST_PARTS + 1)
    start = 0
    while start < text.nbytes:
        end = min(start + size, text.nbytes)
        # Not inside of a character: some of several bytes are escaped.
        while end < text.nbytes and text[end] & 0xC0 == 0x80:
            end += 1
        yield escape_html(bytes(text[start:end]))
        start = end


def encoder(log_format: str, zone: tzinfo) -> PartsEncoder:
    """The encoder of ``--audit-log-format``; ``zone`` is the legacy form's time zone.

    Legacy lines have no bodies, so they are one part.
    """
    if log_format == "json":
        return json_parts
    return lambda event: (legacy_line(event, zone).encode("utf-8", "replace"),)
