"""Keys of standard input: what is typed, and what terminals send by themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.sessions.terminal.keys import KeyReader, Press

TEXT, ENTER, BACK = Press.TEXT, Press.ENTER, Press.BACKSPACE
KILL, STOP, END, OTHER = Press.KILL, Press.INTERRUPT, Press.END, Press.OTHER


def pressed(*pieces: bytes) -> list[tuple[Press, bytes]]:
    """The keys in some input; texts that follow each other are one."""
    reader, found = KeyReader(), list[tuple[Press, bytes]]()
    for piece in pieces:
        for key in reader.read(piece):
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
            [ENTER, ENTER, ENTER],
            id="Enter of the keypad and of kitty",
        ),
        pytest.param(b"a\x7f\b", [TEXT, BACK, BACK], id="backspaces"),
        pytest.param(
            b"\x15\x03\x1a\x1c\x04", [KILL, STOP, STOP, STOP, END], id="keys of the kernel"
        ),
        pytest.param(b"\x1b[A\x1bOA\x1b[1;5C\x1b[3~\x1bf\t\x12", [OTHER] * 7, id="keys that edit"),
        pytest.param(b"\x1b\r", [OTHER, ENTER], id="ESC, then Enter"),
        pytest.param(b"\x1b[24;80R", [], id="answer: place of the cursor"),
        pytest.param(b"\x1b[?1;2c\x1b[>41;354;0c", [], id="answer: attributes"),
        pytest.param(b"\x1b[0n\x1b[?2026;2$y\x1b[8;24;80t", [], id="answers: state, mode, size"),
        pytest.param(b"\x1b]11;rgb:0000/0000/0000\x1b\\", [], id="answer: colour, ST"),
        pytest.param(b"\x1b]11;rgb:0000/0000/0000\x07x", [TEXT], id="answer: colour, BEL"),
        pytest.param(b"\x1bP1+r544e=78\x1b\\", [], id="answer: DCS"),
        pytest.param(b"\x1b[I\x1b[O", [], id="focus"),
        pytest.param(b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[M !!", [], id="mouse"),
        pytest.param(b"\x1b[200~a\rb\x1b[201~\r", [OTHER, TEXT, ENTER], id="paste"),
        pytest.param(b"\x1b]no end\rls\r", [ENTER, TEXT, ENTER], id="a string ends with its line"),
    ],
)
def test_row(data: bytes, keys: list[Press]) -> None:
    """What some input is."""
    assert [press for press, _ in pressed(data)] == keys
    assert pressed(*(bytes((byte,)) for byte in data)) == pressed(data)


def test_a_paste_has_newlines() -> None:
    """Terminals send a return for each line of a paste."""
    assert pressed(b"\x1b[200~a\rb", b"c\x1b[20", b"1~d")[1] == (TEXT, b"a\nbcd")


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
@given(st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=20))
def test_segmentation_changes_nothing(pieces: list[bytes]) -> None:
    """Any bytes, cut anywhere, and no error."""
    data = b"".join(pieces)
    assert pressed(*pieces) == pressed(data) == pressed(*(bytes((byte,)) for byte in data))


def test_a_key_does_not_show_its_text() -> None:
    """What is typed may be a password."""
    assert "hunter2" not in repr(list(KeyReader().read(b"hunter2")))
