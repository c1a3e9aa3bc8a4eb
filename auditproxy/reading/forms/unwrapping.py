"""Unwrapping: the lines of one file, whatever is around the events, to events.

Pure. Besides the JSON of forms.py:

    2026-01-02T03:04:05.6Z stdout P {"kind"...   a container's log: pieces, the last with F
    {"log":"...","stream":"stdout",...}          docker's: a piece that does not end its line
    2026-01-02T03:04:05.678Z {"kind"...          an export of CloudWatch to S3
    node-1 {"kind"...                            oc adm node-logs
    2026-01-02T... {job="audit"} {"kind"...      logcli
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from auditproxy.reading.forms.exports import CONTAINER, PREFIXED, Unwrapped, in_text, unwrap
from auditproxy.reading.meaning.events import NATIVE_START, TOO_LONG, Counts, read_events
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.meaning.requests import NATIVE, SeenEvent, seen_event

LONGEST_JOINED = 128 * 1024 * 1024
"""Bytes of a line that comes in pieces."""
MOST_STREAMS = 64
"""Streams whose pieces are waited for at once."""
_CRI = re.compile(rb"(\S+) (stdout|stderr) ([FP]) (.*)", re.DOTALL)
_EVENT = re.compile(rb'\{\s*"(?:kind|apiVersion|level|auditID|messageType)"\s*:')
_LONGEST_PREFIX = 2048
_BLANKS = b" \t\r\n\0\xef\xbb\xbf"


class Unwrapper:
    """Takes the lines of one file in order and gives the events that are in them.

    ``forms`` counts the events by their form.
    """

    def __init__(self, origin: str, counts: Counts, forms: Counts) -> None:
        self._origin = origin
        self._counts = counts
        self._forms = forms
        self._pieces: dict[str, list[bytes]] = {}

    def take(self, line: bytes) -> Iterator[SeenEvent]:
        """The events that end with this line."""
        line = line.strip(_BLANKS)
        if not line:
            return
        if line.startswith(NATIVE_START):
            yield from self._native(line, NATIVE)
            return
        if line.startswith(b"{"):
            yield from self._object(line)
            return
        container = _CRI.match(line)
        if container is not None:
            when, stream, tag, text = container.groups()
            yield from self._piece(
                stream.decode(), text, when.decode("ascii", "replace"), tag == b"F"
            )
            return
        begins = _EVENT.search(line, 0, _LONGEST_PREFIX)
        if begins is None:
            yield from self._native(line, NATIVE)
            return
        outer = stamp(line[: line.find(b" ")].decode("ascii", "replace")) or 0
        yield from self._seen(self._values(line[begins.start() :], PREFIXED, outer), line)

    def value(self, value: Any) -> Iterator[SeenEvent]:
        """The events of a JSON value that is not a line."""
        yield from self._seen(unwrap(value, self._counts), b"")

    def finish(self) -> Iterator[SeenEvent]:
        """The events that the end of the file completes."""
        for stream in list(self._pieces):
            yield from self._joined(stream, "", CONTAINER)

    def _native(self, line: bytes, form: str) -> Iterator[SeenEvent]:
        for event in read_events(line, self._counts):
            self._forms[form] += 1
            yield seen_event(event, self._origin, form, line)

    def _object(self, line: bytes) -> Iterator[SeenEvent]:
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Torn, cut on its way, several on a line, or not valid as text.
            yield from self._native(line, NATIVE)
            return
        if isinstance(value, dict) and isinstance(value.get("log"), str) and "stream" in value:
            text = value["log"]
            ends = text.endswith("\n")
            stream, when = str(value["stream"]), str(value.get("time", ""))
            yield from self._piece(stream, text.encode("utf-8", "surrogatepass"), when, ends)
            return
        if isinstance(value, dict) and value.get("kind") == "Event":
            yield from self._native(line, NATIVE)
            return
        yield from self._seen(unwrap(value, self._counts), line)

    def _piece(self, stream: str, text: bytes, when: str, is_last: bool) -> Iterator[SeenEvent]:
        pieces = self._pieces.setdefault(stream, [])
        pieces.append(text)
        if sum(map(len, pieces)) > LONGEST_JOINED or len(self._pieces) > MOST_STREAMS:
            self._counts[TOO_LONG] += 1
            del self._pieces[stream]
        elif is_last:
            yield from self._joined(stream, when, CONTAINER)

    def _joined(self, stream: str, when: str, form: str) -> Iterator[SeenEvent]:
        line = b"".join(self._pieces.pop(stream)).strip(_BLANKS)
        if line:
            yield from self._seen(self._values(line, form, stamp(when) or 0), line)

    def _values(self, line: bytes, form: str, outer: int) -> Iterator[Unwrapped]:
        text = line.decode("utf-8", "replace")
        yield from in_text(text, form, self._counts, 0, outer)

    def _seen(self, found: Iterator[Unwrapped], line: bytes) -> Iterator[SeenEvent]:
        for each in found:
            self._forms[each.form] += 1
            yield seen_event(each.event, self._origin, each.form, line, each.outer)
