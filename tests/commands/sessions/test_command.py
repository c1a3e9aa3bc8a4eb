"""auditproxy sessions: as it is run, and what it says to what it cannot use."""

import io
import json
import sys
from pathlib import Path

import pytest

from auditproxy.cli import main
from tests.fakes.recorded import three_recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three recordings."""
    three_recordings(tmp_path)
    return tmp_path


def test_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each, in their order."""
    assert main(["sessions", "list", str(folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][0] == "STARTED"
    assert lines[0][-2:] == ["SESSION", "COMMAND"]
    assert [
        (line[0], line[line.index(session) + 1 :])
        for line, session in zip(lines[1:], ("5e5510f1d", "c0b1", "f0a4"), strict=True)
    ] == [
        ("2023-11-14T22:13:20Z", ["bash"]),
        ("2023-11-15T22:13:20Z", ["tar", "cf", "-", "/etc/hosts"]),
        ("2023-11-16T22:13:20Z", ["-"]),
    ]


@pytest.mark.parametrize(
    ("flags", "sessions"),
    [
        ([], ["5e5510f1d", "c0b1", "f0a4"]),
        (["--user=alice"], ["5e5510f1d", "f0a4"]),
        (["--user=carol"], ["c0b1"]),
        (["--user=a*"], ["5e5510f1d", "f0a4"]),
        (["--user=ali"], []),
        (["--user=carol,alice"], ["5e5510f1d", "c0b1", "f0a4"]),
        (["--user=!alice"], ["c0b1"]),
        (["--user=*", "--user=!carol"], ["5e5510f1d", "f0a4"]),
        (["--since=yesterday"], []),
        (["--since=00:00"], []),
        (["--until=yesterday"], ["5e5510f1d", "c0b1", "f0a4"]),
        (["-n", "team-b"], ["f0a4"]),
        (["--pod=box-*"], ["c0b1"]),
        (["--pod=box"], ["5e5510f1d", "f0a4"]),
        (["--since=2023-11-15"], ["c0b1", "f0a4"]),
        (["--until=2023-11-16T00:00:00Z"], ["5e5510f1d", "c0b1"]),
        (["--since=2023-11-15", "--until=2023-11-15"], ["c0b1"]),
        (["--until=2023-11-16"], ["5e5510f1d", "c0b1", "f0a4"]),
        (["--since=1h"], []),
    ],
)
def test_filters(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], sessions: list[str]
) -> None:
    """By user, namespace, pod and time."""
    assert main(["sessions", "list", str(folder), "-o", "json", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["sessionID"] for line in lines] == sessions


@pytest.mark.parametrize("session", ["c0b1", "0c20"])
def test_one_session(folder: Path, capsys: pytest.CaptureFixture[str], session: str) -> None:
    """By its own ID or by its audit ID."""
    assert main(["sessions", "show", str(folder), session]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Session:") == 1
    assert "bob" in shown


def test_a_log_is_no_recording(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fault says what is meant."""
    for line, word in (
        ('{"kind":"Event","level":"M"}', "list"),
        ('{"kind":"SessionEvent"}', "show"),
    ):
        log = tmp_path / "x.log"
        log.write_text(f"{line}\n")
        assert main(["sessions", word, str(log)]) == 2
        assert f"{log} is a log and no recording; name the folder" in capsys.readouterr().err


def test_names_that_a_shell_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an asterisk: the fault says so; one name is the recording, also with its folder."""
    paths = sorted(map(str, folder.iterdir()))[-3:]
    for some in (paths, paths[:2]):
        assert main(["sessions", "list", *some]) == 2
        assert "a shell makes several names of an asterisk" in capsys.readouterr().err
    assert main(["sessions", "show", str(folder), paths[0]]) == 0
    assert capsys.readouterr().out.count("Session:") == 1


def test_play(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the terminal showed, without what would have made this one do something."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(1, "wb", closefd=False)))
    assert main(["sessions", "play", str(folder), "5e5510f1d", "--speed=10000"]) == 0
    assert capfdbinary.readouterr().out == b"$ ls\r\nfile\r\n$ exit\r\n"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "takes one of list, show, play, commands, verify first"),
        (["lost", "x"], 'takes one of list, show, play, commands, verify first, not "lost"'),
        (["list"], "takes a folder or a file of recordings"),
        (["show", "x", "y", "z"], "takes a folder or a file of recordings"),
        (["list", "/nowhere"], "/nowhere does not exist; name a folder"),
        (["list", ".", "--since=x"], '--since "x" is not a time; give one such as 30m'),
        (["list", ".", "-o", "xml"], '--output "xml" is not table or json'),
        (["play", ".", "--speed=0"], "--speed must be from 0.001 to 10000"),
        (["play", ".", "--idle-time-limit=-1s"], "--idle-time-limit must not be negative"),
        (["list", ".", "--identity=/nowhere"], "--identity: /nowhere cannot be read"),
        (
            ["list", ".", "--since=2023-11-16", "--until=2023-11-15"],
            "--since=2023-11-16 is not before --until=2023-11-15, so no session can match",
        ),
        (["list", ".", "--until=7y"], '--until "7y" is not a time; give one such as 30m, 24h, 7d,'),
        (["verify", "."], "needs --session-log or --audit-log; name the log"),
        (["list", ".", "--audit-log=x"], "are flags of auditproxy sessions verify"),
        (["verify", ".", "--audit-log=x", "--user=a"], "--user has no effect on verify"),
        (["verify", ".", "--audit-log=/nowhere"], "--audit-log /nowhere cannot be read"),
        (["list", ".", "--speed=2"], "--speed is a flag of auditproxy sessions play"),
        (
            ["show", ".", "--speed=2", "--search=x"],
            "--speed and --search are flags of auditproxy sessions play",
        ),
        (["play", ".", "-o", "json"], "--output has no effect on play"),
        (["list", ".", "--wrong"], "unknown flag: --wrong"),
    ],
)
def test_faults(capsys: pytest.CaptureFixture[str], words: list[str], fault: str) -> None:
    """One line for each, with the fix."""
    assert main(["sessions", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert fault in lines[0]


def test_a_broken_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line about it, the others as without it, and an exit code that says so."""
    (folder / "broken\x1b.cast").write_bytes(b"?\n")
    assert main(["sessions", "list", str(folder)]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 4
    assert (
        captured.err
        == f"auditproxy: error: {folder}/broken\\x1b.cast: not the header of a recording\n"
    )


@pytest.mark.parametrize("word", ["show", "play", "commands"])
def test_a_broken_file_beside_one_session(
    folder: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """Who asks for a session hears of files that are this one, and of others only without it."""
    (folder / "broken.cast").write_bytes(b"?\n")
    assert main(["sessions", word, str(folder), "c0b1"]) == 0
    # What is played of a kubectl cp is nothing.
    hint = "the recording has no output; auditproxy sessions show says what was done"
    assert capsys.readouterr().err == (f"auditproxy: {hint}\n" if word == "play" else "")
    assert main(["sessions", word, str(folder), "c0b1c0b1"]) == 2
    assert "(1 file cannot be read, and its name does not say whose)" in capsys.readouterr().err
    assert main(["sessions", word, str(folder), "broken.cast"]) == 1
    assert "broken.cast: not the header of a recording" in capsys.readouterr().err
    (one,) = folder.glob("*_c0b1.cast")
    one.write_bytes(b"?\n")
    assert main(["sessions", word, str(folder), "c0b1"]) == 1
    assert f"{one}: not the header of a recording" in capsys.readouterr().err


def test_an_id_that_is_too_short(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says how much of it is needed."""
    assert main(["sessions", "show", str(folder), "5e55"]) == 2
    assert (
        'matches "5e55" as a whole ID; give at least 6 characters of the ID'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("word", ["list", "show", "commands"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_no_controls(
    folder: Path, capsys: pytest.CaptureFixture[str], word: str, form: str
) -> None:
    """What a session contained reaches the operator's terminal as text."""
    assert main(["sessions", word, str(folder), f"--output={form}"]) == 0
    shown = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in shown)
