"""What a client types, as keys.

What terminals send by themselves are reports, not keys: answers (cursor position, attributes,
colours), focus and mouse. Sequences may be cut anywhere.

A client may send such bytes at any time, to have what is typed behind them taken for something
else. So they count only where the program has caused them: a paste after it has switched
bracketed paste on, a mouse report while it follows the mouse, an answer with text after it has
asked. Whatever else they are, they are keys that edit the line, and what follows is typed. Whether
a program takes even a report for keys only the screen shows, so reports come with their bytes.
"""

import enum
import re
from collections import deque
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
_STRING_END = re.compile(rb"[\x00-\x1f\x7f]")
_MOUSE_START = b"\x1b[M"
"""What a mouse report has before its three bytes of what the mouse did."""
_PASTE_END = b"\x1b[201~"
_PASTE_STOP = re.compile(rb"(?P<end>\x1b\[201~)|[\x03\x1a\x1c]")
STRING_LIMIT = 4096
"""Bytes of an answer with text; a longer one was typed."""
PASTE_LIMIT = 64 * 1024
"""Bytes of a paste; what follows is typed, so that a paste without end hides nothing more."""
PASTE_TIMEOUT = 2.0
"""Seconds between two pieces of a paste; what comes later is typed."""
ANSWER_TIMEOUT = 5.0
"""Seconds in which a terminal answers what a program has asked."""
MOST_ANSWERS = 16
"""Answers that are awaited at the same time."""
_REPORTS = frozenset(b"RcntyIO")
"""Finals of a terminal's answers and of focus; no key that edits a line has one of them."""
_PRIVATE_REPORTS = frozenset(b"RcntyuSMm")
"""Those of answers and mouse reports whose parameters begin with < = > or ?."""


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
    ACCEPT = "accept"
    """^O, which bash takes for Enter."""
    REPORT = "report"
    """Not a key if the program knows what terminals send; with its bytes."""
    PARTIAL = "partial"
    """Of a sequence that has not ended: it comes again, as what it is, but may be shown already."""
    OTHER = "other"
    """Any other, with its bytes: what it does to the line only the screen shows."""


class Key(msgspec.Struct, frozen=True, gc=False):
    """One key, or a run of text; ``text`` is as typed, except of Enter, and secret."""

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
    b"\x0f": Press.ACCEPT,
}


class KeyReader:
    """Turns standard input into keys.

    ``follows_mouse`` says whether the program has mouse reports sent.
    """

    def __init__(self) -> None:
        self.follows_mouse = False
        self._held = b""
        self._brackets = False
        self._paste = 0
        """Bytes that a paste may still have."""
        self._pasted_at = 0.0
        self._awaited: deque[float] = deque(maxlen=MOST_ANSWERS)

    @property
    def in_paste(self) -> bool:
        """Whether a paste has begun and not ended."""
        return self._paste > 0

    def leave_paste(self) -> None:
        """No editor reads the paste: what follows is typed."""
        self._paste = 0

    def brackets_pastes(self, on: bool) -> None:
        """The program switches bracketed paste on or off, which ends a paste."""
        self._brackets = on
        if not on:
            self._paste = 0

    def asked(self, now: float) -> None:
        """The program asks the terminal for an answer with text."""
        self._awaited.append(now + ANSWER_TIMEOUT)

    def read(self, data: bytes, now: float = 0.0) -> Iterator[Key]:
        """Yield the keys in some more input, which came at ``now``.

        The caller may leave a paste between two keys.
        """
        while self._awaited and self._awaited[0] < now:
            self._awaited.popleft()
        if now - self._pasted_at > PASTE_TIMEOUT:
            self._paste = 0
        self._pasted_at = now
        data, self._held = self._held + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._paste:
                at, pasted = self._pasted(data, at)
                if pasted:
                    yield Key(Press.TEXT, pasted)
                continue
            found = _TOKEN.match(data, at)
            assert found is not None, "every byte begins a token, ESC alone too"
            start, at = at, found.end()
            if not self.follows_mouse and data.startswith(_MOUSE_START, start):
                # A key, and what follows it.
                at = start + len(_MOUSE_START)
                yield Key(Press.OTHER, data[start:at])
            elif found.lastgroup == "partial":
                self._held = found[0]
                yield Key(Press.PARTIAL)
            elif found.lastgroup == "string":
                after = self._after_answer(data, at)
                if after == 0:
                    self._held = data[start:]
                    yield Key(Press.PARTIAL)
                    return
                at = max(at, after)
                yield Key(Press.OTHER if after < 0 else Press.REPORT, data[start:at])
            else:
                yield from self._key(found)

    def _key(self, found: re.Match[bytes]) -> Iterator[Key]:
        kind = found.lastgroup
        if kind == "text":
            yield Key(Press.TEXT, found[0])
        elif kind == "control":
            press = _CONTROLS.get(found[0], Press.OTHER)
            yield Key(press, b"" if press is Press.ENTER else found[0])
        elif kind == "final":
            yield from self._sequence(found)
        elif kind == "mouse" or (kind == "report" and self.follows_mouse):
            yield Key(Press.REPORT, found[0])
        else:
            yield Key(Press.OTHER, found[0])
            if kind == "keypad" and found["keypad"] == b"M":
                yield Key(Press.ENTER)

    def _sequence(self, found: re.Match[bytes]) -> Iterator[Key]:
        parameters, final = found["parameters"], found["final"]
        is_private = parameters[:1] in (b"<", b"=", b">", b"?")
        if final[0] in (_PRIVATE_REPORTS if is_private else _REPORTS):
            yield Key(Press.REPORT, found[0])
            return
        yield Key(Press.OTHER, found[0])
        if parameters == b"200" and final == b"~":
            self._paste = PASTE_LIMIT if self._brackets else 0
        elif final == b"u" and parameters.partition(b";")[0] == b"13":
            # Of another terminal's keyboard protocol, so to some programs it is not Enter.
            yield Key(Press.ENTER)

    def _after_answer(self, data: bytes, at: int) -> int:
        """The end of an answer whose text begins at ``at``; 0 if it may still come, -1 for keys."""
        if not self._awaited:
            return -1
        found = _STRING_END.search(data, at, at + STRING_LIMIT)
        if found is None:
            return 0 if len(data) - at < STRING_LIMIT else -1
        end = found.end()
        if found[0] == b"\x1b":
            if end == len(data):
                return 0
            end = end + 1 if data[end : end + 1] == b"\\" else -1
        elif found[0] != b"\x07":
            end = -1
        if end > 0:
            self._awaited.popleft()
        return end

    def _pasted(self, data: bytes, at: int) -> tuple[int, bytes]:
        """Text up to the end of a paste, of which a part may still be to come.

        A key that the kernel takes for an interrupt ends it too, as it does in editors.
        """
        limit = min(len(data), at + self._paste)
        if (found := _PASTE_STOP.search(data, at, limit)) is not None:
            self._paste = 0
            return found.end() if found["end"] else found.start(), _lines(data[at : found.start()])
        for kept in range(min(len(_PASTE_END) - 1, limit - at), 0, -1):
            if limit == len(data) and data.endswith(_PASTE_END[:kept]):
                self._held = data[len(data) - kept :]
                self._paste -= limit - kept - at
                return len(data), _lines(data[at : len(data) - kept])
        self._paste -= limit - at
        return limit, _lines(data[at:limit])


def _lines(pasted: bytes) -> bytes:
    """Pasted text with newlines, as terminals send a return for each."""
    return pasted.replace(b"\r", b"\n")
