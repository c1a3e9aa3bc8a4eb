"""A folder as a crash, a disk or a person has left it: what is whole is sent, the rest is counted."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.backends.spool.opening import holds_records
from auditproxy.backends.spool.position import Position, SyncedMark, write_position
from auditproxy.backends.spool.records import EVENT, HEADER_SIZE, record
from auditproxy.backends.spool.segments import RecordReader
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import Kept, line

UNFOUNDED = "the file of what was acknowledged is damaged, or of another spool: all is sent again"
MARK_UNFOUNDED = (
    "the file of what the disk has had is damaged, or of another spool: it is not known what is "
    "missing at the end"
)


@pytest.mark.parametrize("torn", [1, 20, 200])
@pytest.mark.parametrize("mark", ["true", "older", "missing", "damaged"])
def test_torn_tail(tmp_path: Path, torn: int, mark: str) -> None:
    """T272: half an event that the disk was not known to have is cut off, said and counted, and
    what is before it is there; no gap says that something is missing.
    """
    kept = Kept(tmp_path)
    synced = tmp_path / "synced"
    kept.put("0")
    older = synced.read_bytes()
    kept.put("a", "b")
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(record(EVENT, line("c"))[:torn])
    if mark == "older":
        # After a loss of power it may be.
        synced.write_bytes(older)
    elif mark == "missing":
        synced.unlink()
    elif mark == "damaged":
        synced.write_bytes(older[:-3] + b"???")
    again = Kept(tmp_path)
    said = f"it ended within a record: {torn} bytes were cut off"
    if mark in ("missing", "damaged"):
        said += "; it is not known whether the disk has had them whole"
    unknown = [MARK_UNFOUNDED] if mark == "damaged" else []
    assert again.store.notes == [*unknown, said]
    assert again.store.cut_bytes == torn
    assert path.stat().st_size == size
    assert again.take() == ["0", "a", "b"]
    again.put("d")
    again.store.acknowledge(3)
    assert again.take() == ["d"]
    assert again.lost == []
    again.store.close()


def damage(path: Path, how: str, start: int) -> None:
    """Damage the end of a file, from a place on."""
    content = path.read_bytes()
    if how == "cut":
        os.truncate(path, start)
    elif how == "zeros":
        path.write_bytes(content[:start] + bytes(len(content) - start))
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("how", "start", "events"),
    [
        ("cut", -1, 1),
        ("cut", -300, 2),
        # At the beginning of an event, so that nothing seems to be damaged.
        ("cut", "b", 1),
        ("cut", "a", 2),
        ("zeros", -20, 1),
        ("zeros", "a", 2),
        ("flipped", 0, 1),
    ],
)
@pytest.mark.parametrize("torn", [b"", record(EVENT, line("c"))[:100]])
def test_what_the_disk_has_had(
    tmp_path: Path, how: str, start: int | str, events: int, torn: bytes
) -> None:
    """Events at the very end that were stored and are damaged or gone: an event says how many,
    at once, and they are counted; also with half an event behind them that was not stored.
    """
    kept = Kept(tmp_path)
    kept.put("0")
    kept.put("a", "b")
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    if isinstance(start, str):
        start = path.read_bytes().index(record(EVENT, line(start)))
    damage(path, how, start if start >= 0 else path.stat().st_size + start)
    if how != "cut":
        with path.open("ab") as file:
            file.write(torn)
    again = Kept(tmp_path)
    left = ["0", "a"][: 3 - events]
    assert again.take() == [*left, f"gap {events}"]
    ((lost, size),) = again.lost
    assert (lost, size > 0) == (events, True)
    assert (again.store.cut_bytes, again.store.notes) == (0, [])
    # A crash before it is acknowledged: it is said again.
    again.store.close()
    third = Kept(tmp_path)
    assert third.take() == [*left, f"gap {events}"]
    third.put("d")
    third.store.acknowledge(len(left) + 1)
    assert (third.take(), third.store.waiting) == (["d"], 1)
    third.store.acknowledge(1)
    assert third.store.waiting == 0
    third.store.close()


def test_what_the_receiver_has_is_not_missing(tmp_path: Path) -> None:
    """Events that were acknowledged before they were damaged are not in a gap. What is left of a
    file that is shorter than what was acknowledged is sent again.
    """
    kept = Kept(tmp_path)
    kept.put(*"abcd")
    kept.take(3)
    kept.store.acknowledge(3)
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    damage(path, "cut", path.read_bytes().index(record(EVENT, line("b"))))
    again = Kept(tmp_path)
    assert again.store.waiting == 2
    assert again.take() == ["a", "gap 1"]
    again.store.close()


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_all_that_is_missing_was_acknowledged(tmp_path: Path, how: str) -> None:
    """Nothing is missing then."""
    kept = Kept(tmp_path)
    kept.put(*"abcd")
    kept.take()
    kept.store.acknowledge(4)
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    if how == "cut":
        damage(path, "cut", path.read_bytes().index(record(EVENT, line("b"))))
    else:
        path.unlink()
    again = Kept(tmp_path)
    left = ["a"] if how == "cut" else []
    assert (again.take(), again.lost, again.store.waiting) == (left, [], len(left))
    again.put("e")
    again.store.acknowledge(len(left))
    assert (again.take(), again.lost) == (["e"], [])
    again.store.close()


def test_the_newest_file_is_gone(tmp_path: Path) -> None:
    """It is missed, although nothing behind it says so; alone, or with others before it."""
    for count, found in ((2, ["a", "b", "gap 1"]), (0, ["gap 3"])):
        folder = tmp_path / str(count)
        kept = Kept(folder, maximum_bytes=8 * 300)
        kept.put("0")
        kept.take()
        kept.store.acknowledge(1)
        for each in "abc":
            kept.put(each)
        kept.store.close()
        files = sorted(folder.glob("*.spool"))
        for path in files[len(files) - 1 if count else 0 :]:
            path.unlink()
        again = Kept(folder)
        assert again.take() == found
        again.put("new")
        again.store.acknowledge(len(found))
        assert again.take() == ["new"]
        again.store.close()


@pytest.mark.parametrize("acknowledged", [0, 1])
@pytest.mark.parametrize(
    ("files", "how", "expected"),
    [
        # Of four segments, with an event each.
        ([0], "removed", ["gap 1", "b", "c", "d"]),
        ([0], "emptied", ["gap 1", "b", "c", "d"]),
        ([0, 1], "removed", ["gap 2", "c", "d"]),
        ([0, 1, 2], "removed", ["gap 3", "d"]),
        ([0, 1, 2, 3], "removed", ["gap 4"]),
        ([0, 1, 2, 3], "emptied", ["gap 4"]),
        ([0, 3], "removed", ["gap 1", "b", "c", "gap 1"]),
    ],
)
def test_the_oldest_files_are_gone(
    tmp_path: Path, acknowledged: int, files: list[int], how: str, expected: list[str]
) -> None:
    """T250: they are missed before the first acknowledgement as well as behind it, and counted."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    if acknowledged:
        kept.put("0")
        kept.take()
        kept.store.acknowledge(1)
    for each in "abcd":
        kept.put(each)
    if acknowledged:
        kept.take(1)
    kept.store.close()
    paths = sorted(tmp_path.glob("*.spool"))[acknowledged:]
    assert len(paths) == 4
    for number in files:
        if how == "removed":
            paths[number].unlink()
        else:
            os.truncate(paths[number], 0)
    again = Kept(tmp_path)
    found = again.take()
    assert found == expected
    assert sum(events for events, _ in again.lost) == counted(expected)
    again.put("new")
    again.store.acknowledge(len(found))
    assert (again.take(), again.store.waiting) == (["new"], 1)
    again.store.close()


