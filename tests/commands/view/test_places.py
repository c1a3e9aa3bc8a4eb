"""The events of one request, without reading all of a trail."""

from pathlib import Path

import msgspec

from auditproxy.commands.view.places import read_request
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.sources import trail_file
from tests.commands.view.viewing import write_numbered
from tests.fakes.trails import COMPLETE, DAY, RECEIVED, event, line_of, write


def at(clock: str) -> int:
    """Nanoseconds of a time of the day."""
    found = stamp(f"{DAY}{clock}Z")
    assert found is not None
    return found


def test_the_one_of_two_with_an_id(tmp_path: Path) -> None:
    """A client may use an ID twice: the time says which."""
    log = write(
        tmp_path / "audit.log",
        [
            event(name="a", audit_id="same", at="10:00:00", stage=RECEIVED),
            event(name="a", audit_id="same", at="10:00:00", stage=COMPLETE, took=2),
            event(name="b", audit_id="same", at="11:00:00"),
            event(name="c", audit_id="s*", at="11:00:00"),
        ],
    )
    blocks = blocks_of([trail_file(str(log))])
    first = read_request(blocks, "same", at("10:00:00"), at("10:00:02"))
    other = read_request(blocks, "same", at("11:00:00"), at("11:00:00"))
    assert first is not None
    assert other is not None
    assert (first.stages, first.event.object_ref and first.event.object_ref.name) == (
        (RECEIVED, COMPLETE),
        "a",
    )
    assert other.event.object_ref is not None
    assert other.event.object_ref.name == "b"
    star = read_request(blocks, "s*", at("11:00:00"), at("11:00:00"))
    assert star is not None
    assert star.event.audit_id == "s*"
    assert read_request(blocks, "none", at("11:00:00"), at("11:00:00")) is None


def test_only_the_blocks_of_its_time_are_read(tmp_path: Path) -> None:
    """The others may even be gone."""
    log = write_numbered(tmp_path / "audit.log", 3000)
    blocks = blocks_of([trail_file(str(log))], 64 * 1024)
    moment = at("00:40:00")
    near = [block for block in blocks if block.first <= moment <= block.last]
    assert 0 < len(near) < len(blocks)
    elsewhere = [
        block
        if block in near
        else msgspec.structs.replace(block, path=str(tmp_path / "gone"), inode=0)
        for block in blocks
    ]
    found = read_request(elsewhere, "numbered-2400", moment, moment)
    assert found is not None
    assert found.event.audit_id == "numbered-2400"


def test_a_file_that_was_removed(tmp_path: Path) -> None:
    """Its requests cannot be read, and that is no fault."""
    log = tmp_path / "audit.log"
    log.write_bytes(line_of(event(audit_id="x")) + b"\n")
    blocks = blocks_of([trail_file(str(log))])
    log.unlink()
    assert read_request(blocks, "x", at("10:00:00"), at("10:00:00")) is None
