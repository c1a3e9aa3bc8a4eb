"""A session as asciicast v2: a header, then one event a line, ``[seconds, code, data]``.

    "o"  what the container wrote, as text; "i" what the client sent
    "r"  the terminal's size, "80x24"; "m" a marker
    "b"  the exact bytes, in base64, of the "o" or "i" line that follows: they are not UTF-8
    "s"  the stream of the "o" lines from here on, "stdout" or "stderr"; stdout until the first
    "a"  a note (castnotes.py), a JSON object as text

The last three are ours; asciinema skips them. A text has U+FFFD for what is not UTF-8. A
character that was sent in two pieces is written whole with the second. So the bytes of each
stream, piece after piece, come back exactly: from "b" where there is one, else from the text.
Without a terminal, the text of a piece that is binary is empty.

Format: docs.asciinema.org/manual/asciicast/v2/ ; what players accept: sessions spec, section 8.
"""

import json
from base64 import b64encode
from collections.abc import Sequence

import msgspec

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    PortClosed,
    PortOpened,
    Record,
    Resized,
    Session,
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import SECOND
from auditproxy.serializer.times import micro_time
from auditproxy.sessions.castlines import (
    BYTES,
    INPUT,
    MARKER,
    NOTE,
    OUTPUT,
    PIECE,
    RESIZE,
    STREAM,
    is_binary,
    is_plain,
    line,
    plain_lines,
    unfinished,
)
from auditproxy.sessions.castnotes import GapNote, InputClosedNote, Note, UnreadableNote, clean
from auditproxy.sessions.forwards import Forwards

_SHORT = 256
"""Bytes up to which a piece is a key, or what it shows."""
LONGEST_LINE = 1024 * 1024
"""Bytes of a line that readers take; ours are shorter."""

COLUMNS = 80
ROWS = 24
"""The size where the client gave none."""
_LARGEST_SIZE = 65535

_LONGEST_FIELD = 4096
_MOST_VALUES = 256
_LONGEST_COMMAND = 16 * 1024

_STDIN = Channel.STDIN
STREAM_NAMES = {Channel.STDOUT: "stdout", Channel.STDERR: "stderr"}


_OUTPUTS = frozenset({Channel.STDOUT, Channel.STDERR})
_CHANNELS_OF = {
    Record.NONE: frozenset[Channel](),
    Record.METADATA: frozenset[Channel](),
    Record.OUTPUT: _OUTPUTS,
    Record.INPUT_OUTPUT: _OUTPUTS | {Channel.STDIN},
}
"""Streams whose bytes are written."""


