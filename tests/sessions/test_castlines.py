"""Lines of the text of a stream."""

import json

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.castlines import PIECE, apart, is_plain, line, plain_lines

PLAIN = st.builds(
    lambda text, times, size: (text * times)[:size].encode(),
    st.text(st.characters(max_codepoint=126), min_size=1, max_size=40),
    st.sampled_from([1, 700, 4000]),
    st.sampled_from([PIECE - 1, PIECE, PIECE + 1, 4 * PIECE]),
)


@given(PLAIN)
def test_plain_lines(data: bytes) -> None:
    """They are what json.dumps makes of each piece; apart they have their own bytes of the stream."""
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    wanted = [f'[1.5, "o", {json.dumps(piece.decode())}]\n'.encode() for piece in pieces]
    found = plain_lines("1.5", "o", data)
    assert found == b"".join(wanted)
    assert is_plain(data)
    assert list(apart(found, len(data))) == [
        (one, len(piece)) for one, piece in zip(wanted, pieces, strict=True)
    ]


def test_lines_that_belong_together() -> None:
    """The bytes of a piece and its text, and a note and its label, stay one."""
    both = line("1.5", "b", "/w==") + line("1.5", "o", "\ufffd")
    for size in (0, 1, PIECE):
        assert list(apart(both, size)) == [(both, size)]


def test_what_is_plain() -> None:
    """DEL is quoted by one way and not by the other."""
    assert is_plain(b"")
    assert is_plain(bytes(range(127)))
    assert not is_plain(b"a\x7f")
    assert not is_plain("\u00e9".encode())
