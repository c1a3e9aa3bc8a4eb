"""The marks in a terminal's output that say where lines begin and end.

    ESC [ ? 2004 h/l        bracketed paste: on while a line editor reads, off once it has a line
    ESC [ ? 1049 h/l        the alternate screen, also 1047 and 47: vim, less
    OSC 133 ; A|B|C|D       prompt, command line, its output, its end (semantic prompts)
    OSC 633 ; ...           the same of Visual Studio Code, with ``E``: the command line itself
    ESC [ ? 1000 h/l        mouse reports, also 9 and 1001 to 1003
    ESC c                   the terminal forgets all of these
    OSC n ; ?               a question that the terminal answers with text, also DCS + q, DCS $ q,
                            CSI > q, CSI = c and an APC of graphics

Found by one regular expression, at about 2 GB/s; the screen is not needed for them. What they
cause takes longer, so that only so many are read in a second.
"""

import enum
import re
from collections.abc import Iterator

import msgspec

CLAIM_LIMIT = 4096
"""Bytes of an OSC 133 or 633 that are held while it may still end."""
MARKS = 1000
"""Marks that are read in a second, and at once after a second without any. A shell has up to ten
for each line; reading one takes some 10 microseconds."""

# By the byte after the escape: most sequences are colours, and begin with a number or end there.
_MARK = re.compile(
    rb"\x1b(?!\[[0-9mK])(?:\[(?:\?(?P<modes>[0-9;]{1,32})(?P<set>[hl])|>0?q|=0?c)"
    rb"|\](?:(?P<number>133|633);(?P<words>[^\x00-\x1f]{0,4096})(?:\x07|\x1b\\)"
    rb"|[0-9]{1,4}(?:;[0-9]{1,4})?;\?(?=[\x07\x1b]))"
    rb"|P[+$]q|_G|c)"
)
_PARTIAL = re.compile(
    rb"\x1b(?:\[(?:\?[0-9;]{0,32})?"
    rb"|\](?:(?:133|633);[^\x00-\x1f]{0,4096}\x1b?|[0-9]{0,4}(?:;[0-9]{0,4})?(?:;\??)?)"
    rb"|P[+$]?|\[[>=]0?|_)?\Z"
)
_EDITOR, _ALTERNATE, _RESET = (b"2004",), (b"1049", b"1047", b"47"), b"\x1bc"
_CONTROL = re.compile(rb"[\x00-\x1f]")
_WORDS_AT = len(b"\x1b]133;")
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\\))")


class Mark(enum.Enum):
    """What a mark means for the line."""

    EDITOR_ON = "editor on"
    EDITOR_OFF = "editor off"
    ALTERNATE_ON = "alternate on"
    ALTERNATE_OFF = "alternate off"
    PROMPT = "prompt"
    COMMAND = "command"
    OUTPUT = "output"
    DONE = "done"
    CLAIM = "claim"
    MOUSE_ON = "mouse on"
    MOUSE_OFF = "mouse off"
    QUESTION = "question"
    RESET = "reset"


class Flood(msgspec.Struct, frozen=True, gc=False):
    """The rest of some output, which has more marks than are read.

    ``editor`` and ``alternate`` are what the last marks of it leave on; None where there are none.
    """

    rest: bytes
    editor: bool | None
    alternate: bool | None


class Found(msgspec.Struct, frozen=True, gc=False):
    """A mark; ``text`` of a CLAIM is the command line, ``exit_code`` that of a DONE.

    ``claims``: the program's marks are those that have a CLAIM after each line.
    """

    mark: Mark
    text: str = ""
    exit_code: int | None = None
    claims: bool = False


_WORDS = {
    b"A": Mark.PROMPT,
    b"B": Mark.COMMAND,
    b"C": Mark.OUTPUT,
    b"D": Mark.DONE,
    b"E": Mark.CLAIM,
}


