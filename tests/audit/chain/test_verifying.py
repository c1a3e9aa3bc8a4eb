"""What was done to a log is found, at its line."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.audit.chain.links import ChainEnd, digest_of_line, read_link
from auditproxy.audit.encode import json_line
from tests.fakes.backends import event
from tests.fakes.chains import ChainedLog, chained_log, first, verified
from tests.fakes.tampering import MANIPULATIONS, Manipulation, changed, foreign, redone

LINES, FILES, LENGTH = 60, 5, 12


INTACT = {every: chained_log(LINES, FILES, every=every) for every in (0, 1, 7)}


def log_of(every: int = 7) -> ChainedLog:
    """An intact log in five files."""
    log = INTACT[every]
    return ChainedLog([list(lines) for lines in log.files], list(log.checkpoints), log.end)


@pytest.mark.parametrize("manipulation", MANIPULATIONS, ids=str)
@pytest.mark.parametrize("every", [0, 1, 7])
@settings(max_examples=30)
@given(file=st.integers(0, FILES - 2), line=st.integers(1, LENGTH - 5))
def test_named_at_its_line(manipulation: Manipulation, every: int, file: int, line: int) -> None:
    """The first finding has the line and what was done to it, with checkpoints and without."""
    log = log_of(every)
    manipulation.does(log.files, file, line)
    index, number = manipulation.place(file, line)
    expected = (f"file{index}:{number}", manipulation.kind)
    assert first(verified(log.files, log.checkpoints)) == expected
    assert first(verified(log.files)) == expected


@given(data=st.data())
def test_every_byte_counts(data: st.DataObject) -> None:
    """One byte of one line: that line is found, also the first and the last of all."""
    log = log_of()
    file, line = data.draw(st.integers(0, FILES - 1)), data.draw(st.integers(0, LENGTH - 1))
    whole = log.files[file][line]
    at = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (whole[at], 10)))
    log.files[file][line] = whole[:at] + bytes([byte]) + whole[at + 1 :]
    for checkpoints in (log.checkpoints, []):
        found = verified(log.files, checkpoints)
        assert str(found.findings[0].place) == f"file{file}:{line + 1}"
        assert found.findings[0].kind in ("changed", "added")


@given(data=st.data())
def test_any_other_order_is_found(data: st.DataObject) -> None:
    """Any list of lines of the log is found, but the log itself, cut behind a checkpoint or not, and
    without its oldest files or with them.
    """
    log = chained_log(12, 3, every=5)
    lines = [line for file in log.files for line in file]
    intact = [lines[first:end] for first in (0, 4, 8) for end in (10, 11, 12)]
    others = data.draw(
        st.one_of(
            st.lists(st.sampled_from([*lines, foreign()]), max_size=14), st.sampled_from(intact)
        )
    )
    found = verified([others], log.checkpoints)
    assert bool(found.findings) == (others not in intact)


def test_an_intact_log() -> None:
    """Nothing is found; how far it is signed is said."""
    log = log_of()
    found = verified(log.files, log.checkpoints, whole=True)
    assert (found.findings, found.notes, found.lines) == ((), (), LINES)
    (covered,) = found.covered
    assert (covered.first, covered.last, covered.signed, covered.unsigned) == (1, 60, 56, 4)
    assert covered.time == "2026-11-23T13:06:31Z"


@pytest.mark.parametrize("exchanged", [(0, 1), (1, 3), (3, 4), (0, 4)])
def test_exchanged_files(exchanged: tuple[int, int]) -> None:
    """The first file that stands elsewhere is named."""
    log = log_of()
    one, other = exchanged
    log.files[one], log.files[other] = log.files[other], log.files[one]
    assert first(verified(log.files, log.checkpoints)) == (f"file{one}:1", "reordered")
    assert first(verified(log.files)) == (f"file{one}:1", "reordered")


def test_a_removed_file() -> None:
    """One of the middle is missing before the next."""
    log = log_of()
    del log.files[2]
    found = verified(log.files, log.checkpoints)
    assert first(found) == ("file2:1", "removed")
    assert found.findings[0].text == "missing before it: lines 25 to 36"


def test_the_head() -> None:
    """Whole files may have been removed for their age; a part of one may not."""
    log = log_of()
    older = verified(log.files[2:], log.checkpoints)
    assert older.findings == ()
    assert older.notes == (
        f"in older files: lines 1 to 24 of chain {'a' * 16}, where the proxy ended a file",
    )
    assert first(verified(log.files[2:], log.checkpoints, whole=True)) == ("file0:1", "removed")
    assert first(verified(log.files[2:], whole=True)) == ("file0:1", "removed")
    del log.files[2][:3]
    assert first(verified(log.files[2:], log.checkpoints)) == ("file0:1", "removed")


def test_the_first_line_of_a_file_whose_predecessors_are_gone() -> None:
    """It is compared with what was signed when the file before it ended."""
    log = log_of(0)
    log.files[2][0] = changed(log.files[2][0])
    assert first(verified(log.files[2:], log.checkpoints)) == ("file0:1", "changed")
    other = chained_log(LINES, FILES, chain="a" * 16)
    other.files[1][-1] = redone(other.files[1][-1])
    end = read_link(other.files[1][-1])
    assert end is not None
    forged, _ = ChainEnd(end.chain, end.number, end.digest).chained(foreign())
    assert first(verified([[forged]], log.checkpoints)) == ("file0:1", "rewritten")


@given(kept=st.integers(1, 59))
def test_the_tail(kept: int) -> None:
    """Lines that a checkpoint covers cannot go unnoticed; those behind the last one can."""
    log = log_of()
    lines = [line for file in log.files for line in file][:kept]
    found = verified([lines], log.checkpoints)
    if kept >= 56:
        assert found.findings == ()
        assert found.covered[0].unsigned == kept - 56
    else:
        assert first(found) == (f"file0:{kept}", "removed")
        lines_ = f"lines {kept + 1} to 56" if kept < 55 else "line 56"
        assert f"missing behind it: {lines_} of chain" in found.findings[0].text


def test_a_file_alone() -> None:
    """The end of a rotated file was signed; a cut one is found without the next file."""
    log = log_of()
    found = verified([log.files[1]], log.checkpoints, is_live=False)
    assert found.findings == ()
    assert len(found.notes) == 2
    assert first(verified([log.files[1][:-1]], log.checkpoints, is_live=False)) == (
        "file0:11",
        "removed",
    )


def test_a_log_that_was_made_again() -> None:
    """Who has no key can make a consistent chain, and no checkpoint of it."""
    log = log_of()
    lines = [line for file in log.files for line in file]
    again = lines[:30]
    link = read_link(lines[29])
    assert link is not None
    end = ChainEnd(link.chain, link.number, link.digest)
    for _ in range(30):
        line, end = end.chained(foreign())
        again.append(line)
    found = verified([again], log.checkpoints)
    assert first(found) == ("file0:35", "rewritten")
    assert "one of lines 29 to 35 was changed" in found.findings[0].text
    assert verified([again]).findings == ()


def test_checkpoints_of_another_key() -> None:
    """Signed again with another key: each is found, and none is believed."""
    log, other = log_of(), chained_log(LINES, FILES, every=7, seed=2)
    found = verified(log.files, other.checkpoints)
    assert first(found) == ("checkpoints:1", "unsigned")
    assert found.covered[0].signed == 0
    assert len(found.findings) == len(other.checkpoints) + 1
    assert found.findings[-1].text == f"there is no checkpoint of chain {'a' * 16}"


def test_another_chain() -> None:
    """A new chain that no key has signed, behind one whose end was cut."""
    log = log_of()
    end = ChainEnd("b" * 16, 0, digest_of_line(log.files[-1][-1]))
    for _ in range(3):
        line, end = end.chained(foreign())
        log.files[-1].append(line)
    found = verified(log.files, log.checkpoints)
    assert first(found) == ("file4:13", "unsigned")
    assert verified(log.files).findings == ()


def test_a_new_chain() -> None:
    """One that was signed is no fault; the end of the one before it was signed with it."""
    log = log_of()
    log.sign("Shutdown")
    before = log.end
    log.end = ChainEnd("b" * 16, 0, digest_of_line(log.files[-1][-1]))
    log.sign("ChainBegan", after=f"{before.chain}/{before.number}")
    for number in range(3):
        log.write(f"b{number}")
    found = verified(log.files, log.checkpoints)
    assert found.findings == ()
    assert [covered.last for covered in found.covered] == [60, 3]
    del log.files[-1][10:12]
    assert "removed" in {f.kind for f in verified(log.files, log.checkpoints).findings}


def test_lines_before_the_chain() -> None:
    """A chain that began behind existing lines says behind which."""
    log = ChainedLog(files=[[foreign(), foreign()]])
    log.end = ChainEnd("c" * 16, 0, digest_of_line(foreign()))
    log.sign("ChainBegan")
    for number in range(3):
        log.write(str(number))
    found = verified(log.files, log.checkpoints)
    assert found.findings == ()
    assert found.notes == (f"2 lines before chain {'c' * 16} began have no place in it",)
    log.files[0].insert(2, json_line(event("other")))
    assert first(verified(log.files, log.checkpoints)) == ("file0:1", "added")


def test_files_of_two_workers() -> None:
    """A file of another chain is not of this log."""
    one, other = log_of(), chained_log(LINES, FILES, chain="b" * 16)
    one.files[2] = other.files[2]
    assert first(verified(one.files, one.checkpoints)) == ("file2:1", "added")


def test_a_torn_end() -> None:
    """A crash leaves it until the next start; so does who cuts within a line."""
    log = log_of()
    log.files[-1][-1] = log.files[-1][-1][:-20]
    found = verified(log.files, log.checkpoints)
    assert first(found) == ("file4:12", "changed")
    assert "the file ends within this line" in found.findings[0].text


def test_too_many_breaks() -> None:
    """What is remembered has a bound, and that it was reached is said."""
    log = chained_log(9000, 1)
    found = verified([log.files[0][::2]])
    assert not found.is_complete
    assert first(found) == ("file0:2", "removed")


def test_gzip_changes_nothing() -> None:
    """Bytes are compared as they were before they were packed."""
    log = log_of()
    packed = [gzip.compress(b"".join(lines)) for lines in log.files]
    files = [gzip.decompress(file).splitlines(keepends=True) for file in packed]
    assert verified(files, log.checkpoints).findings == ()
