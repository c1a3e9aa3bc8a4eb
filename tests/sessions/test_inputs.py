"""sessions/inputs.py: the size and the digest of what was sent, and when a recording says them."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.castnotes import InputNote
from auditproxy.sessions.inputs import SentInput


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=60))
def test_any_pieces(pieces: list[bytes]) -> None:
    """The digest is that of all; each note is that of what came before it."""
    sent = SentInput()
    whole = b""
    notes: list[InputNote] = []
    for piece in pieces:
        sent.take(piece)
        whole += piece
        note = sent.due()
        if note is not None:
            assert note == InputNote(bytes=len(whole), sha256=hashlib.sha256(whole).hexdigest())
            notes.append(note)
        assert sent.due() is None
        # What is noted is never less than half of what was sent.
        assert len(whole) < 2 * notes[-1].bytes
    assert sent.size == len(whole)
    assert sent.sha256 == (hashlib.sha256(whole).hexdigest() if whole else "")
    assert len(notes) <= len(whole).bit_length()


def test_a_gap() -> None:
    """The digest of a part is not given; the size is."""
    sent = SentInput()
    assert (sent.sha256, sent.has_gap, sent.due()) == ("", False, None)
    sent.take(b"abc")
    sent.lost()
    assert (sent.sha256, sent.has_gap) == ("", True)
    assert sent.due() == InputNote(bytes=3)