class MarkReader:
    """Cuts output at its marks; holds at most 4 KiB of one that has not ended."""

    def __init__(self) -> None:
        self._held = b""
        self._left = float(MARKS)
        self._now = 0.0

    def read(self, data: bytes, now: float = 0.0) -> Iterator[bytes | Found | Flood]:
        """Yield the output in order: bytes, and after the bytes of a mark what it means.

        ``now`` is in seconds. Of more marks than may be read by then only the last ones count.
        """
        passed, self._now = max(0.0, now - self._now), now
        self._left = min(float(MARKS), self._left + passed * MARKS)
        if self._continues(data):
            self._held += data
            return
        if self._held:
            data, self._held = self._held + data, b""
        if b"\x1b" not in data:
            if data:
                yield data
            return
        at = 0
        for found in _MARK.finditer(data):
            marks = list(_meaning(found))
            if marks:
                self._left -= len(marks)
                if self._left < 0:
                    self._left = 0.0
                    yield _flood(data[at:])
                    return
                yield data[at : found.end()]
                at = found.end()
                yield from marks
        if (partial := _partial(data, max(at, len(data) - CLAIM_LIMIT - 16))) >= 0:
            self._held = data[partial:]
            data = data[:partial]
        if at < len(data):
            yield data[at:]

    def _continues(self, data: bytes) -> bool:
        """Whether a mark whose words have begun only has more of them: nothing to search."""
        return (
            len(self._held) >= _WORDS_AT
            and self._held.startswith(b"\x1b]")
            and not self._held.endswith(b"\x1b")
            and len(self._held) + len(data) <= _WORDS_AT + CLAIM_LIMIT
            and _CONTROL.search(data) is None
        )


def _partial(data: bytes, start: int) -> int:
    """Where a mark begins, from ``start`` on, that what follows ``data`` may end; -1 without one.

    It has no escape within, but perhaps the first byte of its end.
    """
    last = data.rfind(b"\x1b", start)
    if last == len(data) - 1:
        before = data.rfind(b"\x1b", start, max(start, last))
        if before >= 0 and _PARTIAL.match(data, before) is not None:
            return before
    return last if last >= 0 and _PARTIAL.match(data, last) is not None else -1


def _flood(rest: bytes) -> Flood:
    return Flood(rest, _last(rest, _EDITOR), _last(rest, _ALTERNATE, _RESET))


def _last(data: bytes, modes: tuple[bytes, ...], *off: bytes) -> bool | None:
    """Whether the last mark of some modes switches on; each is read once."""
    is_on = max(data.rfind(b"\x1b[?%bh" % mode) for mode in modes)
    is_off = max(data.rfind(mark) for mark in (*(b"\x1b[?%bl" % mode for mode in modes), *off))
    return None if is_on == is_off else is_on > is_off


def _meaning(found: re.Match[bytes]) -> Iterator[Found]:
    if found["modes"] is not None:
        on = found["set"] == b"h"
        for mode in found["modes"].split(b";"):
            if mode in _EDITOR:
                yield Found(Mark.EDITOR_ON if on else Mark.EDITOR_OFF)
            elif mode in _ALTERNATE:
                yield Found(Mark.ALTERNATE_ON if on else Mark.ALTERNATE_OFF)
            elif mode in (b"9", b"1000", b"1001", b"1002", b"1003"):
                yield Found(Mark.MOUSE_ON if on else Mark.MOUSE_OFF)
    elif found["number"] is None:
        yield Found(Mark.RESET if found[0] == _RESET else Mark.QUESTION)
    else:
        word, _, rest = found["words"].partition(b";")
        mark = _WORDS.get(word)
        claims = found["number"] == b"633"
        if mark is Mark.DONE:
            yield Found(mark, exit_code=_exit_code(rest.partition(b";")[0]), claims=claims)
        elif mark is Mark.CLAIM and claims:
            yield Found(mark, _claimed(rest), claims=True)
        elif mark is not None and mark is not Mark.CLAIM:
            yield Found(mark, claims=claims)


def _exit_code(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 4 else None


def _claimed(rest: bytes) -> str:
    """The command line of ``E;line[;nonce]``; a semicolon or control in it is written \\xHH."""
    text = rest.partition(b";")[0].decode("utf-8", "replace")
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)
