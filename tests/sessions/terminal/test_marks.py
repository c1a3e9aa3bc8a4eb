"""The marks in output, whole and cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.sessions.terminal.marks import CLAIM_LIMIT, MARKS, Flood, Found, Mark, MarkReader


def read(*pieces: bytes) -> tuple[bytes, list[tuple[int, Found]]]:
    """The output, and the marks with the number of bytes before each."""
    reader, output, marks = MarkReader(), b"", list[tuple[int, Found]]()
    for piece in pieces:
        for part in reader.read(piece):
            if isinstance(part, bytes):
                output += part
            elif isinstance(part, Found):
                marks.append((len(output), part))
    return output, marks


@pytest.mark.parametrize(
    ("data", "marks"),
    [
        pytest.param(b"\x1b[?2004h", [Found(Mark.EDITOR_ON)], id="an editor reads"),
        pytest.param(b"\x1b[?2004l", [Found(Mark.EDITOR_OFF)], id="it has a line"),
        pytest.param(
            b"\x1b[?1049;2004h", [Found(Mark.ALTERNATE_ON), Found(Mark.EDITOR_ON)], id="two modes"
        ),
        pytest.param(
            b"\x1b[?47h\x1b[?1047l",
            [Found(Mark.ALTERNATE_ON), Found(Mark.ALTERNATE_OFF)],
            id="older",
        ),
        pytest.param(b"\x1bc", [Found(Mark.RESET)], id="reset"),
        pytest.param(b"\x1b[?1000h", [Found(Mark.MOUSE_ON)], id="mouse"),
        pytest.param(
            b"\x1b[?1003;1006l\x1b[?9h", [Found(Mark.MOUSE_OFF), Found(Mark.MOUSE_ON)], id="its end"
        ),
        pytest.param(
            b"\x1b]11;?\x07\x1b]4;1;?\x1b\\\x1bP+q544e\x1b\\\x1bP$qm\x1b\\\x1b[>q\x1b[=c\x1b_Ga=q;\x1b\\",
            [Found(Mark.QUESTION)] * 7,
            id="questions",
        ),
        pytest.param(b"\x1b]11;rgb:0/0/0\x07\x1b]0;what?\x07\x1b[c\x1b[6n", [], id="none"),
        pytest.param(
            b"\x1b[0m\x1b[K\x1b[m\x1b[?2004h\x1b[01;34m\x1b[0\x1bc",
            [Found(Mark.EDITOR_ON), Found(Mark.RESET)],
            id="among colours",
        ),
        pytest.param(b"\x1b[?25h\x1b[2J\x1b]0;x\x07", [], id="nothing of it"),
        pytest.param(b"\x1b]133;A\x07", [Found(Mark.PROMPT)], id="prompt"),
        pytest.param(b"\x1b]133;B;x=y\x1b\\", [Found(Mark.COMMAND)], id="command, with ST"),
        pytest.param(b"\x1b]133;C\x07", [Found(Mark.OUTPUT)], id="output"),
        pytest.param(b"\x1b]133;D\x07", [Found(Mark.DONE)], id="done"),
        pytest.param(
            b"\x1b]133;D;3;aid=1\x07", [Found(Mark.DONE, exit_code=3)], id="done with a code"
        ),
        pytest.param(b"\x1b]133;D;9999\x07", [Found(Mark.DONE)], id="not a code"),
        pytest.param(
            b"\x1b]633;E;a\\x3b b\\\\n;nonce\x07",
            [Found(Mark.CLAIM, "a; b\\n", claims=True)],
            id="claim",
        ),
        pytest.param(b"\x1b]133;E;x\x07\x1b]133;Z\x07", [], id="unknown words"),
        pytest.param(b"\x1b]133;" + b"x" * 5000 + b"\x07", [], id="too long"),
    ],
)
def test_row(data: bytes, marks: list[Found]) -> None:
    """What a mark means, and that nothing of the output is lost."""
    assert read(data) == (data, [(len(data), mark) for mark in marks]) or len(marks) > 1
    assert [mark for _, mark in read(data)[1]] == marks


PIECES = st.sampled_from(
    [
        b"\x1b",
        b"[?2004",
        b"[?1000",
        b"]11;?",
        b"P+q",
        b"[>0q",
        b"h",
        b"l",
        b"\x1b]133;",
        b"A",
        b"\x07",
        b"\\",
        b"\x1b]633;E;ls",
        b"\r\n",
        b";",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=30))
def test_segmentation_changes_nothing(pieces: list[bytes]) -> None:
    """Marks are where they are, however the output is cut."""
    end = b"\r\n"  # Ends whatever a mark may still be.
    data = b"".join(pieces)
    whole = read(data, end)
    assert whole[0] == data + end
    assert read(*pieces, end) == whole == read(*(bytes((byte,)) for byte in data), end)


@pytest.mark.parametrize(
    ("data", "held"),
    [
        (b"ls\r\n", b""),
        (b"", b""),
        (b"\x1b", b"\x1b"),
        (b"x\x1b\x1b", b"\x1b"),
        (b"\x1b[?1\x1b[0", b""),
        (b"\x1b[0m\x1b[?2004", b"\x1b[?2004"),
        (b"\x1b]133;A", b"\x1b]133;A"),
        (b"\x1b]133;A\x1b", b"\x1b]133;A\x1b"),
        (b"\x1b]0;A\x1b", b"\x1b"),
        (b"\x1b]133;A\x1b\x1b", b"\x1b"),
        (b"\x1b]133;A\x07\x1b", b"\x1b"),
        (b"\x1b]4;1;?", b"\x1b]4;1;?"),
        (b"\x1bP+\x1b[>0", b"\x1b[>0"),
        (b"\x1b]133;" + b"x" * 4096 + b"\x1b", b"\x1b]133;" + b"x" * 4096 + b"\x1b"),
        (b"\x1b]133;" + b"x" * 4097, b""),
    ],
)
def test_what_waits_for_its_end(data: bytes, held: bytes) -> None:
    """The end of some output that may begin a mark, and no more of it."""
    reader = MarkReader()
    output = b"".join(one for one in reader.read(data) if isinstance(one, bytes))
    assert output == data[: len(data) - len(held)]
    (rest,) = reader.read(b"\x00")
    assert rest == held + b"\x00"


def test_little_of_a_mark_without_end_is_held() -> None:
    """4 KiB, then it is output."""
    output, _ = read(b"\x1b]133;", *[b"x"] * (CLAIM_LIMIT + 100))
    assert len(output) > CLAIM_LIMIT


@pytest.mark.parametrize(
    ("mark", "editor", "alternate"),
    [
        (b"\x1bc", None, False),
        (b"\x1b[?1049l", None, False),
        (b"\x1b[?1049l\x1b[?47h", None, True),
        (b"\x1b[?2004h$ \x1b[?2004l", False, None),
        (b"\x1b[?2004l\x1b[?2004h", True, None),
        (b"\x1b[?2004;2004;2004;2004h", None, None),
        (b"\x1b]133;A\x07", None, None),
        (b"\x1b]11;?\x07", None, None),
    ],
)
def test_a_flood_of_marks(mark: bytes, editor: bool | None, alternate: bool | None) -> None:
    """So many are read in a second; of others only what they leave is known. No byte is lost."""
    reader, data = MarkReader(), mark * (2 * MARKS)
    first = list(reader.read(data, 10.0))
    *_, flood = first
    assert isinstance(flood, Flood)
    assert (flood.editor, flood.alternate) == (editor, alternate)
    assert sum(isinstance(piece, Found) for piece in first) <= MARKS
    shown = b"".join(piece for piece in first if isinstance(piece, bytes))
    assert shown + flood.rest == data
    *pieces, flood = reader.read(data, 10.1)
    assert isinstance(flood, Flood)
    assert sum(isinstance(piece, Found) for piece in pieces) <= MARKS // 10
    assert not any(isinstance(piece, Flood) for piece in reader.read(mark, 11.0))
