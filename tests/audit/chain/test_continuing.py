"""Where a chain goes on at the start."""

import pytest

from auditproxy.audit.chain.checkpoints import Checkpoint, read_checkpoint
from auditproxy.audit.chain.continuing import beginning
from auditproxy.audit.chain.links import NOTHING, ChainEnd, digest_of_line
from tests.fakes.chains import ChainedLog, chained_log
from tests.fakes.tampering import changed, foreign

LOG = chained_log(9, 1, every=3)
LAST = LOG.files[0][-1]
NEW = "f" * 16


def of(log: ChainedLog, at: int = -1) -> Checkpoint:
    """A checkpoint of a log."""
    return read_checkpoint(log.checkpoints[at]).checkpoint


@pytest.mark.parametrize("last", [None, of(LOG), of(LOG, 1)])
def test_continued(last: Checkpoint | None) -> None:
    """Behind the last line, where no checkpoint speaks against it."""
    begun = beginning(LAST, last, NEW)
    assert (begun.end, begun.reason, begun.message) == (LOG.end, "Resumed", "")


@pytest.mark.parametrize(
    ("line", "last", "message", "after"),
    [
        (b"", None, "", ""),
        (b"", of(LOG, 0), "", ""),
        (b"", of(LOG), "the log was empty, and line 9 of chain aaaaaaaaaaaaaaaa was signed", ""),
        (foreign(), None, "the last line of the log before it had no place in a chain", ""),
        (changed(LAST), None, "the last line of the log was changed", "aaaaaaaaaaaaaaaa/9"),
        (
            LOG.files[0][6],
            of(LOG),
            "the last line of the log was line 7, and line 9 of chain aaaaaaaaaaaaaaaa was signed",
            "aaaaaaaaaaaaaaaa/7",
        ),
        (
            LAST,
            of(chained_log(9, 1, every=3, chain="b" * 16)),
            "the last line of the log was of chain aaaaaaaaaaaaaaaa, and line 9 of chain "
            "bbbbbbbbbbbbbbbb was signed",
            "aaaaaaaaaaaaaaaa/9",
        ),
        (
            ChainEnd("a" * 16, 8, "0" * 64).chained(foreign())[0],
            of(LOG),
            "the last line of the log was not the line 9 that was signed",
            "aaaaaaaaaaaaaaaa/9",
        ),
    ],
)
def test_a_new_chain(line: bytes, last: Checkpoint | None, message: str, after: str) -> None:
    """It says why, and behind which line it stands."""
    begun = beginning(line, last, NEW)
    assert begun.end == ChainEnd(NEW, 0, digest_of_line(line) if line else NOTHING)
    assert (begun.reason, begun.message, begun.after) == ("ChainBegan", message, after)
