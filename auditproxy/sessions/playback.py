"""What a recorded session wrote, made safe for the terminal that plays it.

The container chose every byte: text, colours, cursor movement, scrolling and the alternate screen
pass; whatever makes a terminal answer, remember or do something does not:

    OSC      titles, the clipboard (52), links, colours of the palette, files (1337)
    DCS, APC, PM, SOS    graphics, settings, queries (DECRQSS, XTGETTCAP)
    CSI      answers (DSR, DA, DECRQM, XTVERSION), window operations, printing, mouse, focus,
             bracketed paste, keyboards; of modes only those in MODES
    ENQ and other controls; C1 controls as characters
    Unicode's controls of direction and its line separators, which show text in another order

Sources: ECMA-48; xterm's ctlseqs.
"""

import re

MODES = frozenset({"1", "5", "6", "7", "12", "25", "45", "47", "1047", "1048", "1049", "2026"})
"""Private modes that are set and reset: screens, the cursor, wrapping, drawing at once."""

RESTORE = "\x1b[!p\x1b[?1049l\x1b[?25h\x1b[0m"
"""Undoes what a session leaves of these."""

LONGEST_SEQUENCE = 4096
"""Characters of an unfinished sequence that are held; a longer one is dropped as it comes."""

_SPECIAL = re.compile("[\x00-\x06\x10-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""An escape, and the controls that do not pass; BEL to SI do."""
_FINALS = frozenset("ABCDEFGHIJKLMPSTXZ@`abdefgmrsu")
_ESCAPES = frozenset("78DEHMc=>")
_STRINGS = frozenset("]PX^_")
_CSI = re.compile(r"([0-9:;]*)([ -/]*)([@-~])")
_CHARACTER_SETS = frozenset("()*+")


class PlaybackFilter:
    """Follows one stream of text; a sequence that is cut between two pieces stays one."""

    def __init__(self) -> None:
        self._held = ""
        self._in_string = False
        self._previous = ""

    def feed(self, text: str) -> str:
        """What may be written of ``text`` and what was held before it."""
        text = self._held + text
        self._held = ""
        out: list[str] = []
        position = 0
        while position < len(text):
            if self._in_string:
                position = self._string(text, position)
                continue
            special = _SPECIAL.search(text, position)
            place = special.start() if special is not None else len(text)
            out.append(text[position:place])
            position = place
            if special is None:
                break
            if special[0] != "\x1b":
                position += 1
                continue
            end, kept = self._escape(text, position)
            if end < 0:
                self._held = text[position:]
                if len(self._held) > LONGEST_SEQUENCE:
                    self._held = ""
                break
            out.append(kept)
            position = end
        return "".join(out)

    def _string(self, text: str, position: int) -> int:
        """Skip a control string up to its end, BEL or ESC with a backslash, or CAN or SUB."""
        for place in range(position, len(text)):
            char = text[place]
            if (char == "\\" and self._previous == "\x1b") or char in "\a\x18\x1a\x9c":
                self._previous = ""
                self._in_string = False
                return place + 1
            self._previous = char
        return len(text)

    def _escape(self, text: str, start: int) -> tuple[int, str]:
        """Where a sequence ends and what passes of it; -1 where it is not whole yet."""
        if start + 1 == len(text):
            return -1, ""
        kind = text[start + 1]
        if kind == "[":
            return _control_sequence(text, start)
        if kind in _STRINGS:
            self._in_string = True
            self._previous = ""
            return start + 2, ""
        if " " <= kind <= "/":
            # A character set, as line drawing in many programs.
            if start + 2 == len(text):
                return -1, ""
            passes = kind in _CHARACTER_SETS and text[start + 2] in "0AB12"
            return start + 3, text[start : start + 3] if passes else ""
        if kind in _ESCAPES:
            return start + 2, text[start : start + 2]
        # Not a sequence that is known: what follows the escape is text again.
        return start + (1 if kind < " " or kind >= "\x7f" else 2), ""


def _control_sequence(text: str, start: int) -> tuple[int, str]:
    position = start + 2
    private = ""
    if position < len(text) and text[position] in "<=>?":
        private = text[position]
        position += 1
    match = _CSI.match(text, position)
    if match is None:
        rest = position
        while rest < len(text) and " " <= text[rest] <= "?":
            rest += 1
        # Not a sequence, or one whose end is still to come.
        return (-1, "") if rest == len(text) else (rest, "")
    parameters, between, final = match.groups()
    whole = text[start : match.end()]
    if private:
        modes = parameters.split(";")
        passes = private == "?" and not between and final in "hl" and set(modes) <= MODES
        if not passes and private == "?" and not between and final in "hl":
            kept = [mode for mode in modes if mode in MODES]
            return match.end(), f"\x1b[?{';'.join(kept)}{final}" if kept else ""
        return match.end(), whole if passes else ""
    if between:
        # The cursor's shape, and a soft reset.
        passes = (between, final) in ((" ", "q"), ("!", "p"))
    else:
        # "u" with parameters sets up keyboards; alone it restores the cursor.
        passes = (final in _FINALS and not (final in "su" and parameters)) or _is_insert(whole)
    return match.end(), whole if passes else ""


def _is_insert(sequence: str) -> bool:
    return sequence in ("\x1b[4h", "\x1b[4l")


def visible(text: str) -> str:
    """Text of others on one line: controls, directions and the like are shown, not obeyed."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
