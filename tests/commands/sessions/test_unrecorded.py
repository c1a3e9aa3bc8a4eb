"""Input that is not in a recording: how much there was, and what is known without an end."""

import hashlib
import json
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record
from auditproxy.apis.units import SECOND
from auditproxy.commands.sessions.showing import command_objects, commands_of, show
from auditproxy.recordings.reading import summary_of
from auditproxy.sessions.asciicast import note_lines
from auditproxy.sessions.castnotes import InputNote, UnfinishedNote
from tests.fakes.recorded import Stores, a_session

SENT = b"cat /etc/shadow\n"
DIGEST = hashlib.sha256(SENT).hexdigest()


def shown(path: Path) -> list[str]:
    """The lines of one recording."""
    return "".join(show(summary_of(path), None)).splitlines()


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (0, "their SHA-256 is in the session log, if there is one"),
        (5, "without a SHA-256, as some of it was not read in time"),
    ],
)
def test_input_without_its_digest(tmp_path: Path, missing: int, text: str) -> None:
    """Recordings of old have none, and one with a gap has none that would mean anything."""
    session = a_session(command=("sh",), tty=False)
    recording = Stores(tmp_path).new().open(session, Record.OUTPUT, moment=0)
    recording.take(SECOND, [Carried(Channel.STDIN, SENT)])
    if missing:
        recording.gap(SECOND, missing)
    summary = summary_of(Path(recording.finish(3 * SECOND, Outcome(0)).path))
    *_, last = commands_of(summary, None)
    assert last.endswith(
        f"  16 bytes of input without a terminal, not recorded; {text}   [input]\n"
    )
    *_, found = command_objects(summary, None)
    assert (found["inputBytes"], "inputSha256" in found) == (16, False)


NO_END = "the recording has no end"
AT_LEAST = "at least 16 bytes of input without a terminal, not recorded"


@pytest.mark.parametrize(
    ("noted", "stdin", "text", "members"),
    [
        (
            (InputNote(bytes=3, sha256="aa"), InputNote(bytes=16, sha256=DIGEST)),
            True,
            f"{AT_LEAST}, SHA-256 of these {DIGEST}; what followed is not known: {NO_END}",
            {"inputBytes": 16, "inputSha256": DIGEST},
        ),
        (
            (InputNote(bytes=16),),
            True,
            f"{AT_LEAST}; what followed is not known: {NO_END}",
            {"inputBytes": 16},
        ),
        ((), True, f"whether input was sent without a terminal is not known: {NO_END}", {}),
        ((), False, "", {}),
    ],
)
def test_input_of_an_unfinished_recording(
    tmp_path: Path,
    noted: tuple[InputNote, ...],
    stdin: bool,
    text: str,
    members: dict[str, object],
) -> None:
    """Its proxy was killed, or it is being written: what is known is said, and no more."""
    session = a_session(command=("sh",), tty=False, stdin=stdin)
    recording = Stores(tmp_path).new().open(session, Record.OUTPUT, moment=0)
    recording.take(SECOND, [Carried(Channel.STDOUT, b"out")])
    for note in noted:
        recording.input(SECOND, note)
    recording.flush()
    written = Path(recording.path)
    killed = tmp_path / "killed.cast"
    killed.write_bytes(written.read_bytes() + note_lines("2.000000", UnfinishedNote()))
    for path in (written, killed):
        summary = summary_of(path)
        lines = list(commands_of(summary, None))[1:]
        assert [line.split("  ", 2)[2] for line in lines] == (
            [f"{text}   [input, unfinished]\n"] if text else []
        )
        assert (f"Missing:   {text}" in shown(path)) == bool(text)
        objects = list(command_objects(summary, None))[1:]
        assert [
            {key: value for key, value in each.items() if key.startswith("input")}
            for each in objects
        ] == ([members] if text else [])


def test_a_recording_of_old_without_its_end(tmp_path: Path) -> None:
    """It does not say whether there was standard input: that is not known either."""
    path = tmp_path / "old.cast"
    header = {"version": 2, "auditproxy": {"kind": "exec", "record": "Output", "tty": False}}
    path.write_text(json.dumps(header) + "\n")
    (line,) = commands_of(summary_of(path), None)
    assert "whether input was sent without a terminal is not known" in line
