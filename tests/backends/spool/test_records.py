"""Records are found whatever is between them, and whatever is not one is not taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.spool.records import (
    EVENT,
    GAP,
    HEADER_SIZE,
    HIGHEST,
    LONGEST_LINE,
    RECORD_SIZE,
    REPLACES,
    Damage,
    Header,
    SpoolRecord,
    header,
    next_record,
    read_header,
    record,
)
from tests.fakes.cpu import fastest

LINES = st.lists(st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")), max_size=8)


def read(content: bytes) -> tuple[list[bytes], list[Damage]]:
    """All lines and all damage in some bytes."""
    lines, damage, place = [], [], 0
    while (found := next_record(content, place, is_whole=True)) is not None:
        assert found.end > place
        place = found.end
        if isinstance(found, SpoolRecord):
            lines.append(found.line)
        else:
            damage.append(found)
    assert place == len(content)
    return lines, damage


@given(LINES)
def test_round_trip(lines: list[bytes]) -> None:
    """What was written is read."""
    assert read(b"".join(record(EVENT, line) for line in lines)) == (lines, [])


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """Nothing is raised, and each byte is of a record or of damage."""
    lines, damage = read(content)
    size = sum(len(line) + RECORD_SIZE for line in lines)
    assert size + sum(each.end - each.start for each in damage) == len(content)


@given(LINES.filter(bool), st.data())
def test_truncated(lines: list[bytes], data: st.DataObject) -> None:
    """What is whole before the end is there, and the rest is damage at the end."""
    content = b"".join(record(EVENT, line) for line in lines)
    cut = data.draw(st.integers(0, len(content)))
    found, damage = read(content[:cut])
    size = 0
    whole = []
    for line in lines:
        size += len(line) + RECORD_SIZE
        if size <= cut:
            whole.append(line)
    assert found == whole
    assert sum(each.end - each.start for each in damage) == cut - sum(
        len(line) + RECORD_SIZE for line in whole
    )


@given(LINES.filter(bool), st.data())
def test_flipped(lines: list[bytes], data: st.DataObject) -> None:
    """A flipped bit costs the record that it is in, and no other; so many bytes are damage."""
    records = [record(EVENT, line) for line in lines]
    hit = data.draw(st.integers(0, len(lines) - 1))
    bit = data.draw(st.integers(0, 8 * len(records[hit]) - 1))
    broken = bytearray(records[hit])
    broken[bit // 8] ^= 1 << bit % 8
    found, damage = read(b"".join((*records[:hit], bytes(broken), *records[hit + 1 :])))
    assert found == [*lines[:hit], *lines[hit + 1 :]]
    assert sum(each.end - each.start for each in damage) == len(broken)


@given(LINES.filter(bool), st.binary(min_size=1, max_size=60), st.data())
def test_inserted(lines: list[bytes], noise: bytes, data: st.DataObject) -> None:
    """Bytes between two records cost neither."""
    records = [record(EVENT, line) for line in lines]
    place = data.draw(st.integers(0, len(lines)))
    found, damage = read(b"".join((*records[:place], noise, *records[place:])))
    assert found == lines
    assert sum(each.end - each.start for each in damage) == len(noise)


@given(LINES.filter(bool), st.integers(1, 30))
def test_windows(lines: list[bytes], step: int) -> None:
    """With more bytes to come a record is the same, or not known yet."""
    content = b"".join(record(GAP, line) for line in lines)
    for end in range(0, len(content), step):
        found = next_record(content[:end], 0, is_whole=False)
        assert found is None or found == next_record(content, 0, is_whole=True)


def test_damage_in_a_window() -> None:
    """Damage is decided once the next record is seen, or the end."""
    broken = bytearray(record(EVENT, b"a" * 20))
    broken[20] ^= 1
    after = record(EVENT, b"b")
    content = bytes(broken) + after
    assert next_record(content[:-1], 0, is_whole=False) is None
    assert next_record(content, 0, is_whole=False) == Damage(0, len(broken))
    assert next_record(content[:-1], 0, is_whole=True) == Damage(0, len(content) - 1)


@given(st.integers(0, HIGHEST), st.integers(0, HIGHEST))
def test_header(sequence: int, first: int) -> None:
    """A header is read as it was written."""
    value = Header(sequence, first, REPLACES)
    content = header(value)
    assert len(content) == HEADER_SIZE
    assert read_header(content + b"x") == value


@pytest.mark.parametrize(("sequence", "first"), [(HIGHEST + 1, 0), (0, 2**64 - 1)])
def test_absurd_numbers(sequence: int, first: int) -> None:
    """A header with numbers that the next one could not have is damaged."""
    assert read_header(header(Header(sequence, first))) is None


def test_marks_without_number_are_searched_once() -> None:
    """Each could be a long record of which the others are the line: the time grows as the bytes do,
    and the start of a proxy is not held up by a file that another program has overwritten.
    """

    def taken(count: int) -> float:
        content = (EVENT + (6 * count).to_bytes(4, "big") + bytes(4)) * count
        assert next_record(content, 0, is_whole=True) == Damage(0, len(content))
        return fastest(lambda: next_record(content, 0, is_whole=True))

    assert taken(24_000) < 8 * taken(6_000)


def test_erased_blocks_are_not_searched_byte_by_byte() -> None:
    """Flash that was erased is full of the byte that marks begin with."""
    content = b"\xff" * 262_144
    assert next_record(content, 0, is_whole=True) == Damage(0, len(content))
    taken = fastest(lambda: next_record(content, 0, is_whole=True))
    assert taken < 2 * fastest(lambda: sum(1 for _ in content))


def test_a_record_that_says_to_be_endless() -> None:
    """It is damage at once, so that no file of any length is read to its end for one record."""
    content = bytearray(record(EVENT, b"a"))
    content[4:8] = (LONGEST_LINE + 1).to_bytes(4, "big")
    rest = bytes(content) + record(EVENT, b"b")
    assert next_record(rest, 0, is_whole=False) == Damage(0, len(content))
    content[4:8] = LONGEST_LINE.to_bytes(4, "big")
    assert next_record(bytes(content), 0, is_whole=False) is None


@given(st.integers(0, 8 * HEADER_SIZE - 1), st.integers(0, HEADER_SIZE - 1))
def test_damaged_header(bit: int, cut: int) -> None:
    """One that is not whole is none."""
    content = bytearray(header(Header(1, 2)))
    assert read_header(bytes(content[:cut])) is None
    content[bit // 8] ^= 1 << bit % 8
    assert read_header(bytes(content)) is None