def test_a_kill_in_what_is_left(tmp_path: Path) -> None:
    """T250: the oldest file is gone, and some of the next one is acknowledged before the next kill:
    the gap was, and the rest comes once.
    """
    kept = Kept(tmp_path, maximum_bytes=8 * 700)
    for each in "abcdefg":
        kept.put(each)
    kept.store.close()
    oldest, *_ = sorted(tmp_path.glob("*.spool"))
    oldest.unlink()
    again = Kept(tmp_path, maximum_bytes=8 * 700)
    assert again.take(3) == ["gap 3", "d", "e"]
    again.store.acknowledge(2)
    again.store.close()
    third = Kept(tmp_path, maximum_bytes=8 * 700)
    assert (third.store.notes, third.take(), third.lost) == ([], ["e", "f", "g"], [])
    third.store.close()


def two_are_acknowledged(folder: Path) -> None:
    """A spool of seven events, in several files, of which the receiver has had the first two."""
    kept = Kept(folder, maximum_bytes=8 * 700)
    for each in "abcdefg":
        kept.put(each)
    kept.take(2)
    kept.store.acknowledge(2)
    kept.store.close()


def test_a_copy_in_the_place_of_what_was_acknowledged(tmp_path: Path) -> None:
    """T250: the position is true, although no such place is in the copy: what is missing is counted."""
    two_are_acknowledged(tmp_path)
    paths = sorted(tmp_path.glob("*.spool"))
    shutil.copyfile(paths[-1], paths[0])
    again = Kept(tmp_path, maximum_bytes=8 * 700)
    assert (again.store.notes, again.take()) == ([], ["gap 1", *"defg"])
    assert [events for events, _ in again.lost] == [1]
    again.store.close()


