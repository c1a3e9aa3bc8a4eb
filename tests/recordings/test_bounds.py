"""What the bound of a recording leaves for notes."""

import pytest

from auditproxy.apis.units import MEBIBYTE
from auditproxy.recordings.bounds import NOTES_LIMIT, NotesShare, in_words
from auditproxy.sessions.castnotes import CommandNote


def test_notes_have_a_part() -> None:
    """What has no room any more is counted, each by what it stands for, and said once."""
    share = NotesShare(NOTES_LIMIT * 100)
    note = CommandNote(line="ls")
    assert share.admits(note)
    share.took(99)
    assert share.admits(note)
    share.took(99)
    assert not share.admits(note)
    assert not share.admits(CommandNote(folded=20))
    assert share.rest() == [CommandNote(flags=("hidden", "gap"), folded=21)]
    assert share.rest() == []


def test_without_a_bound() -> None:
    """All have room."""
    share = NotesShare(0)
    share.took(1 << 40)
    assert share.admits(CommandNote())
    assert share.rest() == []


@pytest.mark.parametrize(("size", "words"), [(64 * MEBIBYTE, "64 MiB"), (100_000, "100000 bytes")])
def test_words(size: int, words: str) -> None:
    """For operators."""
    assert in_words(size) == words