class CastWriter:
    """Turns the events of one session into whole lines, bytes that end with a newline.

    ``began`` is the moment of the header on the clock of the other moments, in nanoseconds; times
    never go back. The header waits for the terminal's size until ``header``, or until something
    else has to be written. One element of a result may be several lines: they belong together.
    """

    def __init__(
        self, session: Session, record: Record, *, began: int, columns: int = 0, rows: int = 0
    ) -> None:
        self._session = session
        self._record = record
        self._kept = _CHANNELS_OF[record]
        self._began = began
        self._last = 0
        self._size = (columns, rows) if _is_size(columns, rows) else None
        self._begun = False
        self._stream = Channel.STDOUT
        self._tails: dict[Channel, bytes] = {}
        self._forwards = Forwards()
        self._lines: list[bytes] = []
        self._sizes: list[int] = []
        self.sizes: Sequence[int] = ()
        """For each element of the last result, how many bytes of streams are in it."""

    def keeps(self, channel: Channel) -> bool:
        """Whether bytes of a stream are written."""
        return channel in self._kept

    def take(self, moment: int, events: Sequence[StreamEvent]) -> list[bytes]:
        """What happened at ``moment``; an Outcome is left to the note of the end."""
        seconds = self._seconds(moment)
        if len(events) == 1 and isinstance(events[0], Carried):
            return self._one(seconds, events[0])
        position = 0
        while position < len(events):
            event = events[position]
            position += 1
            if isinstance(event, Carried):
                data = [event.data]
                while position < len(events):
                    following = events[position]
                    if not isinstance(following, Carried) or following.channel != event.channel:
                        break
                    data.append(following.data)
                    position += 1
                self._carried(seconds, event.channel, b"".join(data))
            else:
                self._other(moment, seconds, event)
        return self._taken()

    def note(self, moment: int, note: Note) -> list[bytes]:
        """A note, and its label."""
        if isinstance(note, GapNote):
            self._forwards.lost()
        self._note(self._seconds(moment), note)
        return self._taken()

    def header(self) -> list[bytes]:
        """The header, if it is not written yet."""
        self._begin()
        return self._taken()

    @property
    def seconds(self) -> str:
        """The time of the last event, as it is written."""
        whole, rest = divmod(self._last, SECOND)
        return f"{whole}.{rest // 1000:06d}"

    def close(self, moment: int) -> list[bytes]:
        """What the streams ended with inside of a character; connections that are still open."""
        seconds = self._seconds(moment)
        for channel, tail in self._tails.items():
            if tail:
                self._piece(seconds, channel, tail)
        self._tails = {}
        for note in self._forwards.close(moment):
            self._note(seconds, note)
        return self._taken()

    def _taken(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        self.sizes, self._sizes = self._sizes, []
        return lines

    def _put(self, lines: bytes, size: int = 0) -> None:
        self._lines.append(lines)
        self._sizes.append(size)

    def _seconds(self, moment: int) -> str:
        since = moment - self._began
        if since > self._last:
            self._last = since
        return self.seconds

    # --- streams ------------------------------------------------------------------

    def _one(self, seconds: str, event: Carried) -> list[bytes]:
        """The line of one piece, as most are: a key, or what it shows."""
        channel, data = event.channel, event.data
        is_plain = data and len(data) <= _SHORT and data.isascii() and not self._tails.get(channel)
        if is_plain and channel in self._kept and self._begun:
            self.sizes = (len(data),)
            if channel is _STDIN:
                return [line(seconds, INPUT, data.decode("ascii"))]
            if channel is self._stream:
                return [line(seconds, OUTPUT, data.decode("ascii"))]
        self._carried(seconds, channel, data)
        return self._taken()

    def _carried(self, seconds: str, channel: Channel, data: bytes) -> None:
        if channel not in self._kept:
            return
        if tail := self._tails.get(channel):
            data = tail + data
        if is_plain(data) and (channel is _STDIN or channel is self._stream):
            self._tails[channel] = b""
            if data:
                self._begin()
                code = INPUT if channel is _STDIN else OUTPUT
                self._put(plain_lines(seconds, code, data), len(data))
            return
        start = 0
        while start < len(data):
            piece = data[start : start + PIECE]
            piece = piece[: len(piece) - unfinished(piece)]
            if not piece:
                break
            self._piece(seconds, channel, piece)
            start += len(piece)
        self._tails[channel] = data[start:]

    def _piece(self, seconds: str, channel: Channel, piece: bytes) -> None:
        """Lines for at most PIECE bytes of a stream."""
        self._begin()
        lines = b""
        if channel is not _STDIN and channel is not self._stream:
            self._stream = channel
            lines = line(seconds, STREAM, STREAM_NAMES[channel])
        code = INPUT if channel is _STDIN else OUTPUT
        if is_plain(piece):
            self._put(lines + plain_lines(seconds, code, piece), len(piece))
            return
        try:
            text = piece.decode("utf-8")
        except UnicodeDecodeError:
            lines += line(seconds, BYTES, b64encode(piece).decode("ascii"))
            text = piece.decode("utf-8", "replace")
            if not self._session.tty and is_binary(piece, text):
                text = ""
        self._put(lines + line(seconds, code, text), len(piece))

    # --- the rest -----------------------------------------------------------------

    def _other(self, moment: int, seconds: str, event: StreamEvent) -> None:
        match event:
            case Resized(columns, rows):
                self._resized(seconds, columns, rows)
            case InputClosed():
                self._note(seconds, InputClosedNote())
            case Unreadable(from_client, reason):
                reason = clean(reason)
                self._note(seconds, UnreadableNote(from_client=from_client, reason=reason))
            case PortOpened() | PortCarried() | PortClosed():
                note = self._forwards.take(moment, event)
                if note is not None:
                    self._note(seconds, note)
            case Outcome() | Carried():
                pass

    def _resized(self, seconds: str, columns: int, rows: int) -> None:
        if not _is_size(columns, rows):
            # kubectl attach may send 0x0, which players cannot show.
            return
        if self._begun:
            if (columns, rows) != self._size:
                self._put(line(seconds, RESIZE, f"{columns}x{rows}"))
            self._size = (columns, rows)
            return
        self._size = (columns, rows)
        self._begin()

    def _note(self, seconds: str, note: Note) -> None:
        self._begin()
        lines = line(seconds, NOTE, msgspec.json.encode(note).decode("utf-8"))
        label = note.label
        if label:
            lines += line(seconds, MARKER, label)
        self._put(lines)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        self._size = self._size or (COLUMNS, ROWS)
        self._put(header_line(self._session, self._record, *self._size))


def header_line(session: Session, record: Record, columns: int, rows: int) -> bytes:
    """The first line; what is ours is under ``auditproxy``, without what is empty."""
    impersonated = session.impersonated_user
    ours = {
        "sessionID": clean(session.id, _LONGEST_FIELD),
        "auditID": clean(session.audit_id, _LONGEST_FIELD),
        "kind": session.kind.value,
        "record": record.value,
        "started": micro_time(session.started),
        "user": clean(session.user.username, _LONGEST_FIELD),
        "groups": _texts(session.user.groups),
        "impersonatedUser": clean(impersonated.username, _LONGEST_FIELD) if impersonated else "",
        "impersonatedGroups": _texts(impersonated.groups) if impersonated else [],
        "sourceIPs": _texts(session.source_ips),
        "userAgent": clean(session.user_agent, _LONGEST_FIELD),
        "namespace": clean(session.namespace, _LONGEST_FIELD),
        "pod": clean(session.pod, _LONGEST_FIELD),
        "container": clean(session.container, _LONGEST_FIELD),
        "node": clean(session.node, _LONGEST_FIELD),
        "command": _texts(session.command),
    }
    header = {
        "version": 2,
        "width": columns,
        "height": rows,
        "timestamp": session.started // SECOND,
        "auditproxy": {key: value for key, value in ours.items() if value}
        | {"stdin": session.stdin, "tty": session.tty},
    }
    return json.dumps(header).encode("ascii") + b"\n"


def note_lines(seconds: str, note: Note) -> bytes:
    """A note and its label at a time that is written already, such as ``1.500000``."""
    lines = line(seconds, NOTE, msgspec.json.encode(note).decode("utf-8"))
    return lines + (line(seconds, MARKER, note.label) if note.label else b"")


def _texts(values: Sequence[str]) -> list[str]:
    """A list of bounded size; "..." ends one that was cut."""
    kept: list[str] = []
    room = _LONGEST_COMMAND
    for value in values:
        if len(kept) == _MOST_VALUES or room <= 0:
            return [*kept, "..."]
        kept.append(clean(value, min(room, _LONGEST_FIELD)))
        room -= len(value)
    return kept


def _is_size(columns: int, rows: int) -> bool:
    return 0 < columns <= _LARGEST_SIZE and 0 < rows <= _LARGEST_SIZE