def test_what_was_acknowledged_of_an_older_file_is_not_missing(tmp_path: Path) -> None:
    """T250: it is cut off before the place up to where it was acknowledged."""
    two_are_acknowledged(tmp_path)
    oldest, *_ = sorted(tmp_path.glob("*.spool"))
    damage(oldest, "cut", HEADER_SIZE + 10)
    again = Kept(tmp_path, maximum_bytes=8 * 700)
    assert (again.store.notes, again.take()) == ([], ["gap 1", *"defg"])
    again.store.close()


def test_nothing_is_left_of_the_newest_file(tmp_path: Path) -> None:
    """T250: without a mark all of it is cut off. What is stored then is whole, and comes at once."""
    kept = Kept(tmp_path, maximum_bytes=8 * 700)
    for each in "abcd":
        kept.put(each)
    kept.store.close()
    *_, newest = sorted(tmp_path.glob("*.spool"))
    newest.write_bytes(bytes(newest.stat().st_size))
    (tmp_path / "synced").unlink()
    again = Kept(tmp_path, maximum_bytes=8 * 700)
    again.put("e", "f")
    assert (again.take(), again.lost) == ([*"abc", "e", "f"], [])
    again.store.acknowledge(5)
    again.store.close()
    third = Kept(tmp_path, maximum_bytes=8 * 700)
    assert (third.take(), third.store.waiting, third.store.notes) == ([], 0, [])
    third.store.close()


def counted(found: list[str]) -> int:
    """How many events gaps say to be missing."""
    return sum(int(each.split()[1]) for each in found if each.startswith("gap"))


@pytest.mark.parametrize("acknowledged", [0, 1])
def test_the_only_file_is_gone(tmp_path: Path, acknowledged: int) -> None:
    """T250: what was in it and was not acknowledged is missing."""
    kept = Kept(tmp_path)
    kept.put("a", "b", "c")
    if acknowledged:
        kept.take(1)
        kept.store.acknowledge(1)
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    path.unlink()
    again = Kept(tmp_path)
    assert again.take() == [f"gap {3 - acknowledged}"]
    assert [events for events, _ in again.lost] == [3 - acknowledged]
    again.store.close()


