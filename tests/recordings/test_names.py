"""Names of recordings: safe, short, and read back."""

from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.session import Channel, Record
from auditproxy.recordings.names import PART, SEALED, UPLOADED, RecordingName, stem, take_apart
from tests.fakes.recorded import Stores, a_session

OUT, IN = Channel.STDOUT, Channel.STDIN


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """Stores of a folder that does not exist yet."""
    return Stores(tmp_path / "recordings")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"audit_id": "../../etc/passwd"}, "team-a_box_etc-passwd_5e5510f1d"),
        ({"audit_id": ".hidden"}, "team-a_box_hidden_5e5510f1d"),
        ({"audit_id": "-x\n\0ä_", "pod": ""}, "team-a_-_x----_5e5510f1d"),
        ({"namespace": "", "pod": "", "node": "n1"}, "-_n1_0c1f_5e5510f1d"),
        ({"pod": "p" * 253, "audit_id": "a" * 999}, f"team-a_{'p' * 60}_{'a' * 40}_5e5510f1d"),
    ],
)
def test_names(stores: Stores, changes: dict[str, Any], name: str) -> None:
    """No name leaves the folder, hides in it, or is too long."""
    stores.new().open(a_session(**changes), Record.OUTPUT, moment=0)
    assert stores.files() == [f"2023-11-14T22-13-20.123456Z_{name}.cast.part"]


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        (
            "2023-11-14T22-13-20.123456Z_team-a_box_0c1f_5e55.cast",
            RecordingName(
                "2023-11-14T22:13:20.123456Z", "team-a", "box", "0c1f", "5e55", False, False
            ),
        ),
        (
            "2023-11-14T22-13-20.123456Z_-_n1_-_5e55.cast.age.tar.part",
            RecordingName("2023-11-14T22:13:20.123456Z", "-", "n1", "-", "5e55", True, True),
        ),
        ("demo.cast", RecordingName("", "", "", "", "", False, False)),
        ("demo.cast.uploaded", None),
        ("demo.txt", None),
    ],
)
def test_taken_apart(name: str, apart: RecordingName | None) -> None:
    """Our names say who and when; others are recordings of somebody."""
    assert take_apart(name) == apart


def test_longest_name() -> None:
    """A name with every suffix is one that file systems take."""
    long = "x" * 999
    session = a_session(id=long, audit_id=long, namespace=long, pod=long)
    assert len(stem(session) + SEALED + UPLOADED + PART) < 256
