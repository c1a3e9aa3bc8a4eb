"""A block: what is counted in it, and what is given on because it may go on elsewhere."""

from pathlib import Path

from auditproxy.reading.reports.blockpass import PassTask, pass_block
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import RECEIVED, STARTED, event, write


def test_what_is_given_on(tmp_path: Path) -> None:
    """Events without an end in the block, and ends without a beginning."""
    path = write(
        tmp_path / "audit.log",
        [
            event(name="a", stage=RECEIVED, audit_id="a"),
            event(name="b", stage=RECEIVED, audit_id="b"),
            event(name="a", audit_id="a"),
            event(name="b", stage=STARTED, audit_id="b"),
            event(name="c", audit_id="c"),
        ],
    )
    (block,) = blocks_of([trail_file(str(path))])
    passed = pass_block(block, PassTask("activity"))
    assert [(one.event.stage, one.events) for one in passed.begun] == [(STARTED, 2)]
    assert len(passed.ends) == 1
    assert sum(tally.requests for key, tally in passed.groups.items() if key[0] == "days") == 2
    assert passed.counts == {"events": 5}


def test_another_request_with_the_same_id(tmp_path: Path) -> None:
    """It does not take the beginning of the first one."""
    path = write(
        tmp_path / "audit.log",
        [
            event(name="a", stage=RECEIVED, audit_id="x", at="10:00:00"),
            event(name="b", stage=RECEIVED, audit_id="x", at="10:00:01"),
            event(name="a", audit_id="x", at="10:00:00"),
            event(name="b", audit_id="x", at="10:00:01"),
        ],
    )
    (block,) = blocks_of([trail_file(str(path))])
    passed = pass_block(block, PassTask("noise"))
    assert passed.begun == []
    ((_, tally),) = passed.groups.items()
    assert (tally.requests, tally.events) == (2, 4)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """It is said, and nothing else is lost."""
    path = write(tmp_path / "audit.log", [event()])
    (block,) = blocks_of([trail_file(str(path))])
    path.unlink()
    assert pass_block(block, PassTask("noise")).counts["gone"] == 1