@pytest.mark.parametrize("place", [1, 3])
def test_a_copy_in_the_place_of_another(tmp_path: Path, place: int) -> None:
    """T250: all that was there is missing, the newest too; what is in the copy comes once."""
    kept = Kept(tmp_path, maximum_bytes=8 * 700)
    for group in ("abc", "def", "ghi", "jk"):
        for each in group:
            kept.put(each)
    kept.store.close()
    paths = sorted(tmp_path.glob("*.spool"))
    assert len(paths) == 4
    paths[place].write_bytes(paths[0].read_bytes())
    again = Kept(tmp_path)
    found = again.take()
    expected = {1: [*"abc", "gap 3", *"ghijk"], 3: [*"abcdefghi", "gap 2"]}[place]
    assert found == expected
    again.store.close()


def test_two_files_in_each_others_place(tmp_path: Path) -> None:
    """T250: what is in them is sent; nothing is missing."""
    kept = Kept(tmp_path, maximum_bytes=8 * 700)
    for each in "abcdefg":
        kept.put(each)
    kept.store.close()
    first, second, _ = sorted(tmp_path.glob("*.spool"))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    again = Kept(tmp_path)
    assert [each for each in again.take() if not each.startswith("gap")] == [*"defabcg"]
    assert sum(events for events, _ in again.lost) == 0
    again.store.close()


def test_a_disk_that_is_full_before_the_first_event(tmp_path: Path) -> None:
    """Nothing is stored before there is a position."""
    disk = FaultyDisk(EIO, EIO)
    kept = Kept(tmp_path, disk=disk)
    assert not (tmp_path / "acknowledged").exists()
    with pytest.raises(OSError, match="Input/output error"):
        kept.put("a")
    assert list(tmp_path.glob("*.spool")) == []
    kept.put("a")
    assert (tmp_path / "acknowledged").exists()
    kept.store.close()


def test_a_disk_that_fails_at_the_start(tmp_path: Path) -> None:
    """The event that says what is missing comes with the first one that has room."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    os.truncate(path, path.stat().st_size - 1)
    disk = FaultyDisk()
    disk.faults = [EIO, EIO, EIO]
    again = Kept(tmp_path, disk=disk)
    assert again.take() == ["a"]
    again.put("c")
    assert again.take() == ["a", "gap 1", "c"]
    again.store.close()


def test_damage_in_the_middle(tmp_path: Path) -> None:
    """T250: what is whole around damage is sent; how many are missing stands in their place."""
    kept = Kept(tmp_path, maximum_bytes=8 * 2000)
    kept.put(*"abcdefgh")
    kept.put("i")
    kept.store.close()
    first, _ = sorted(tmp_path.glob("*.spool"))
    content = bytearray(first.read_bytes())
    content[content.index(b'"auditID":"c"') + 3] ^= 1
    content[content.index(b'"auditID":"d"') + 3] ^= 1
    first.write_bytes(content)
    again = Kept(tmp_path)
    assert again.take() == [*"abefgh", "gap 2", "i"]
    assert again.lost == [(2, 2 * (len(line("c")) + 12))]
    again.store.acknowledge(8)
    assert again.store.waiting == 0
    again.store.close()


def test_a_segment_is_gone(tmp_path: Path) -> None:
    """T250: a segment that somebody removed is missed, and what is behind it is sent."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    for each in "abc":
        kept.put(each)
    kept.store.close()
    _, second, _ = sorted(tmp_path.glob("*.spool"))
    second.unlink()
    again = Kept(tmp_path)
    assert again.take() == ["a", "gap 1", "c"]
    assert again.lost == [(1, 0)]
    again.store.close()


