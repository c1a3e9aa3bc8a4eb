"""What of a recorded session reaches the operator's terminal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.playback import RESTORE, PlaybackFilter, visible


@pytest.mark.parametrize(
    "text",
    [
        "plain text, ünïcode, 日本語, 😀\r\n\tx\b\a\f",
        "\x1b[31;1mred\x1b[0m \x1b[38;2;1;2;3mx\x1b[4:3m",
        "\x1b[H\x1b[2J\x1b[10;20H\x1b[K\x1b[3A\x1b[2L\x1b[5;20r\x1b[4h\x1b[4l",
        "\x1b[?1049h\x1b[?25l\x1b[?7h\x1b[?1;25h",
        "\x1b7\x1b8\x1bM\x1bc\x1b[s\x1b[u\x1b(0lqk\x1b(B\x1b[2 q\x1b[!p",
        RESTORE,
    ],
)
def test_passes(text: str) -> None:
    """What a screen is made of."""
    assert PlaybackFilter().feed(text) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clipboard", "\x1b]52;c;aGk=\a"),
        ("clipboard, ST", "\x1b]52;c;aGk=\x1b\\"),
        ("title", "\x1b]0;evil\a"),
        ("link", "\x1b]8;;http://x\x1b\\"),
        ("palette question", "\x1b]4;1;?\a"),
        ("file", "\x1b]1337;File=:AAAA\a"),
        ("settings question", "\x1bP$qm\x1b\\"),
        ("terminfo question", "\x1bP+q544e\x1b\\"),
        ("sixel", "\x1bPq#0;2;0;0;0\x1b\\"),
        ("application", "\x1b_Gf=100;AAAA\x1b\\"),
        ("privacy", "\x1b^x\x1b\\"),
        ("string", "\x1bXx\x1b\\"),
        ("status", "\x1b[5n"),
        ("cursor position", "\x1b[6n\x1b[?6n"),
        ("attributes", "\x1b[c\x1b[>c\x1b[=c\x1b[0c"),
        ("terminal parameters", "\x1b[x"),
        ("version", "\x1b[>q"),
        ("mode question", "\x1b[?25$p\x1b[4$p"),
        ("checksum", "\x1b[1;1;1;1;2;2*y"),
        ("graphics question", "\x1b[?1;1;0S"),
        ("keyboard question", "\x1b[?u"),
        ("keyboard", "\x1b[>1u\x1b[=5;1u\x1b[>4;2m"),
        ("window", "\x1b[21t\x1b[8;99;99t\x1b[3t"),
        ("print", "\x1b[5i\x1b[i\x1b[?5i"),
        ("mouse, focus, paste", "\x1b[?1000h\x1b[?1006h\x1b[?1004h\x1b[?2004h"),
        ("identify", "\x1bZ"),
        ("answerback", "\x05"),
        ("other controls", "\0\x01\x11\x13\x18\x1a\x7f"),
        ("C1", "\x9b\x9d\x9c\x90\x85"),
        ("directions", "\u202a\u202e\u2066\u2069\u200e\u200f\u061c"),
        ("separators", "\u2028\u2029"),
    ],
)
def test_does_not_pass(name: str, text: str) -> None:
    """What a terminal would answer, remember or do; whatever the pieces in which it comes."""
    assert PlaybackFilter().feed(f"a{text}b") == "ab", name
    single = PlaybackFilter()
    assert "".join(single.feed(char) for char in f"a{text}b") == "ab", name


def test_modes_together() -> None:
    """Of several modes in one sequence those that are harmless pass."""
    assert PlaybackFilter().feed("\x1b[?1000;25;2004h") == "\x1b[?25h"


def test_unfinished() -> None:
    """A string without end takes no memory, and neither does a long sequence."""
    playback = PlaybackFilter()
    assert playback.feed("a\x1b]0;") == "a"
    for _ in range(100):
        assert playback.feed("x" * 10_000) == ""
    assert playback.feed("\ab") == "b"
    assert playback.feed("\x1b[" + "1;" * 10_000) == ""
    assert playback.feed("ok") == "ok"


SEQUENCES = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            ["\x1b", "\x1b[", "\x1b]", "\x1bP", "\a", "\x1b\\", "?", "6", "n", "h", ";"]
        ),
    ),
    max_size=20,
).map("".join)
SAFE = re.compile(
    r"\x1b\[[0-9:;]*[ABCDEFGHIJKLMPSTXZ@`abdefgmrsu]|\x1b\[4[hl]|\x1b\[\?[0-9;]*[hl]"
    r"|\x1b\[[0-9]* q|\x1b\[!p|\x1b\[[0-9;:]*!p|\x1b\[[0-9;:]* q|\x1b[78DEHMc=>]|\x1b[()*+][0AB12]"
)


@given(SEQUENCES, st.integers(1, 7))
def test_nonsense(text: str, step: int) -> None:
    """Every escape that passes begins a sequence that is known; pieces change nothing."""
    shown = PlaybackFilter().feed(text)
    pieces = PlaybackFilter()
    assert "".join(pieces.feed(text[i : i + step]) for i in range(0, len(text), step)) == shown
    rest = SAFE.sub("", shown)
    assert "\x1b" not in rest
    assert not any("\x7f" <= char < "\xa0" for char in shown)


def test_visible() -> None:
    """Nothing of a text reaches a terminal as a control."""
    assert visible("a\x1b[31m\n\u202eb\x9b ü") == "a\\x1b[31m\\n\\u202eb\\x9b ü"
