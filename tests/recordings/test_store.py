"""The folder of recordings: where they begin, and why they do not."""

from pathlib import Path

import pytest

from auditproxy.apis.session import Channel, Record
from auditproxy.recordings.store import RecordingRefused
from tests.fakes.recorded import Stores, a_session

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