def test_damage_in_what_was_acknowledged(tmp_path: Path) -> None:
    """T250: it changes no number of what was not, also where the segment behind is gone."""
    two_are_acknowledged(tmp_path)
    first, second, _ = sorted(tmp_path.glob("*.spool"))
    content = bytearray(first.read_bytes())
    content[content.index(b'"auditID":"a"') + 3] ^= 1
    first.write_bytes(content)
    second.unlink()
    again = Kept(tmp_path)
    assert again.take() == ["c", "gap 3", "g"]
    assert again.lost == [(3, 0)]
    again.store.close()


def test_no_header(tmp_path: Path) -> None:
    """T250: a segment whose header is damaged is read nevertheless."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    kept.put("a", "b")
    kept.put("c")
    kept.store.close()
    first = min(tmp_path.glob("*.spool"))
    first.write_bytes(b"\0" * 32 + first.read_bytes()[32:])
    again = Kept(tmp_path)
    assert [each for each in again.take() if not each.startswith("gap")] == ["a", "b", "c"]
    again.store.close()


@pytest.mark.parametrize("what", ["empty", "damaged", "missing"])
def test_no_position(tmp_path: Path, what: str) -> None:
    """T250: without the file of what was acknowledged, all that is there is sent again."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    kept.take(1)
    kept.store.acknowledge(1)
    kept.store.close()
    path = tmp_path / "acknowledged"
    if what == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if what == "empty" else path.read_bytes().replace(b"1", b"2"))
    again = Kept(tmp_path)
    assert again.take() == ["a", "b"]
    assert len(again.store.notes) == (what != "missing")
    again.store.close()


@pytest.mark.parametrize(
    "lie",
    [
        Position(1, 32, 10**6),
        Position(1, 32, 2),
        Position(3, 32, 1),
        Position(4, 0, 10**6),
        Position(7, 32, 5),
        Position(10**18, 10**18, 10**18),
    ],
)
def test_a_position_of_another_spool(tmp_path: Path, lie: Position) -> None:
    """T250: one that these segments cannot have removes no event unsaid: all are sent again."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    for each in ("abc", "def", "ghi"):
        kept.put(*each)
    kept.store.close()
    write_position(tmp_path / "acknowledged", lie, None)
    again = Kept(tmp_path, maximum_bytes=8 * 600)
    assert again.store.notes == [UNFOUNDED]
    assert again.take() == list("abcdefghi")
    assert again.lost == []
    again.store.close()


@pytest.mark.parametrize(
    "lie",
    [
        Position(3, 10**6, 10**5),
        Position(3, 2**40, 9),
        Position(3, 32, 9),
        Position(3, 33, 6),
        Position(3, 32, 0),
        Position(3, 863, 10),
        Position(4, 2**40, 10),
        Position(4, 32, 2**61),
        Position(4, 32, 5),
        Position(2**61, 32, 9),
        Position(2**62, 2**62, 2**62),
    ],
)
@pytest.mark.parametrize("torn", [0, 20])
def test_a_mark_of_another_spool(tmp_path: Path, lie: Position, torn: int) -> None:
    """T250: one that these segments cannot have is not used, and this is said: no gap of events
    that never were, no full spool of bytes that are not there; what is whole is sent.
    """
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    for each in ("abc", "def", "ghi"):
        kept.put(*each)
    kept.store.close()
    with max(tmp_path.glob("*.spool")).open("ab") as file:
        file.write(record(EVENT, line("z"))[:torn])
    mark = SyncedMark(tmp_path / "synced")
    mark.keep(lie)
    mark.close()
    again = Kept(tmp_path, maximum_bytes=8 * 600)
    assert again.store.notes[0] == MARK_UNFOUNDED
    assert again.store.cut_bytes == torn
    assert again.store.size == sum(path.stat().st_size for path in tmp_path.glob("*.spool"))
    assert (again.take(), again.lost) == (list("abcdefghi"), [])
    again.put("new")
    again.store.close()
    third = Kept(tmp_path)
    assert (third.take(), third.lost, third.store.notes) == ([*"abcdefghi", "new"], [], [])
    third.store.close()


def test_both_of_another_spool(tmp_path: Path) -> None:
    """T250: they agree with each other, and not with these segments: no event is removed unsaid."""
    other = Kept(tmp_path / "other", maximum_bytes=8 * 600)
    for number in range(100):
        other.put(str(number), "x", "y")
        other.take()
        other.store.acknowledge(2)
    other.store.close()
    kept = Kept(tmp_path / "own", maximum_bytes=8 * 600)
    for each in ("abc", "def", "ghi"):
        kept.put(*each)
    kept.store.close()
    for name in ("acknowledged", "synced"):
        (tmp_path / "own" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    again = Kept(tmp_path / "own", maximum_bytes=8 * 600)
    assert again.store.notes == [UNFOUNDED, MARK_UNFOUNDED]
    assert (again.take(), again.lost) == (list("abcdefghi"), [])
    again.store.close()


@pytest.mark.parametrize("ends", [(3, 2**20, 500), (3, 2**20, 9)])
def test_both_are_of_a_longer_file(tmp_path: Path, ends: tuple[int, int, int]) -> None:
    """T250: a file that is shorter than what was acknowledged of it is sent: it may be another."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    for each in ("abc", "def", "ghi"):
        kept.put(*each)
    kept.store.close()
    for name in ("acknowledged", "synced"):
        write_position(tmp_path / name, Position(*ends), None)
    again = Kept(tmp_path, maximum_bytes=8 * 600)
    assert again.take()[:3] == list("ghi")
    assert again.store.size == sum(path.stat().st_size for path in tmp_path.glob("*.spool"))
    again.store.close()


