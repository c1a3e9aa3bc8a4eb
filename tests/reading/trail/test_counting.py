"""Lines are counted by what they are, and none is read for it that is well-formed."""

import gzip
from pathlib import Path

import pytest

from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail import scanning
from auditproxy.reading.trail.counting import count_lines
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, line_of, write


def test_what_lines_are(tmp_path: Path) -> None:
    """Of plain files and of packed ones."""
    plain = write(tmp_path / "plain.log", [event(), event(at="10:00:01")])
    with plain.open("ab") as file:
        file.write(b"garbage\n" + line_of(event())[:90])
    packed = tmp_path / "packed.log.gz"
    packed.write_bytes(gzip.compress(line_of(event()) + b"\n"))
    counts, forms = Counts(), Counts()
    count_lines([trail_file(str(plain)), trail_file(str(packed))], counts, forms)
    assert counts == {events.EVENTS: 3, events.FOREIGN: 1, events.TORN: 1}
    assert forms == {"native": 3}


def test_well_formed_lines_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are events by their beginnings and ends."""
    path = write(tmp_path / "audit.log", [event(), event(at="10:00:01")])
    monkeypatch.setattr(scanning, "read_events", None)
    counts, forms = Counts(), Counts()
    count_lines([trail_file(str(path))], counts, forms)
    assert counts == {events.EVENTS: 2}
