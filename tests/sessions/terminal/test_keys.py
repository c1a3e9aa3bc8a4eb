"""Keys of standard input: what is typed, and what terminals send by themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.sessions.terminal.keys import (
    ANSWER_TIMEOUT,
    MOST_ANSWERS,
    PASTE_LIMIT,
    PASTE_TIMEOUT,
    KeyReader,
    Press,
)

TEXT, ENTER, BACK = Press.TEXT, Press.ENTER, Press.BACKSPACE
KILL, STOP, END, OTHER = Press.KILL, Press.INTERRUPT, Press.END, Press.OTHER
REPORT = Press.REPORT


def a_reader(caused: str = "") -> KeyReader:
    """A reader of a program that pastes into brackets, follows the mouse or asks, as a row says."""
    reader = KeyReader()
    reader.brackets_pastes("paste" in caused)
    reader.follows_mouse = "mouse" in caused
    for _ in range(caused.count("ask")):
        reader.asked(0.0)
    return reader


def pressed(*pieces: bytes, caused: str = "") -> list[tuple[Press, bytes]]:
    """The keys in some input, as they are when complete; texts that follow each other are one."""
    reader, found = a_reader(caused), list[tuple[Press, bytes]]()
    for piece in pieces:
        for key in reader.read(piece):
            if key.press is Press.PARTIAL:
                continue
            if found and key.press is found[-1][0] is Press.TEXT:
                found[-1] = (Press.TEXT, found[-1][1] + key.text)
            else:
                found.append((key.press, key.text))
    return found


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        pytest.param(b"ls\r", [TEXT, ENTER], id="a line"),
        pytest.param(b"ls\n", [TEXT, ENTER], id="newline is Enter"),
        pytest.param(
            b"\x1bOM\x1b[13u\x1b[13;1u",
            [OTHER, ENTER] * 3,
            id="Enter of the keypad and of kitty",
        ),
        pytest.param(b"a\x7f\b", [TEXT, BACK, BACK], id="backspaces"),
        pytest.param(
            b"\x15\x03\x1a\x1c\x04", [KILL, STOP, STOP, STOP, END], id="keys of the kernel"
        ),
        pytest.param(b"\x1b[A\x1bOA\x1b[1;5C\x1b[3~\x1bf\t\x12", [OTHER] * 7, id="keys that edit"),
        pytest.param(b"\x1b\r", [OTHER, ENTER], id="ESC, then Enter"),
        pytest.param(b"\x1b[24;80R", [REPORT], id="answer: place of the cursor"),
        pytest.param(b"\x1b[?1;2c\x1b[>41;354;0c", [REPORT] * 2, id="answer: attributes"),
        pytest.param(
            b"\x1b[0n\x1b[?2026;2$y\x1b[8;24;80t", [REPORT] * 3, id="answers: state, mode, size"
        ),
        pytest.param(b"\x1b[I\x1b[O", [REPORT] * 2, id="focus"),
        pytest.param(b"\x1b[?;w\x1b[<1z", [OTHER, OTHER], id="no answer has this final"),
    ],
)
def test_row(data: bytes, keys: list[Press]) -> None:
    """What some input is, whatever the program has caused."""
    assert [press for press, _ in pressed(data)] == keys
    assert pressed(*(bytes((byte,)) for byte in data)) == pressed(data)
    assert pressed(data, caused="paste, mouse, ask") == pressed(data)


@pytest.mark.parametrize(
    ("caused", "data", "keys", "otherwise"),
    [
        pytest.param(
            "ask",
            b"\x1b]11;rgb:0000/0000/0000\x1b\\x",
            [REPORT, TEXT],
            [OTHER, TEXT, OTHER, TEXT],
            id="colour, ST",
        ),
        pytest.param(
            "ask",
            b"\x1b]11;rgb:0/0/0\x07x",
            [REPORT, TEXT],
            [OTHER, TEXT, OTHER, TEXT],
            id="colour, BEL",
        ),
        pytest.param("ask", b"\x1bP1+r54=78\x1b\\", [REPORT], [OTHER, TEXT, OTHER], id="DCS"),
        pytest.param(
            "ask", b"\x1b]id\rls\r", [OTHER, TEXT, ENTER, TEXT, ENTER], [], id="typed after ESC ]"
        ),
        pytest.param("ask", b"\x1b]\x15id\r", [OTHER, KILL, TEXT, ENTER], [], id="^U in it"),
        pytest.param("ask", b"\x1b]a\x1b[Ab", [OTHER, TEXT, OTHER, TEXT], [], id="a key in it"),
        pytest.param(
            "ask", b"\x1b]" + b"x" * 5000 + b"\x07", [OTHER, TEXT, OTHER], [], id="too long for it"
        ),
        pytest.param(
            "ask",
            b"\x1b]a\x07\x1b]b\x07",
            [REPORT, OTHER, TEXT, OTHER],
            [OTHER, TEXT, OTHER, OTHER, TEXT, OTHER],
            id="one answer for each question",
        ),
        pytest.param("ask, ask", b"\x1b]a\x07\x1b]b\x07", [REPORT] * 2, None, id="two of them"),
        pytest.param(
            "mouse",
            b"\x1b[M !!\x1b[<0;3;4M",
            [REPORT] * 2,
            [OTHER, TEXT, OTHER],
            id="what the mouse did",
        ),
        pytest.param(
            "mouse",
            b"\x1b[M\x1b[A",
            [OTHER, TEXT, OTHER],
            [OTHER, OTHER],
            id="no report: a key follows",
        ),
        pytest.param("mouse", b"\x1b[0;3;4M", [REPORT], [OTHER], id="the same in numbers"),
        pytest.param(
            "paste",
            b"\x1b[200~a\rb\x1b[201~\r",
            [OTHER, TEXT, ENTER],
            [OTHER, TEXT, ENTER, TEXT, OTHER, ENTER],
            id="paste",
        ),
    ],
)
def test_what_the_program_has_caused(
    caused: str, data: bytes, keys: list[Press], otherwise: list[Press] | None
) -> None:
    """Bytes that a terminal sends by itself, and that a client could send to hide a line."""
    for causes, expected in ((caused, keys), ("", otherwise or None)):
        found = pressed(data, caused=causes)
        if expected is not None:
            assert [press for press, _ in found] == expected
        assert pressed(*(bytes((byte,)) for byte in data), caused=causes) == found


def test_a_paste_has_newlines() -> None:
    """Terminals send a return for each line of a paste."""
    found = pressed(b"\x1b[200~a\rb", b"c\x1b[20", b"1~d", caused="paste")
    assert found[1] == (TEXT, b"a\nbcd")


@pytest.mark.parametrize("how", ["size", "time", "mode"])
def test_a_paste_without_end(how: str) -> None:
    """It ends by its size, after a while, and with the program's mode: what follows is typed."""
    reader = a_reader("paste")
    size = PASTE_LIMIT if how == "size" else 100
    before = list(reader.read(b"\x1b[200~" + b"x" * size, 1.0))
    assert [key.press for key in before] == [OTHER, TEXT]
    if how == "mode":
        reader.brackets_pastes(False)
    keys = list(reader.read(b"id\r", 1.1 + (PASTE_TIMEOUT if how == "time" else 0)))
    assert [(key.press, key.text) for key in keys] == [(TEXT, b"id"), (ENTER, b"")]