@pytest.mark.parametrize("name", ["acknowledged", "synced"])
def test_small_files_that_are_none(tmp_path: Path, name: str) -> None:
    """T250: a FIFO there is refused, and holds up no start."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="not a regular file"):
        Kept(tmp_path)
    with pytest.raises(OSError, match="not a regular file"):
        Kept(tmp_path)


def test_names_that_no_spool_gives(tmp_path: Path) -> None:
    """Numbers beyond those of segments are names of other files: the next one could have none."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    for name in ("9" * 20, f"{2**62 + 1:020d}", "\u0663" * 20, "\u00b2" * 20, "\u00b2"):
        (tmp_path / f"{name}.spool").write_bytes(b"x" * 100)
    assert holds_records(tmp_path)
    again = Kept(tmp_path)
    again.put("b")
    assert again.take() == ["a", "b"]
    again.store.acknowledge(2)
    assert again.store._free_acknowledged()
    again.store.close()
    assert len(list(tmp_path.glob("*.spool"))) == 5
    assert not holds_records(tmp_path)


def test_all_but_the_mark_is_gone(tmp_path: Path) -> None:
    """T250: how much is missing is not known, which is said once."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    kept.store.close()
    for path in (*tmp_path.glob("*.spool"), tmp_path / "acknowledged"):
        path.unlink()
    again = Kept(tmp_path)
    assert again.store.notes == [
        "its files are gone, and with them what was acknowledged: it is not known whether the last "
        "events were sent"
    ]
    again.put("c")
    again.store.close()
    third = Kept(tmp_path)
    assert (third.take(), third.store.notes, third.lost) == (["c"], [], [])
    third.store.close()


ABSURD = st.one_of(st.integers(0, 1500), st.sampled_from([2**40, 2**62, 2**62 + 1]))
LIES = st.builds(Position, st.one_of(st.integers(0, 6), ABSURD), ABSURD, ABSURD)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_lies(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """T250: whatever the small files say, the start succeeds, and every event is sent, in order,
    but those before a place where an event does end and the next one has that number.
    """
    folder = tmp_path_factory.mktemp("spool")
    kept = Kept(folder, maximum_bytes=8 * 700, disk=FaultyDisk())
    for number in range(10):
        kept.put(str(number))
    ends = {Position(kept.store._segments[-1].sequence + 1, 0, 10)}
    for segment in kept.store._segments:
        end, number = segment.start, segment.first
        ends.add(Position(segment.sequence, end, number))
        reader = RecordReader(segment.path)
        while (found := reader.next(end, segment.size)) is not None:
            end, number = found.end, number + 1
            ends.add(Position(segment.sequence, end, number))
        reader.close()
    kept.store.close()
    lies = st.one_of(LIES, st.sampled_from(sorted(ends)))
    known = data.draw(lies)
    write_position(folder / "acknowledged", known, None)
    if data.draw(st.booleans()):
        write_position(folder / "synced", data.draw(lies), None)
    again = Kept(folder, maximum_bytes=8 * 700, disk=FaultyDisk())
    assert again.store.size == sum(path.stat().st_size for path in folder.glob("*.spool"))
    events = [each for each in again.take() if not each.startswith("gap")]
    assert events == [str(each) for each in range(known.number if known in ends else 0, 10)]
    again.put("new")
    assert again.take()[-1] == "new"
    again.store.close()


@pytest.mark.parametrize("mark", [True, False])
def test_killed_before_the_last_segment_was_removed(tmp_path: Path, *, mark: bool) -> None:
    """T264: all of it was acknowledged: it is not sent again."""
    kept = Kept(tmp_path)
    kept.put(*"abc")
    kept.store.close()
    write_position(tmp_path / "acknowledged", Position(2, 0, 3), None)
    if not mark:
        (tmp_path / "synced").unlink()
    again = Kept(tmp_path)
    assert (again.take(), again.lost, again.store.notes) == ([], [], [])
    again.store.close()


def test_all_is_gone(tmp_path: Path) -> None:
    """T250: with the position alone, numbers and names go on, so that nothing is taken for old."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.take()
    kept.store.acknowledge(1)
    kept.store.close()
    for path in tmp_path.glob("*.spool"):
        path.unlink()
    again = Kept(tmp_path)
    assert again.store.waiting == 0
    again.put("b")
    assert [path.name for path in tmp_path.glob("*.spool")] == ["00000000000000000002.spool"]
    assert again.take() == ["b"]
    assert again.lost == []
    again.store.close()


