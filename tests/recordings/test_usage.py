"""Bounds of the folder: what goes, what stays, and what is refused."""

import os
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Record
from auditproxy.apis.units import SECOND
from auditproxy.recordings.store import RecordingRefused
from auditproxy.recordings.usage import RecordingLimits
from tests.fakes.recorded import Stores, a_session

OUT, IN = Channel.STDOUT, Channel.STDIN


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def test_bytes_in_all(stores: Stores) -> None:
    """The oldest finished ones go; with nothing left to go, running ones are cut."""
    store = stores.new(RecordingLimits(total=300_000, per_session=0))
    for number in range(3):
        session = a_session(id=str(number), started=number * SECOND)
        recording = store.open(session, Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"x" * 90_000)])
        recording.finish(2)
        stores.monotonic.now += 2
    first, second, third = stores.files()
    running = store.open(a_session(), Record.OUTPUT, moment=0)
    assert stores.files()[0] == second
    for _ in range(10):
        stores.monotonic.now += 2
        running.take(1, [Carried(OUT, b"x" * 90_000)])
    assert {second, third} & set(stores.files()) == set()
    assert [reason for reason, _ in stores.counted.removed_ones] == ["total"] * 3
    assert running.stopped == "recordings take all the room that they may"
    assert running.finish(2).state == "Cut"
    (line,) = stores.lines
    assert line.startswith(f"{stores.folder}: the oldest recording is removed, ")
    stores.monotonic.now += 61
    store.sweep()
    assert stores.lines[1].startswith(f"{stores.folder}: the 2 oldest recordings are removed, ")
    stores.monotonic.now += 61
    store.sweep()
    assert len(stores.lines) == 2
    assert sum(path.stat().st_size for path in stores.folder.iterdir()) < 310_000
    assert first not in stores.files()


def test_bytes_in_all_with_running_ones(stores: Stores) -> None:
    """Nothing that is being written goes: a new one is refused."""
    store = stores.new(RecordingLimits(total=100_000))
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    recording.take(1, [Carried(OUT, b"x" * 90_000)])
    with pytest.raises(RecordingRefused, match="recordings take all the room"):
        store.open(a_session(id="2"), Record.OUTPUT, moment=0)


def test_free_space(stores: Stores) -> None:
    """What must remain of the disk is not touched."""
    facts = os.statvfs(stores.folder.parent)
    store = stores.new(RecordingLimits(minimum_free=facts.f_bavail * facts.f_frsize * 2))
    with pytest.raises(RecordingRefused, match="the disk is nearly full"):
        store.open(a_session(), Record.OUTPUT, moment=0)


def test_age(stores: Stores) -> None:
    """What is too old goes; what is being written does not."""
    store = stores.new(RecordingLimits(maximum_age=60.0))
    old = store.open(a_session(id="old"), Record.OUTPUT, moment=0).finish(1)
    running = store.open(a_session(id="running"), Record.OUTPUT, moment=0)
    for path in (old.path, running.path):
        os.utime(path, (1000.0, 1000.0))
    stores.wall.now = 1059.0
    stores.monotonic.now += 61
    store.sweep()
    assert len(stores.files()) == 2
    stores.wall.now = 1061.0
    store.sweep()
    assert len(stores.files()) == 2, "once a minute at most"
    stores.monotonic.now += 61
    store.sweep()
    assert stores.files() == [Path(running.path).name]
    assert stores.counted.removed_ones == [("age", old.bytes)]


def test_nothing_goes_before_it_is_uploaded(stores: Stores) -> None:
    """With an upload, what is not confirmed stays, however old."""
    store = stores.new(RecordingLimits(maximum_age=60.0), keep_until_uploaded=True)
    path = store.open(a_session(), Record.OUTPUT, moment=0).finish(1).path
    os.utime(path, (1000.0, 1000.0))
    stores.wall.now = 5000.0
    stores.monotonic.now += 61
    store.sweep()
    assert len(stores.files()) == 1
    Path(f"{path}.uploaded").touch()
    stores.monotonic.now += 61
    store.sweep()
    assert stores.files() == []


def test_files_of_others_stay(stores: Stores) -> None:
    """What only has the suffix is not ours to remove."""
    store = stores.new(RecordingLimits(maximum_age=60.0, total=100_000))
    other = stores.folder / "demo.cast"
    other.write_bytes(b"x" * 90_000)
    os.utime(other, (1000.0, 1000.0))
    stores.wall.now = 5000.0
    stores.monotonic.now += 61
    with pytest.raises(RecordingRefused, match="recordings take all the room"):
        store.open(a_session(), Record.OUTPUT, moment=0)
    assert stores.files() == ["demo.cast"]


def test_discarded(stores: Stores) -> None:
    """A recording that is not kept gives its room back, once, without a reading of the folder."""
    store = stores.new(RecordingLimits(total=100_000))
    kept = store.open(a_session(id="kept"), Record.OUTPUT, moment=0)
    kept.flush()
    before = store.used
    for number in range(5):
        recording = store.open(a_session(id=str(number)), Record.OUTPUT, moment=0)
        recording.take(1, [Carried(OUT, b"x" * 30_000)])
        recording.flush()
        assert store.used > before + 30_000
        recording.discard()
        recording.discard()
        assert store.used == before
    assert stores.files() == [Path(kept.path).name]
