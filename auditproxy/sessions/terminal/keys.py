"""What a client types, as keys.

What terminals send by themselves are not keys: answers (cursor position, attributes, colours),
focus and mouse reports. Sequences may be cut anywhere.
"""

import enum
import re
from collections.abc import Iterator

import msgspec

_TOKEN = re.compile(
    rb"(?P<text>[\x20-\x7e\x80-\xff]++)"
    rb"|\x1b\[M(?P<mouse>[\x20-\xff]{3})"
    rb"|\x1b\[(?P<parameters>[0-?]{0,64}+)(?P<between>[ -/]{0,4}+)(?P<final>[@-LN-~])"
    rb"|\x1b\[[0-?]{1,64}+(?P<report>M)"
    rb"|\x1bO(?P<keypad>[@-~])"
    rb"|\x1b(?P<string>[\]PX^_])"
    rb"|(?P<partial>\x1b(?:\[M[\x20-\xff]{0,2}|\[[0-?]{0,64}+[ -/]{0,4}+|O)?\Z)"
    rb"|\x1b(?P<meta>[ -\x7f])"
    rb"|(?P<control>[\x00-\x1f\x7f])"
)
_STRING_END = re.compile(rb"[\x07\x18\x1a\x1b\r\n]")
_PASTE_END = b"\x1b[201~"
STRING_LIMIT = 4096
_REPORTS = frozenset(b"RcntyIO")
"""Finals of a terminal's answers and of focus; no key that edits a line has one of them."""


class Press(enum.Enum):
    """What a key is for a line."""

    TEXT = "text"
    """Characters; in a paste with newlines."""
    ENTER = "enter"
    BACKSPACE = "backspace"
    KILL = "kill"
    """^U: what was typed is gone."""
    INTERRUPT = "interrupt"
    """^C, ^Z, ^\\."""
    END = "end"
    """^D."""
    OTHER = "other"
    """Any other: what it does to the line only the screen shows."""


class Key(msgspec.Struct, frozen=True, gc=False):
    """One key, or a run of text; ``text`` is as typed and secret."""

    press: Press
    text: bytes = b""

    def __repr__(self) -> str:
        return f"Key({self.press.value})"


_CONTROLS = {
    b"\r": Press.ENTER,
    b"\n": Press.ENTER,
    b"\x7f": Press.BACKSPACE,
    b"\b": Press.BACKSPACE,
    b"\x15": Press.KILL,
    b"\x03": Press.INTERRUPT,
    b"\x1a": Press.INTERRUPT,
    b"\x1c": Press.INTERRUPT,
    b"\x04": Press.END,
}


class KeyReader:
    """Turns standard input into keys."""

    def __init__(self) -> None:
        self._held = b""
        self._string = 0
        self._pastes = False

    def read(self, data: bytes) -> Iterator[Key]:
        """Yield the keys in some more input."""
        data, self._held = self._held + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._string:
                at = self._skip_string(data, at)
                continue
            if self._pastes:
                at, pasted = self._paste(data, at)
                if pasted:
                    yield Key(Press.TEXT, pasted)
                continue
            found = _TOKEN.match(data, at)
            assert found is not None, "every byte begins a token, ESC alone too"
            at = found.end()
            if found.lastgroup == "partial":
                self._held = found[0]
            elif found.lastgroup == "string":
                self._string = STRING_LIMIT
            elif (key := self._key(found)) is not None:
                yield key

    def _key(self, found: re.Match[bytes]) -> Key | None:
        kind = found.lastgroup
        if kind == "text":
            return Key(Press.TEXT, found[0])
        if kind == "control":
            return Key(_CONTROLS.get(found[0], Press.OTHER))
        if kind == "final":
            return self._sequence(found["parameters"], found["final"])
        if kind == "keypad":
            return Key(Press.ENTER if found["keypad"] == b"M" else Press.OTHER)
        # ESC \ ends an answer; ESC with another character is a key.
        return Key(Press.OTHER) if kind == "meta" and found["meta"] != b"\\" else None

    def _sequence(self, parameters: bytes, final: bytes) -> Key | None:
        if parameters == b"200" and final == b"~":
            self._pastes = True
            return Key(Press.OTHER)
        if final == b"u" and parameters.partition(b";")[0] == b"13":
            return Key(Press.ENTER)
        if parameters[:1] in (b"<", b"=", b">", b"?") or (final[0] in _REPORTS):
            return None
        return Key(Press.OTHER)

    def _skip_string(self, data: bytes, at: int) -> int:
        limit = min(len(data), at + self._string)
        found = _STRING_END.search(data, at, limit)
        if found is None:
            self._string -= limit - at
            return limit
        self._string = 0
        return found.start() if found[0] in b"\x1b\r\n" else found.end()

    def _paste(self, data: bytes, at: int) -> tuple[int, bytes]:
        """Text up to the end of a paste, of which a part may still be to come."""
        stop = data.find(_PASTE_END, at)
        if stop >= 0:
            self._pastes = False
            return stop + len(_PASTE_END), _lines(data[at:stop])
        for kept in range(min(len(_PASTE_END) - 1, len(data) - at), 0, -1):
            if data.endswith(_PASTE_END[:kept]):
                self._held = data[len(data) - kept :]
                return len(data), _lines(data[at : len(data) - kept])
        return len(data), _lines(data[at:])


def _lines(pasted: bytes) -> bytes:
    """Pasted text with newlines, as terminals send a return for each."""
    return pasted.replace(b"\r", b"\n")