def test_segments_before_the_position(tmp_path: Path) -> None:
    """T269: a crash between the position and the removal of a segment sends nothing twice."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    for each in "abc":
        kept.put(each)
    first = min(tmp_path.glob("*.spool"))
    content = first.read_bytes()
    kept.take(2)
    kept.store.acknowledge(2)
    kept.store.close()
    assert not first.exists()
    first.write_bytes(content)
    again = Kept(tmp_path)
    assert not first.exists()
    assert again.take() == (["b", "c"] if again.store.waiting == 2 else ["c"])
    again.store.close()


def test_what_was_being_made(tmp_path: Path) -> None:
    """T273: a segment without a whole header, the last thing before a crash, is removed."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    (tmp_path / "00000000000000000002.spool").write_bytes(b"APS")
    (tmp_path / "00000000000000000001.new").write_bytes(b"x")
    again = Kept(tmp_path)
    assert again.take() == ["a"]
    assert len(list(tmp_path.glob("*.spool"))) == 1
    again.store.close()


def test_foreign_files(tmp_path: Path) -> None:
    """Other names are left alone."""
    (tmp_path / "notes.txt").write_text("x")
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    assert (tmp_path / "notes.txt").exists()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """T250: bytes that are changed anywhere, cut off or added at the end of files: the start succeeds, all
    events that are whole are sent, in order and once, and none that never was; with gaps for what
    is missing, at the end too, as far as headers say the numbers."""
    folder = tmp_path_factory.mktemp("spool")
    kept = Kept(folder, maximum_bytes=8 * 700, disk=FaultyDisk())
    for number in range(10):
        kept.put(str(number))
    if data.draw(st.booleans()):
        kept.take(4)
        kept.store.acknowledge(2)
    kept.store.close()
    headers_are_whole = True
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(folder.glob("*.spool"))))
        content = path.read_bytes()
        start = data.draw(st.integers(0, len(content)))
        noise = data.draw(st.binary(max_size=40))
        rest = content[start + len(noise) :] if data.draw(st.booleans()) else b""
        path.write_bytes(content[:start] + noise + rest)
        headers_are_whole &= start >= HEADER_SIZE
    left = b"".join(path.read_bytes() for path in sorted(folder.glob("*.spool")))
    whole = [str(number) for number in range(10) if record(EVENT, line(str(number))) in left]
    again = Kept(folder, disk=FaultyDisk())
    found = again.take()
    events = [each for each in found if not each.startswith("gap")]
    missing = sum(int(each.split()[1]) for each in found if each.startswith("gap"))
    if headers_are_whole:
        assert again.store._acknowledged.number + len(events) + missing == 10
    assert events == sorted(set(events))
    assert set(events) <= set(whole)
    acknowledged = {"0", "1"} if again.store._acknowledged.number >= 2 else set()
    assert set(whole) - acknowledged <= set(events)
    again.put("new")
    assert again.store.waiting >= 1
    again.store.acknowledge(len(found))
    assert again.take()[-1] == "new"
    again.store.close()


