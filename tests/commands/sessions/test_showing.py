"""What show and commands print of each kind of session."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record, Unreadable
from auditproxy.apis.units import SECOND
from auditproxy.commands.sessions import showing
from auditproxy.commands.sessions.showing import (
    command_objects,
    commands_of,
    show,
    show_object,
)
from auditproxy.commands.sessions.verifying import sha256_of
from auditproxy.recordings.forms import PlainForm
from auditproxy.recordings.reading import summary_of
from auditproxy.recordings.recovery import name_repaired, repair
from tests.fakes.recorded import Stores, a_session, three_recordings


def shown(path: Path) -> list[str]:
    """The lines of one recording."""
    return "".join(show(summary_of(path), None)).splitlines()


def test_shell(tmp_path: Path) -> None:
    """Who, what, where, how it ended, and the commands with times."""
    path = three_recordings(tmp_path)[0]
    assert shown(path) == [
        "Session:   5e5510f1d",
        "Audit ID:  0c1f",
        "User:      alice (dev)",
        "From:      192.0.2.1 kubectl/v1.37",
        "Where:     team-a/box, container main",
        'What:      exec ["bash"] on a terminal',
        "Started:   2023-11-14T22:13:20.123456Z",
        "Duration:  1m16s",
        "Ended:     exit 3",
        "Bytes:     1 in, 32 out",
        f"Recorded:  Output, {path.stat().st_size} bytes, Complete",
        f"SHA-256:   {hashlib.sha256(path.read_bytes()).hexdigest()}",
        f"File:      {path}",
        "",
        "  0:00:01.0  $ ls \\x1b[31m   [prompt?]",
        "  0:00:02.0  $ (hidden)   [hidden]",
        "",
    ]


def test_copy(tmp_path: Path) -> None:
    """The files, and for whom it was done."""
    lines = shown(three_recordings(tmp_path)[1])
    assert "Acting as: carol" in lines
    assert lines[-4:-1] == [
        "  0:00:01.0  kubectl cp, from the container: /etc/hosts",
        "  0:00:01.0  file etc/\\x1bhosts, 5 bytes",
        "  0:00:01.0  copied 1 file, 5 bytes",
    ]


def test_copy_to_the_container(tmp_path: Path) -> None:
    """Its input is tar, not lines that somebody sent unseen; its files are among the commands."""
    session = a_session(command=("tar", "-xmf", "-", "-C", "/tmp"), stdin=True, tty=False)
    recording = Stores(tmp_path).new().open(session, Record.OUTPUT, moment=0)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("run.sh")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"id\n"))
    recording.take(SECOND, [Carried(Channel.STDIN, stream.getvalue())])
    path = Path(recording.finish(2 * SECOND, Outcome(0), input_sha256="ab").path)
    lines = shown(path)
    assert "Copied:    10240 bytes of tar, whose files alone are recorded; SHA-256 ab" in lines
    assert not any(line.startswith("Missing") for line in lines)
    summary = summary_of(path)
    _, file, unrecorded = commands_of(summary, None)
    assert file.endswith("  file run.sh, 3 bytes   [copied]\n")
    assert "bytes of tar, whose files alone are recorded" in unrecorded
    _, copied, rest = command_objects(summary, None)
    assert (copied["line"], copied["flags"]) == (None, ("copied",))
    assert copied["copied"] == {"name": "run.sh", "size": 3, "kind": "file"}
    assert rest["inputBytes"] == 10240


def test_port_forward_that_is_still_running(tmp_path: Path) -> None:
    """Its connections; that the end is unknown."""
    lines = shown(three_recordings(tmp_path)[2])
    assert any(line.startswith("Ended:     not known yet: it is still") for line in lines)
    assert lines[-2] == (
        "  0:00:01.0  connection 0 to port 80 closed: 9 bytes in, 0 out, 0.0s: no\\x1b"
    )


def test_of_a_proxy_that_was_killed(tmp_path: Path) -> None:
    """What its next start repaired is not being written any more."""
    *_, path = three_recordings(tmp_path)
    left = tmp_path / "0.cast.part"
    left.write_bytes(path.read_bytes())
    repaired = repair(left, PlainForm, lambda text: None)
    assert repaired is not None
    name_repaired(Path(repaired.path))
    assert "Ended:     unknown: its proxy was killed" in shown(Path(repaired.path))


def test_commands(tmp_path: Path) -> None:
    """Only the commands, as lines and as objects: the request's own, then those of the terminal."""
    summary = summary_of(three_recordings(tmp_path)[0])
    assert list(commands_of(summary, None)) == [
        "2023-11-14T22:13:20Z  0:00:00.0  bash   [request]\n",
        "2023-11-14T22:13:21Z  0:00:01.0  ls \\x1b[31m   [prompt?]\n",
        "2023-11-14T22:13:22Z  0:00:02.0  (hidden)   [hidden]\n",
    ]
    request, first, second = command_objects(summary, None)
    assert (request["seconds"], request["line"], request["flags"]) == (0.0, "bash", ("request",))
    assert first == {
        "sessionID": "5e5510f1d",
        "auditID": "0c1f",
        "user": "alice",
        "namespace": "team-a",
        "pod": "box",
        "container": "main",
        "timestamp": "2023-11-14T22:13:21.123456Z",
        "seconds": 1.0,
        "line": "ls \x1b[31m",
        "flags": ("prompt?",),
    }
    assert second["line"] is None


