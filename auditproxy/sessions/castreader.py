"""asciicast v2 read back: the header, and each event with the exact bytes of its stream.

Reads what asciicast.py writes, and other files of the format: what is ours is then absent. Any
input is taken; a line that is not an event is a CastFault, and nothing follows from it.
"""

import json
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from auditproxy.apis.session import Channel
from auditproxy.sessions.asciicast import LONGEST_LINE, STREAM_NAMES
from auditproxy.sessions.castlines import BYTES, INPUT, MARKER, NOTE, OUTPUT, RESIZE, STREAM
from auditproxy.sessions.castnotes import ConnectionClosedNote, Note

LATEST_START = 1 << 37
"""Seconds since the epoch, in the year 6325: no time of a recording is beyond what has a date."""
LONGEST_SESSION = 1 << 30
"""Seconds, 34 years."""
_CHANNELS = {name: channel for channel, name in STREAM_NAMES.items()}
_NOTES = msgspec.json.Decoder(Note)


class CastSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the header says of the session; "" and empty where it says nothing."""

    session_id: str = msgspec.field(default="", name="sessionID")
    audit_id: str = msgspec.field(default="", name="auditID")
    kind: str = ""
    record: str = ""
    started: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    impersonated_user: str = ""
    impersonated_groups: tuple[str, ...] = ()
    source_ips: tuple[str, ...] = msgspec.field(default=(), name="sourceIPs")
    user_agent: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    node: str = ""
    command: tuple[str, ...] = ()
    stdin: bool | None = None
    """Whether the request asked for standard input; recordings of old do not say it."""
    tty: bool = False


class CastHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    version: int
    width: int = 80
    height: int = 24
    timestamp: float = 0
    auditproxy: CastSession = CastSession()


_HEADER = msgspec.json.Decoder(CastHeader)


@dataclass(frozen=True, slots=True)
class CastData:
    """Bytes of a stream, and the text that players show of them."""

    seconds: float
    channel: Channel
    data: bytes
    text: str


@dataclass(frozen=True, slots=True)
class CastResize:
    """The terminal's size from here on."""

    seconds: float
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class CastMarker:
    """A marker, of ours the label of the note before it."""

    seconds: float
    label: str


@dataclass(frozen=True, slots=True)
class CastNote:
    """A note of ours."""

    seconds: float
    note: Note


@dataclass(frozen=True, slots=True)
class CastFault:
    """A line that cannot be read; ``line`` counts from 1."""

    line: int
    reason: str


CastEvent = CastData | CastResize | CastMarker | CastNote | CastFault


class CastReader:
    """Reads line after line; holds nothing but what the next line needs."""

    def __init__(self) -> None:
        self.header: CastHeader | None = None
        """None until the first line was read, and where that is not a header."""
        self.count = 0
        """Lines that were read."""
        self._stream = Channel.STDOUT
        self._exact: bytes | None = None

    def feed(self, line: bytes) -> CastEvent | None:
        """The event of a line; None for the header and for what belongs to the next line."""
        self.count += 1
        if len(line) > LONGEST_LINE:
            return self._fault("longer than a line of a recording can be")
        if self.count == 1:
            return self._header(line)
        if not line:
            # Nothing for the decoder to find out: there may be millions of them.
            return self._fault("not JSON")
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return self._fault("not JSON")
        if not isinstance(event, list) or len(event) != 3:
            return self._fault("not an event")
        seconds, code, data = event
        if not isinstance(code, str) or not isinstance(data, str) or not _is_time(seconds):
            return self._fault("not an event")
        return self._event(float(seconds), code, data)

    def _header(self, line: bytes) -> CastFault | None:
        try:
            header = _HEADER.decode(line)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return self._fault("not the header of a recording")
        if header.version != 2:
            return self._fault(f"asciicast version {header.version}, not 2")
        if not 0 <= header.timestamp <= LATEST_START:
            return self._fault("the timestamp of its header is not a date")
        self.header = header
        return None

    def _event(self, seconds: float, code: str, data: str) -> CastEvent | None:
        exact, self._exact = self._exact, None
        if code in (OUTPUT, INPUT):
            channel = Channel.STDIN if code == INPUT else self._stream
            if exact is None:
                exact = data.encode("utf-8", "replace")
            return CastData(seconds, channel, exact, data)
        if code == BYTES:
            try:
                self._exact = b64decode(data, validate=True)
            except ValueError:
                return self._fault("not base64")
        elif code == STREAM:
            # A stream that is not known is output as well.
            self._stream = _CHANNELS.get(data, Channel.STDOUT)
            self._exact = exact
        elif code == RESIZE:
            return self._resize(seconds, data)
        elif code == MARKER:
            return CastMarker(seconds, data)
        elif code == NOTE:
            return self._note(seconds, data)
        return None

    def _resize(self, seconds: float, data: str) -> CastEvent:
        columns, _, rows = data.partition("x")
        if not all(
            side.isascii() and side.isdigit() and len(side) <= 5 for side in (columns, rows)
        ):
            return self._fault("not a size")
        return CastResize(seconds, int(columns), int(rows))

    def _note(self, seconds: float, data: str) -> CastEvent:
        try:
            note = _NOTES.decode(data)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return self._fault("not a note")
        if isinstance(note, ConnectionClosedNote) and not _is_time(note.duration_seconds):
            return self._fault("not a note")
        return CastNote(seconds, note)

    def _fault(self, reason: str) -> CastFault:
        self._exact = None
        return CastFault(self.count, reason)


@dataclass(slots=True)
class Cast:
    """A recording as a whole; ``header`` is None where there is none."""

    header: CastHeader | None = None
    events: list[CastEvent] = field(default_factory=list)

    def data(self, channel: Channel) -> bytes:
        """Everything that a stream carried."""
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, CastData) and event.channel == channel
        )

    def notes(self) -> list[Note]:
        """Every note, in order."""
        return [event.note for event in self.events if isinstance(event, CastNote)]

    def faults(self) -> list[CastFault]:
        """Every line that cannot be read."""
        return [event for event in self.events if isinstance(event, CastFault)]


def read_cast(lines: Iterable[bytes]) -> Cast:
    """A recording of bounded size as a whole."""
    reader = CastReader()
    cast = Cast()
    for line in lines:
        event = reader.feed(line)
        if event is not None:
            cast.events.append(event)
    cast.header = reader.header
    return cast


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LONGEST_SESSION