def small(folder: Path) -> tuple[bytes | None, bytes | None, list[str]]:
    """The small files of a folder, and its segments."""
    files = (folder / "acknowledged", folder / "synced")
    known, mark = (path.read_bytes() if path.exists() else None for path in files)
    return known, mark, sorted(path.name for path in folder.glob("*.spool"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_a_spool_writes_is_used(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """T264: T269: after a kill at any place, and after a loss of power, which leaves older small files:
    no note, nothing damaged, and each event that was not acknowledged comes, in order, but for those
    that were dropped.
    """
    folder = tmp_path_factory.mktemp("spool")
    kept, count, done = Kept(folder, 8 * 700, FaultyDisk()), 0, 0
    before = [small(folder)]
    for what in data.draw(st.lists(st.sampled_from("pppaaafdkw"), max_size=25)):
        if what == "p":
            more = data.draw(st.integers(1, 4))
            kept.put(*(str(count + number) for number in range(more)))
            count += more
        elif what == "a":
            taken = kept.take(data.draw(st.integers(1, 5)))
            some = data.draw(st.integers(0, len(taken)))
            if some:
                kept.store.acknowledge(some)
            done += stood_for(taken[:some])
        elif what == "f":
            kept.store._free_acknowledged()
        elif what == "d":
            kept.store.drop_oldest()
        else:
            kept.store.close()
            if what == "w":
                now = small(folder)
                # What is removed was acknowledged before, on the disk.
                since = list[tuple[bytes | None, bytes | None, list[str]]]()
                for each in reversed(before):
                    if each[2] != now[2]:
                        break
                    since.append(each)
                known = [each[0] for each in since] + [now[0]]
                older = [each[1] for each in before] + [now[1]]
                for name, choices in (("acknowledged", known), ("synced", older)):
                    content = data.draw(st.sampled_from(choices))
                    if content is not None:
                        (folder / name).write_bytes(content)
            kept = Kept(folder, 8 * 700, FaultyDisk())
            assert kept.store.notes == []
        before.append(small(folder))
    kept.store.close()
    again = Kept(folder, 8 * 700, FaultyDisk())
    assert again.store.notes == []
    found = again.take()
    events = [int(each) for each in found if not each.startswith("gap")]
    assert events == sorted(set(events))
    assert again.lost == []
    # More than what is left, where an older position is used.
    assert stood_for(found) >= count - done
    again.store.close()


def stood_for(found: list[str]) -> int:
    """How many events are in what was given out, or in the gaps there."""
    return sum(not each.startswith("gap") for each in found) + counted(found)