def test_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every note as it was recorded, within a bound."""
    summary = summary_of(three_recordings(tmp_path)[0])
    notes = show_object(summary, None)["notes"]
    assert [note["type"] for note in notes] == ["Command", "Command", "End"]
    monkeypatch.setattr(showing, "MOST_SHOWN", 1)
    assert show_object(summary, None)["sha256"] == sha256_of(summary.path)
    bounded = show_object(summary, None)
    assert (len(bounded["notes"]), bounded["notesOmitted"]) == (1, 2)
    assert "  and 1 more" in shown(summary.path)


def test_what_is_missing(tmp_path: Path) -> None:
    """Cut, how much, and where; for a copy also what became of the rest."""
    store = Stores(tmp_path).new()
    session = a_session(stdin=False, tty=False, command=("tar", "cf", "-", "/etc"))
    recording = store.open(session, Record.OUTPUT, moment=0)
    recording.gap(SECOND, 12)
    recording.take(2 * SECOND, [Unreadable(False, "not a frame")])
    summary = summary_of(Path(recording.finish(3 * SECOND, Outcome(0)).path))
    lines = shown(summary.path)
    recorded = f"Recorded:  Output, {summary.size} bytes, Cut: 12 bytes missing"
    assert recorded in lines
    assert lines[-5:-1] == [
        "  0:00:01.0  recording gap 12 bytes",
        "  0:00:02.0  kubectl cp, from the container: /etc",
        "  0:00:02.0  output unreadable: not a frame",
        "  0:00:03.0  copied 0 files, 0 bytes: bytes of it are missing, and what follows is not read",
    ]
    shown_one = show_object(summary, None)
    assert (shown_one["state"], shown_one["missingBytes"]) == ("Cut", 12)


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    """A damaged recording is shown as far as it can be."""
    path = three_recordings(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"?\n")
    assert "  1 line of the file cannot be read" in shown(path)


SENT = b"cat /etc/shadow\n"
DIGEST = hashlib.sha256(SENT).hexdigest()


@pytest.mark.parametrize(
    ("tty", "record", "is_said"),
    [
        (False, Record.OUTPUT, True),
        (False, Record.METADATA, True),
        (False, Record.INPUT_OUTPUT, True),
        (True, Record.OUTPUT, False),
        (True, Record.INPUT_OUTPUT, False),
    ],
)
def test_input_without_a_terminal(tmp_path: Path, tty: bool, record: Record, is_said: bool) -> None:
    """No echo shows it: a line says how much there was, and how to read what was recorded."""
    session = a_session(command=("sh",), tty=tty)
    recording = Stores(tmp_path).new().open(session, record, moment=0)
    recording.take(SECOND, [Carried(Channel.STDIN, SENT)])
    recording.take(2 * SECOND, [Carried(Channel.STDOUT, b"root::0\n")])
    end = recording.finish(3 * SECOND, Outcome(0), input_sha256=DIGEST)
    summary = summary_of(Path(end.path))
    where, heading = "not recorded", "Missing:  "
    if record is Record.INPUT_OUTPUT:
        where, heading = "recorded: auditproxy sessions play --input shows it", "Input:    "
    text = f"16 bytes of input without a terminal, {where}; SHA-256 {DIGEST}"
    assert (f"{heading} {text}" in shown(summary.path)) == is_said
    lines = list(commands_of(summary, None))
    assert lines[0].endswith("  sh   [request]\n")
    assert [line.endswith(f"  {text}   [input]\n") for line in lines[1:]] == [True] * is_said
    objects = list(command_objects(summary, None))[1:]
    assert [
        (each["line"], each["flags"], each["inputBytes"], each["inputSha256"]) for each in objects
    ] == [(None, ("input",), 16, DIGEST)] * is_said


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(127, "NonZeroExitCode", "command terminated with exit status 127"), "exit 127"),
        (Outcome(1, "OOMKilled", "no memory"), "exit 1, OOMKilled, no memory"),
        (Outcome(None, "InternalError", "no container"), "InternalError, no container"),
    ],
)
def test_how_it_ended(tmp_path: Path, outcome: Outcome, text: str) -> None:
    """An exit code is said once."""
    recording = Stores(tmp_path).new().open(a_session(), Record.OUTPUT, moment=0)
    path = Path(recording.finish(SECOND, outcome).path)
    assert f"Ended:     {text}" in shown(path)
