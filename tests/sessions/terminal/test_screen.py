"""The screen: the same text as pyte's for the controls it has, whatever the segmentation."""

import unicodedata
from itertools import pairwise

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditproxy.sessions.terminal.screen import VisibleScreen, clamped


def shown(data: bytes, columns: int = 20, rows: int = 6) -> list[str]:
    """The rows after some output."""
    screen = VisibleScreen(columns, rows)
    for _ in screen.feed(data):
        pass
    return screen.display()


class Reference:
    """pyte's screen, with xterm's rule that moving the cursor ends a pending wrap."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)

    def feed(self, operation: bytes) -> None:
        moves = operation[:2] == b"\x1b[" and operation[-1:] in b"ABdJKPX@"
        if moves and self.screen.cursor.x == self.screen.columns:
            self.screen.cursor.x -= 1
        # Deleting rows leaves those in place that pyte has not made yet.
        for row in range(self.screen.lines):
            self.screen.buffer[row]
        self.stream.feed(operation)
        # What insert mode pushes over the edge is gone; pyte keeps one cell, and shifts it back.
        for row in range(self.screen.lines):
            self.screen.buffer[row].pop(self.screen.columns, None)

    def display(self) -> list[str]:
        return [row.rstrip(" ") for row in self.screen.display]


def csi(finals: str, most: int = 9) -> st.SearchStrategy[bytes]:
    """A control sequence with one number, or none."""
    number = st.one_of(st.just(""), st.integers(0, most).map(str))
    return st.builds(lambda n, f: f"\x1b[{n}{f}".encode(), number, st.sampled_from(finals))


ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
OPERATIONS = st.one_of(
    ASCII.map(str.encode),
    st.sampled_from([b"\r", b"\n", b"\r\n", b"\b", b"\t", b"\x07", b"\x1b7", b"\x1bM", b"\x1bD"]),
    st.sampled_from([b"\x1b[31;1m", b"\x1b]0;title\x07", b"\x1b(B", b"\x1b[?25l"]),
    st.sampled_from([b"\x1b[4h", b"\x1b[4l", "é".encode(), "ü".encode(), b"\x1b=", b"\x1bc"]),
    csi("ABCDEFGadP@XLM"),
    st.sampled_from([b"\x1b[J", b"\x1b[1J", b"\x1b[2J", b"\x1b[K", b"\x1b[1K", b"\x1b[2K"]),
    st.builds(lambda r, c: f"\x1b[{r};{c}H".encode(), st.integers(0, 9), st.integers(0, 25)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(OPERATIONS, max_size=60))
@example([b"12345678901234567890", b"\x1b[4h\x1b[A", b"0", b"\x1b[P"])
def test_the_same_text_as_pyte(operations: list[bytes]) -> None:
    """Random sequences of what both have."""
    reference = Reference(20, 6)
    for operation in operations:
        reference.feed(operation)
    assert shown(b"".join(operations)) == reference.display()


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(4, 6),
    st.lists(
        st.sampled_from([b"one\r\n", b"two\n", b"\x1bM", b"\x1b[L", b"\x1b[2M", b"\x1b[3;2H"]),
        max_size=30,
    ),
)
def test_a_scrolling_region_is_that_of_pyte(top: int, bottom: int, operations: list[bytes]) -> None:
    """Within the region; beyond it pyte differs from xterm."""
    start = f"a\r\nb\r\nc\r\nd\r\ne\x1b[{top};{bottom}r\x1b[{top};1H".encode()
    reference = Reference(20, 6)
    for operation in (start, *operations):
        reference.feed(operation)
    assert shown(start + b"".join(operations)) == reference.display()


WIDE = st.lists(
    st.sampled_from(["語", "한", "😀", "a", "b ", "é", "e\u0301", "\b", "\r"]), max_size=9
)


@settings(max_examples=100, deadline=None)
@given(WIDE)
def test_wide_and_combining_characters_are_as_in_pyte(pieces: list[str]) -> None:
    """Where pyte and xterm agree: not at the margin."""
    text = "".join(piece for piece in pieces if piece not in "\b\r").encode()
    reference = Reference(40, 3)
    reference.feed(text)
    ours = [unicodedata.normalize("NFC", row) for row in shown(text, 40, 3)]
    assert ours == reference.display()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(OPERATIONS, st.binary(max_size=12)), max_size=30),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_segmentation_changes_nothing(operations: list[bytes], cuts: list[int]) -> None:
    """Sequences and characters cut anywhere."""
    data = b"".join(operations)
    screen = VisibleScreen(20, 6)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        for _ in screen.feed(data[start:end]):
            pass
    assert screen.display() == shown(data)
    bytewise = VisibleScreen(20, 6)
    for byte in data:
        for _ in bytewise.feed(bytes((byte,))):
            pass
    assert bytewise.display() == shown(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 700), st.integers(0, 300), st.integers(0, 700))
def test_any_bytes_are_taken_at_any_size(data: bytes, columns: int, rows: int, later: int) -> None:
    """Nothing raises, and the cursor stays on the screen."""
    screen = VisibleScreen(columns, rows)
    for _ in screen.feed(data):
        pass
    screen.resize(later, rows)
    for _ in screen.feed(data):
        pass
    assert len(screen.display()) == clamped(later, rows)[1]
    assert 0 <= screen.column <= screen.rows.columns


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"x" * 25, ["x" * 20, "x" * 5], id="autowrap"),
        pytest.param(
            b"x" * 20 + b"\ry", ["y" + "x" * 19], id="a wrap is pending at the last column"
        ),
        pytest.param(b"x" * 19 + "語".encode(), ["x" * 19, "語"], id="wide at the margin"),
        pytest.param("語語\bx".encode(), ["語 x"], id="half of a wide character goes whole"),
        pytest.param("語語\rx".encode(), ["x 語"], id="and so does its other half"),
        pytest.param(b"\x1b]0;title\x07a", ["a"], id="a title ends with BEL"),
        pytest.param(b"\x1b]0;title\x1b\\a", ["a"], id="a title ends with ST"),
        pytest.param(b"\x1bP1$r0m\x1b\\a", ["a"], id="DCS is read over"),
        pytest.param(b"\x1b]0;no end\r\na", ["", "a"], id="a title ends with its line"),
        pytest.param(b"\x1bP" + b"z" * 4096 + b"a", ["a"], id="a string has 4 KiB"),
        pytest.param(b"a\xff\xfeb", ["a\ufffd\ufffdb"], id="not UTF-8"),
        pytest.param(b"a\xe2\x82\nb", ["a\ufffd", "  b"], id="UTF-8 cut by a control"),
        pytest.param(b"ab\x1b7cd\x1b8x", ["abxd"], id="save and restore"),
        pytest.param(b"ab\x1b[scd\x1b[ux", ["abxd"], id="the same by CSI"),
        pytest.param(b"a\r\nb\x1b[Sc", ["b", " c"], id="scroll up"),
        pytest.param(b"a\x1b[T\rb", ["b", "a"], id="scroll down"),
        pytest.param(b"a\x1b[3Jb\x1b[!p", ["ab"], id="the lines above are not the screen"),
        pytest.param(b"a\x1b[2Eb\x1b[Fc", ["a", "c", "b"], id="lines up and down"),
        pytest.param(b"ab\x1bEc", ["ab", "c"], id="next line"),
        pytest.param(b"\x1b[?7l" + b"x" * 25 + b"y", ["x" * 19 + "y"], id="without autowrap"),
        pytest.param(b"\x1b[" + b"9" * 5000 + b"Aok", None, id="a number that never ends"),
        pytest.param(b"a\x1b[999999999Cb", ["a" + " " * 18 + "b"], id="far right"),
    ],
)
def test_row(data: bytes, rows: list[str] | None) -> None:
    """What single sequences do."""
    if rows is not None:
        assert [row for row in shown(data) if row or rows[0] == ""][: len(rows)] == rows


def test_rows_keep_their_numbers_while_the_screen_scrolls() -> None:
    """A place is the same after a scroll."""
    screen = VisibleScreen(20, 3)
    for _ in screen.feed(b"a\r\nb\r\nc\r\nd"):
        pass
    assert (screen.row, screen.rows.top) == (3, 1)
    assert screen.text(3, 0, 3) == "d"
    assert screen.rows.find(0) == ""


def test_rows_that_scroll_off_are_kept_when_asked() -> None:
    """And not without end."""
    screen = VisibleScreen(20, 3)
    screen.rows.keep_from = 0
    for _ in screen.feed(b"x" * 100):
        pass
    assert screen.text(0, 0, screen.row) == "x" * 100
    for _ in screen.feed(b"y\r\n" * 5000):
        pass
    assert screen.rows.first > 0


def test_wrapped_rows_are_one_text_and_others_are_lines() -> None:
    """Autowrap is not a newline."""
    screen = VisibleScreen(20, 6)
    for _ in screen.feed(b"$ " + b"w" * 30 + b"\r\nnext"):
        pass
    assert screen.text(0, 2, 2) == "w" * 30 + "\nnext"


def test_a_reader_that_stops_has_the_rest() -> None:
    """Before a line feed."""
    screen = VisibleScreen(20, 6)
    data = b"one\r\ntwo"
    end = next(iter(screen.feed(data)))
    assert (screen.row, data[end:]) == (0, b"two")


def test_a_smaller_screen_keeps_the_row_of_the_cursor() -> None:
    """Rows leave at the top."""
    screen = VisibleScreen(20, 6)
    for _ in screen.feed(b"a\r\nb\r\nc\r\nd"):
        pass
    screen.resize(10, 2)
    assert (screen.display(), screen.row) == (["c", "d"], 3)
    screen.resize(10, 3)
    assert screen.display() == ["c", "d", ""]
