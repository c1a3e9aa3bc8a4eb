"""Colours and attributes of cells, and that they go where their cells go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.commands.view.styledscreen import (
    BOLD,
    FAINT,
    ITALIC,
    PLAIN,
    REVERSE,
    RGB,
    STRUCK,
    UNDERLINE,
    Style,
    StyledScreen,
    styled,
)
from auditproxy.sessions.terminal.screen import VisibleScreen


@pytest.mark.parametrize(
    ("parameters", "style"),
    [
        (b"", PLAIN),
        (b"0", PLAIN),
        (b"1;4;7", Style(flags=BOLD | UNDERLINE | REVERSE)),
        (b"1;2;3;9;22;23", Style(flags=STRUCK)),
        (b"2;21", Style(flags=FAINT | UNDERLINE)),
        (b"3", Style(flags=ITALIC)),
        (b"4:3", Style(flags=UNDERLINE)),
        (b"4;4:0", PLAIN),
        (b"31;42", Style(1, 2)),
        (b"91;102", Style(9, 10)),
        (b"31;42;39;49", PLAIN),
        (b"38;5;196;48;5;21", Style(196, 21)),
        (b"38;2;1;2;3", Style(RGB + 0x010203)),
        (b"38;2;1;2;3;1", Style(RGB + 0x010203, None, BOLD)),
        (b"38:2::1:2:3;48:5:7", Style(RGB + 0x010203, 7)),
        (b"48:2:1:2:3", Style(None, RGB + 0x010203)),
        (b"58;5;1;32", Style(2)),
        (b"38;5;256", PLAIN),
        (b"38;2;1;2", PLAIN),
        (b"38", PLAIN),
        (b"38;5", PLAIN),
        (b"5;8;73;999999999999", PLAIN),
        (b"1;;4", Style(flags=UNDERLINE)),
    ],
)
def test_parameters(parameters: bytes, style: Style) -> None:
    """Of SGR."""
    assert styled(PLAIN, parameters) == style


def shown(output: bytes, columns: int = 10, rows: int = 3) -> list[list[tuple[str, Style]]]:
    """The runs of a screen."""
    screen = StyledScreen(columns, rows)
    for _ in screen.feed(output):
        pass
    return [[(run.text, run.style) for run in row] for row in screen.runs()]


RED, ON_BLUE = Style(1), Style(back=4)


@pytest.mark.parametrize(
    ("output", "row", "expected"),
    [
        (b"a\x1b[31mb\x1b[mc", 0, [("a", PLAIN), ("b", RED), ("c", PLAIN)]),
        (b"\x1b[31mabc\x1b[m\x1b[2GX", 0, [("a", RED), ("X", PLAIN), ("c", RED)]),
        (b"\x1b[31mab\x1b[m\x1b[1G\x1b[4hX", 0, [("X", PLAIN), ("ab", RED)]),
        (b"a\x1b[31mb\x1b[m\x1b[1G\x1b[P", 0, [("b", RED)]),
        (b"\x1b[31ma\x1b[m\n\r", 0, [("a", RED)]),
        (b"\x1b[31ma\x1b[m\n\n\n", 0, []),
        (b"1\n\r\x1b[31ma\x1b[m\n\n", 0, [("a", RED)]),
        (b"\x1b[31ma\x1b[m\x1b[T", 1, [("a", RED)]),
        (b"\x1b[44m\x1b[K", 0, [(" " * 10, ON_BLUE)]),
        (b"\x1b[44m\x1b[2J\x1b[mx", 2, [(" " * 10, ON_BLUE)]),
        (b"\x1b[44mab\x1b[m\x1b[2K", 0, []),
        (b"\x1b[4m  \x1b[m", 0, [("  ", Style(flags=UNDERLINE))]),
        (b"\x1b[1m  \x1b[m", 0, []),
        (b"\x1b[31m\xe4\xb8\xad\x1b[mx", 0, [("\u4e2d", RED), ("x", PLAIN)]),
        (b"\x1b[31ma\x1bcb", 0, [("b", PLAIN)]),
        (b"\x1b[>4;1ma\x1b[?1mb", 0, [("ab", PLAIN)]),
    ],
)
def test_cells(output: bytes, row: int, expected: list[tuple[str, Style]]) -> None:
    """A style goes where its cell goes, and blanks without one are left out."""
    assert shown(output)[row] == expected


_PIECES = st.sampled_from(
    [
        b"ab", b"\xe4\xb8\xad", b"\xcc\x81", b" ", b"\r", b"\n", b"\b", b"\t", b"\x1b[31m", b"\x1b[m",
        b"\x1b[44;7m", b"\x1b[K", b"\x1b[1K", b"\x1b[2J", b"\x1b[2;2H", b"\x1b[3P", b"\x1b[2@",
        b"\x1b[4h", b"\x1b[4l", b"\x1b[2L", b"\x1b[M", b"\x1b[2S", b"\x1b[T", b"\x1b[2;3r", b"\x1bM",
        b"\x1b[X", b"\x1b[?7l", b"\x1bc", b"\x1b[9999C",
    ]
)  # fmt: skip
_STEPS = st.lists(_PIECES | st.tuples(st.integers(1, 12), st.integers(1, 5)), max_size=40)


@given(steps=_STEPS)
def test_the_text_is_that_of_a_screen_without_styles(
    steps: list[bytes | tuple[int, int]],
) -> None:
    """Whatever is written and however the size changes; and no style is behind the last column."""
    one, other = StyledScreen(8, 4), VisibleScreen(8, 4)
    for step in steps:
        for screen in (one, other):
            if isinstance(step, bytes):
                for _ in screen.feed(step):
                    pass
            else:
                screen.resize(*step)
    runs = one.runs()
    assert ["".join(run.text for run in row).rstrip(" ") for row in runs] == other.display()
    assert len(runs) == len(other.display())