def test_an_answer_comes_soon() -> None:
    """What comes later is no answer; neither are more than MOST_ANSWERS."""
    reader = a_reader("ask")
    late = list(reader.read(b"\x1b]id\x07", ANSWER_TIMEOUT + 0.1))
    assert [key.press for key in late] == [OTHER, TEXT, OTHER]
    reader = a_reader("ask" * (MOST_ANSWERS + 5))
    keys = list(reader.read(b"\x1b]a\x07" * (MOST_ANSWERS + 1), 0.0))
    assert [key.press for key in keys].count(REPORT) == MOST_ANSWERS


PIECES = st.sampled_from(
    [
        b"ls",
        b"\x1b",
        b"[",
        b"200~",
        b"201~",
        b"\x1b[200~",
        b"\x1b[201~",
        b"M",
        b"\r",
        b"]",
        b"1;2",
        b"R",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=20),
    st.sampled_from(["", "paste", "mouse", "ask, ask", "paste, mouse, ask"]),
)
def test_segmentation_changes_nothing(pieces: list[bytes], caused: str) -> None:
    """Any bytes, cut anywhere, and no error."""
    data = b"".join(pieces)
    whole = pressed(data, caused=caused)
    assert pressed(*pieces, caused=caused) == whole
    assert pressed(*(bytes((byte,)) for byte in data), caused=caused) == whole


def test_a_key_does_not_show_its_text() -> None:
    """What is typed may be a password."""
    assert "hunter2" not in repr(list(KeyReader().read(b"hunter2")))
