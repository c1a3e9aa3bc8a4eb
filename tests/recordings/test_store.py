"""The folder of recordings: where they begin, and why they do not."""

import hashlib
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record
from auditproxy.recordings.store import RecordingRefused
from tests.fakes.recorded import Stores, a_session
from tests.fakes.unprivileged import unprivileged

OUT, IN = Channel.STDOUT, Channel.STDIN


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


def test_what_exists_is_not_written_to(stores: Stores, tmp_path: Path) -> None:
    """Neither through a link that somebody laid, nor over another recording."""
    store = stores.new()
    target = tmp_path / "target"
    name = "2023-11-14T22-13-20.123456Z_team-a_box_0c1f_5e5510f1d.cast.part"
    (stores.folder / name).symlink_to(target)
    with pytest.raises(RecordingRefused, match="cannot be written to: file exists"):
        store.open(a_session(), Record.OUTPUT, moment=0)
    assert not target.exists()


def test_no_folder(stores: Stores) -> None:
    """A session that must be recorded is refused before it begins."""
    store = stores.new()
    (stores.folder / ".auditproxy-recordings.lock").unlink()
    stores.folder.rmdir()
    stores.monotonic.now += 5
    with pytest.raises(RecordingRefused, match="no such file or directory"):
        store.open(a_session(), Record.OUTPUT, moment=0)


def test_why_none_can_be_begun(stores: Stores) -> None:
    """As the folder is now, whatever it was a moment ago."""
    store = stores.new()
    assert store.fault() == ""
    stores.folder.rename(stores.folder.with_name("moved"))
    assert store.fault() == "the folder of recordings cannot be read: no such file or directory"
    stores.folder.with_name("moved").rename(stores.folder)
    assert store.fault() == ""


def test_none_can_be_begun_where_no_file_can_be_made(stores: Stores) -> None:
    """A folder that can be read, with room: a file is made, and not left."""
    store = stores.new()
    assert store.fault() == ""
    assert stores.files() == []
    probe = stores.folder / ".auditproxy-recordings.probe"
    probe.mkdir()
    assert store.fault() == "the folder of recordings cannot be written to: is a directory"
    probe.rmdir()
    assert store.fault() == ""


def test_permissions_of_the_folder() -> None:
    """Those of the user that the proxy is."""
    with unprivileged() as folder:
        stores = Stores(folder / "recordings")
        store = stores.new()
        stores.folder.chmod(0o500)
        fault = "the folder of recordings cannot be written to: permission denied"
        assert store.fault() == fault
        with pytest.raises(RecordingRefused, match=fault):
            store.open(a_session(), Record.OUTPUT, moment=0)


def test_settle(stores: Stores) -> None:
    """Recordings that end together get their names together, as their references say."""
    finished: list[Path] = []
    store = stores.new(on_finished=finished.append)
    recordings = [
        store.open(a_session(id=str(number)), Record.OUTPUT, moment=0) for number in range(20)
    ]
    references = []
    for recording in recordings:
        recording.take(1, [Carried(OUT, b"whole")])
        references.append(recording.finish(2, Outcome(0), synced=False))
        recording.discard()
        assert references[-1] == recording.finish(3)
    assert all(name.endswith(".cast.part") for name in stores.files())
    assert finished == []
    store.settle()
    assert [str(path) for path in finished] == [reference.path for reference in references]
    assert [recording.path for recording in recordings] == [str(path) for path in finished]
    for reference in references:
        content = Path(reference.path).read_bytes()
        assert reference.state == "Complete"
        assert reference.sha256 == hashlib.sha256(content).hexdigest()
    assert len(stores.files()) == 20
    assert stores.lines == []


def test_what_cannot_be_settled(stores: Stores) -> None:
    """It is reported and counted as a failure of the disk."""
    store = stores.new()
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    recording.finish(2, Outcome(0), synced=False)
    Path(recording.path).unlink()
    store.settle()
    assert stores.counted.stopped_ones == [("Failed", "another program removed or moved it")]
    assert stores.lines == [
        f"{recording.path} cannot be finished: another program removed or moved it"
    ]
