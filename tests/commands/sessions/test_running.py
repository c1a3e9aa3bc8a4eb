"""What each part prints of the recordings that were chosen, and what it refuses."""

import json
import sys
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Record
from auditproxy.cli import main
from auditproxy.commands.sessions.running import CHOICES, too_small
from auditproxy.recordings.reading import summary_of
from auditproxy.recordings.segments import SealedForm
from tests.fakes.recorded import Stores, a_session, three_recordings


def sealed(folder: Path) -> Path:
    """An encrypted recording."""
    store = Stores(folder).new(new_form=lambda: SealedForm(lambda content: b"sealed"))
    return Path(store.open(a_session(), Record.OUTPUT, moment=0).finish(1).path)


def test_several_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One is played: which there are is said."""
    three_recordings(tmp_path)
    assert main(["sessions", "play", str(tmp_path)]) == 2
    first, heading, *rows = capsys.readouterr().err.splitlines()
    assert first == "auditproxy: error: several recordings match, name a SESSION:"
    assert "SESSION" in heading
    assert [row.partition("5e55")[1] or row.partition("c0b1")[1] for row in rows]
    assert len(rows) == 3
    # A column begins at one place in all rows, and nothing is before them.
    place = heading.index(" USER ")
    assert heading.startswith("  ")
    assert {row[place] for row in rows} == {" "}
    assert all(row.startswith("  ") and row[place + 1] != " " for row in rows)
    assert any("alice" in row and "5e5510f1d" in row for row in rows)


def test_more_match_than_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first of them."""
    store = Stores(tmp_path).new()
    for number in range(CHOICES + 2):
        store.open(a_session(id=f"session-{number}"), Record.OUTPUT, moment=0).finish(1)
    assert main(["sessions", "play", str(tmp_path)]) == 2
    first, _, *rows = capsys.readouterr().err.splitlines()
    assert first.endswith("name a SESSION; the first of them:")
    assert len(rows) == CHOICES


def test_play_without_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder has nothing that a list could show."""
    assert main(["sessions", "play", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"auditproxy: error: no recording in {tmp_path}\n"


@pytest.mark.parametrize(
    ("tty", "columns", "rows", "is_said"),
    [(True, 200, 50, False), (True, 60, 50, True), (True, 200, 20, True), (False, 60, 20, False)],
)
def test_a_smaller_terminal(
    tmp_path: Path, tty: bool, columns: int, rows: int, is_said: bool
) -> None:
    """A hint, as lines are not where they were."""
    store = Stores(tmp_path).new()
    recording = store.open(a_session(tty=tty), Record.OUTPUT, moment=0, columns=200, rows=50)
    summary = summary_of(Path(recording.finish(1).path))
    hint = (
        "it was recorded on a terminal of 200 columns and 50 rows, this one has "
        f"{columns} and {rows}: lines are not where they were"
    )
    assert too_small(summary, columns, rows) == (hint if is_said else "")


@pytest.mark.parametrize("word", ["show", "commands", "play"])
def test_none_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    """A mistyped ID is not a session in which nothing happened."""
    three_recordings(tmp_path)
    assert main(["sessions", word, str(tmp_path), "nowhere", "--user=al*"]) == 2
    assert capsys.readouterr().err == (
        f'auditproxy: error: no recording in {tmp_path} matches "nowhere" --user="al*"; '
        "see auditproxy sessions list\n"
    )


def test_list_without_a_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is an answer, and a line says that it is empty."""
    assert main(["sessions", "list", str(tmp_path)]) == 0
    assert capsys.readouterr().err == f"auditproxy: no recording in {tmp_path}\n"
    assert (
        main(["sessions", "list", str(tmp_path), "-o", "json", "--since=2023-11-15", "-n", "a"])
        == 0
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (
        captured.err
        == f'auditproxy: no recording in {tmp_path} matches --namespace="a" --since=2023-11-15T00:00:00Z\n'
    )


def test_search_without_result(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line and an exit code."""
    path = three_recordings(tmp_path)[0]
    assert main(["sessions", "play", str(path), "--search=nowhere"]) == 1
    error = capfd.readouterr().err
    assert error == f"auditproxy: error: --search: {path} does not have this text\n"


@pytest.mark.parametrize("word", ["show", "commands", "play"])
def test_without_an_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    """An encrypted recording is named with the flag that opens it."""
    sealed(tmp_path)
    assert main(["sessions", word, str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("is encrypted; give --identity\n")


def test_list_without_an_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the name says is listed."""
    path = sealed(tmp_path)
    assert main(["sessions", "list", str(tmp_path)]) == 0
    assert "(encrypted)   team-a" in capsys.readouterr().out
    assert main(["sessions", "list", str(tmp_path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(path),
        "encrypted": True,
        "started": "2023-11-14T22:13:20.123456Z",
        "namespace": "team-a",
        "pod": "box",
        "auditID": "0c1f",
        "sessionID": "5e5510f1d",
    }


def test_play_of_what_has_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty screen is not all there is: a hint, and the exit code of a recording that played."""
    recording = Stores(tmp_path).new().open(a_session(tty=False), Record.METADATA, moment=0)
    recording.finish(1)
    assert main(["sessions", "play", str(tmp_path)]) == 0
    assert capsys.readouterr().err == (
        "auditproxy: the recording has no output; auditproxy sessions show says what was done\n"
    )


def test_play_of_what_has_input_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint has the flag that shows it."""
    recording = Stores(tmp_path).new().open(a_session(tty=False), Record.INPUT_OUTPUT, moment=0)
    recording.take(1, [Carried(Channel.STDIN, b"id")])
    path = recording.finish(2).path
    assert main(["sessions", "play", path]) == 0
    assert capsys.readouterr().err.endswith("was done, and --input shows what was sent\n")


def test_user_of_an_encrypted_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose it is cannot be read: it is listed, and the list says that --user did not choose it."""
    sealed(tmp_path)
    assert main(["sessions", "list", str(tmp_path), "--user=x"]) == 0
    captured = capsys.readouterr()
    assert "(encrypted)" in captured.out
    assert captured.err == (
        "auditproxy: warning: 1 recording is encrypted and listed whatever --user says, as who it "
        "was is inside; give --identity\n"
    )
    assert main(["sessions", "list", str(tmp_path), "--user=x", "--pod=none"]) == 0
    assert "is encrypted" not in capsys.readouterr().err


def test_with_an_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Encrypted recordings are read as others are."""
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    key = tmp_path / "key.txt"
    key.write_text(f"{identity}\n")
    folder = tmp_path / "recordings"
    store = Stores(folder).new(
        new_form=lambda: SealedForm(
            lambda text: bytes(pyrage.encrypt(text, [identity.to_public()]))
        )
    )
    recording = store.open(a_session(), Record.OUTPUT, moment=0)
    recording.command(1, "ls")
    recording.finish(2)
    assert main(["sessions", "show", str(folder), f"--identity={key}"]) == 0
    shown = capsys.readouterr().out
    assert "User:      alice" in shown
    assert "$ ls" in shown


def test_an_encoding_without_the_character(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is escaped, and nothing fails."""
    recording = Stores(tmp_path).new().open(a_session(), Record.OUTPUT, moment=0)
    recording.command(1, "echo €")
    recording.finish(2)
    with open(1, "w", encoding="ascii", closefd=False) as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["sessions", "commands", str(tmp_path)]) == 0
    assert "echo \\u20ac" in capfd.readouterr().out
