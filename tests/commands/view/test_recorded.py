"""The list of recordings, and one of them."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view import recorded
from auditproxy.commands.view.recorded import ListedRecordings, recordings_in
from tests.fakes.recorded import three_recordings


@pytest.fixture
def recordings(tmp_path: Path) -> ListedRecordings:
    """A shell, a copy, a port-forward that is not finished, and a file that is none."""
    three_recordings(tmp_path)
    (tmp_path / "2026-11-28T02-13-20.123456Z_a_b_c_d.cast").write_text("none")
    (tmp_path / "secret.txt").write_text("secret")
    lines: list[str] = []
    found = recordings_in(tmp_path, None, report=lines.append)
    assert len(lines) == 1
    return found


def test_the_list(recordings: ListedRecordings) -> None:
    """The newest first, in visible texts."""
    found = recordings.listed({})
    assert found["count"] == len(recordings) == 3
    assert [(row["user"], row["where"], row["kind"]) for row in found["sessions"]] == [
        ("alice", "team-b/box", "portforward"),
        ("bob as carol", "team-a/box-2", "exec"),
        ("alice", "team-a/box", "exec"),
    ]
    assert found["sessions"][2]["exit"] == "3"
    assert [row["user"] for row in recordings.listed({"text": "TAR carol"})["sessions"]] == [
        "bob as carol"
    ]
    assert recordings.listed({"text": "nothing"}) == {"sessions": [], "count": 0}


def test_one_session(recordings: ListedRecordings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who, where, how it ended, and each command with its time."""
    name = recordings.listed({"text": "bash"})["sessions"][0]["name"]
    found = recordings.session({"name": name})
    assert ["User", "alice (dev)"] in found["facts"]
    assert found["done"] == [
        [1.0, "$ ls \\x1b[31m   [prompt?]"],
        [2.0, "$ (hidden)   [hidden]"],
    ]
    assert (found["seconds"], found["auditID"], found["omitted"]) == (76.0, "0c1f", 0)
    assert recordings.of_request("0c1f") == name
    assert recordings.of_request("other") is None
    monkeypatch.setattr(recorded, "MOST_DONE", 1)
    found = recordings.session({"name": name})
    assert (len(found["done"]), found["omitted"]) == (1, 1)


@pytest.mark.parametrize("name", ["", "secret.txt", "../secret.txt", "/etc/passwd", "..", "\0"])
def test_other_files(recordings: ListedRecordings, name: str) -> None:
    """Only what is in the list is opened."""
    with pytest.raises(Unusable, match="there is no such recording"):
        recordings.session({"name": name})


def test_a_recording_that_is_gone(recordings: ListedRecordings, tmp_path: Path) -> None:
    """One line that says so."""
    name = recordings.listed({"text": "bash"})["sessions"][0]["name"]
    (tmp_path / name).unlink()
    with pytest.raises(Unusable, match="cannot be read: no such file"):
        recordings.session({"name": name})


def test_encrypted_ones(tmp_path: Path) -> None:
    """Without an identity a name is all that is known."""
    (tmp_path / "2026-11-28T02-13-20.123456Z_ns_pod_audit_session.cast.age.tar").write_bytes(
        b"0000000000.age" + bytes(86) + b"0000600\0" + bytes(404)
    )
    found = recordings_in(tmp_path, None, report=lambda line: None)
    rows = found.listed({})["sessions"]
    if rows:
        assert rows[0]["user"] == "(encrypted)"
        with pytest.raises(Unusable, match="--identity"):
            found.session({"name": rows[0]["name"]})
