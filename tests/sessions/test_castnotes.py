"""Notes: what they are as JSON, and the labels that players show."""

import json

import msgspec
import pytest

from auditproxy.apis.session import Outcome
from auditproxy.sessions.castnotes import (
    CommandNote,
    ConnectionOpenedNote,
    CopyEndNote,
    CopyNote,
    EndNote,
    GapNote,
    InputClosedNote,
    Note,
    StoppedNote,
    UnfinishedNote,
    clean,
    end_note,
)


@pytest.mark.parametrize(
    ("note", "text", "label"),
    [
        (CommandNote(line="ls"), {"type": "Command", "line": "ls"}, "$ ls"),
        (CommandNote(line="\x1b[31m"), {"type": "Command", "line": "\x1b[31m"}, "$  [31m"),
        (CommandNote(), {"type": "Command"}, "$ (hidden)"),
        (InputClosedNote(), {"type": "InputClosed"}, ""),
        (GapNote(bytes=7), {"type": "Gap", "bytes": 7}, "recording gap 7 bytes"),
        (
            StoppedNote(reason="64 MiB"),
            {"type": "Stopped", "reason": "64 MiB"},
            "recording cut: 64 MiB",
        ),
        (
            StoppedNote(state="Failed", reason="no space"),
            {"type": "Stopped", "state": "Failed", "reason": "no space"},
            "recording failed: no space",
        ),
        (UnfinishedNote(), {"type": "Unfinished"}, "recording unfinished: the proxy was killed"),
        (EndNote(exit_code=0), {"type": "End", "exitCode": 0}, "exit 0"),
        (
            EndNote(reason="client gone"),
            {"type": "End", "reason": "client gone"},
            "end: client gone",
        ),
        (EndNote(), {"type": "End"}, "end: unknown"),
        (
            EndNote(exit_code=1, missing_bytes=3, state="Cut"),
            {"type": "End", "exitCode": 1, "missingBytes": 3, "state": "Cut"},
            "exit 1",
        ),
        (
            CopyNote(direction="to the container", path="/a\nb"),
            {"type": "Copy", "direction": "to the container", "path": "/a\nb"},
            "kubectl cp, to the container: /a b",
        ),
        (CopyEndNote(files=1), {"type": "CopyEnd", "files": 1}, "copied 1 file, 0 bytes"),
        (CopyEndNote(files=2), {"type": "CopyEnd", "files": 2}, "copied 2 files, 0 bytes"),
        (
            ConnectionOpenedNote(connection=1, port=80),
            {"type": "ConnectionOpened", "connection": 1, "port": 80},
            "connection 1 to port 80",
        ),
    ],
)
def test_notes(note: Note, text: dict[str, object], label: str) -> None:
    """A note is JSON that comes back; its label is one line without controls."""
    encoded = msgspec.json.encode(note)
    assert json.loads(encoded) == text
    assert msgspec.json.decode(encoded, type=Note) == note
    assert note.label == label


def test_end() -> None:
    """The container's side knows better why it ended."""
    assert end_note(None, "client gone", 1, 2) == EndNote(
        reason="client gone", bytes_in=1, bytes_out=2
    )
    assert end_note(Outcome(3, "NonZeroExitCode", "m"), "client gone", 0, 0) == EndNote(
        exit_code=3, reason="NonZeroExitCode", message="m"
    )


def test_a_code_beyond_any() -> None:
    """What a container's side claims cannot make the end unwritable."""
    assert end_note(Outcome(10**30), "", 0, 0).exit_code is None
    assert end_note(Outcome(-(10**30)), "", 0, 0).exit_code is None
    assert end_note(Outcome(255), "", 0, 0).exit_code == 255


def test_clean() -> None:
    """Cut, and text throughout; a pair of surrogates is the character that it stands for."""
    assert clean("x" * 5000) == "x" * 4093 + "..."
    assert clean("a\udce9\ud83d\ude00b\ud83d") == "a\ufffd😀b\ufffd"
