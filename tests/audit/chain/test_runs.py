"""Runs of lines, and what stands between them."""

from auditproxy.audit.chain.evidence import Signed
from auditproxy.audit.chain.findings import LinePlace
from auditproxy.audit.chain.runs import RECENT, ChainPieces, Run, Stray
from tests.fakes.chains import chained_log
from tests.fakes.tampering import changed, foreign


def pieces_of(
    lines: list[bytes], signed: dict[str, dict[int, Signed]] | None = None
) -> ChainPieces:
    """The pieces of one file."""
    pieces = ChainPieces(signed or {})
    for number, line in enumerate(lines):
        pieces.take(line, LinePlace(0, "f", number + 1))
    return pieces


LINES = chained_log(200, 1).files[0]


def test_one_run() -> None:
    """An intact log is one run, of which only the end is remembered."""
    (run,) = pieces_of(LINES).found
    assert isinstance(run, Run)
    assert (run.first, run.last, run.begins_well) == (1, 200, True)
    assert (len(run.known), run.known[-1][:2]) == (RECENT, (200, run.digest))


def test_breaks() -> None:
    """A run ends at a line that does not follow; lines without a chain are put together."""
    lines = [*LINES[:3], foreign(), foreign(), LINES[3], changed(LINES[4]), LINES[5], LINES[7]]
    found = pieces_of([*lines, foreign()[:-1]]).found
    shape = [
        (piece.first, piece.last) if isinstance(piece, Run) else (piece.count, piece.is_torn)
        for piece in found
    ]
    assert shape == [(1, 3), (2, False), (4, 4), (1, False), (6, 6), (8, 8), (1, True)]
    stray = found[3]
    assert isinstance(stray, Stray)
    assert stray.link is not None
    assert stray.link.number == 5


def test_what_was_signed() -> None:
    """The furthest line that is as it was signed, before the first that is not."""
    (run,) = pieces_of(LINES).found
    assert isinstance(run, Run)
    known = {number: digest for number, digest, _ in run.known}
    signed = {
        150: Signed(known[150], "t1"),
        160: Signed("0" * 64, "t2"),
        170: Signed(known[170], "t3"),
        180: Signed("0" * 64, "t4"),
    }
    pieces = pieces_of(LINES, {run.chain: signed})
    assert pieces.confirmed == {run.chain: 150}
    found = pieces.contradictions[run.chain]
    assert (found.number, found.confirmed, found.time, found.place.line) == (160, 150, "t2", 160)
