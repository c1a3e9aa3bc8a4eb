"""Checkpoints as evidence."""

import pytest

from auditproxy.audit.chain import evidence as module
from auditproxy.audit.chain.checkpoints import checkpoint_line
from auditproxy.audit.chain.evidence import Evidence
from auditproxy.audit.chain.findings import LinePlace
from auditproxy.audit.chain.links import ChainEnd
from tests.fakes.chains import TIME, ChainedLog, chained_log, checking, signing


def taken(lines: list[bytes], seed: int = 1, *, in_order: bool = True) -> Evidence:
    """What lines of one file say."""
    found = Evidence(checking(seed) if seed else {})
    found.begin(in_order=in_order)
    for number, line in enumerate(lines):
        found.take(line, LinePlace(-1, "c", number + 1))
    return found


def kinds(found: Evidence) -> list[tuple[int, str]]:
    """Lines and kinds of the findings."""
    return [(finding.place.line, finding.kind) for finding in found.findings]


LOG = chained_log(20, 4, every=6)


def test_sound() -> None:
    """Each is found by its chain and line."""
    found = taken(LOG.checkpoints)
    assert found.findings == []
    assert sorted(found.signed["a" * 16]) == [0, 5, 6, 10, 12, 15, 18]
    assert found.signed["a" * 16][5].ends_file
    assert not found.signed["a" * 16][6].ends_file
    assert (found.began, found.latest, found.count) == ({"a" * 16}, ("a" * 16, 18), 7)


def test_each_byte_is_signed() -> None:
    """A change anywhere is found, and not believed."""
    line = LOG.checkpoints[2]
    for at in range(len(line) - 1):
        changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        found = taken([changed])
        assert len(found.findings) == 1
        assert found.signed == {}


def test_whose_chain_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each instance that has written to it, in their order, up to a bound."""
    monkeypatch.setattr(module, "MAXIMUM_ORIGINS", 2)
    end = ChainEnd("a" * 16, 7, "b" * 64)
    lines = [
        checkpoint_line(
            end, signing(), sequence=n, time=TIME, reason="Interval", log="l", instance=name
        )
        for n, name in enumerate(("x", "y", "x", "z"), 1)
    ]
    assert taken(lines).origins == {"a" * 16: ["x/l", "y/l"]}


def test_sequences() -> None:
    """A gap, a copy and another order are found; the first ones may be gone."""
    lines = LOG.checkpoints
    assert kinds(taken([*lines[:2], *lines[3:]])) == [(3, "removed")]
    assert kinds(taken([*lines[:3], lines[1]])) == [(4, "reordered")]
    later = taken(lines[3:])
    assert (kinds(later), later.first_missing) == ([], 3)
    assert kinds(taken([*lines[:3], lines[1]], in_order=False)) == []


def test_keys() -> None:
    """Another key is named; without any, nothing is checked."""
    found = taken(LOG.checkpoints, seed=2)
    assert set(kinds(found)) == {(number, "unsigned") for number in range(1, 8)}
    assert signing().name in found.findings[0].text
    assert found.signed == {}
    assert taken(LOG.checkpoints, seed=0).count == 7


def test_contradictions() -> None:
    """Two for one line cannot both be true; the first is used."""
    lines = [
        checkpoint_line(
            ChainEnd("a" * 16, 7, digit * 64),
            signing(),
            sequence=number,
            time=TIME,
            reason="Resumed",
        )
        for number, digit in enumerate("ab", start=1)
    ]
    found = taken(lines)
    assert kinds(found) == [(2, "rewritten")]
    assert found.signed["a" * 16][7].digest == "a" * 64


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more are remembered than there is room for."""
    monkeypatch.setattr(module, "MAXIMUM_CHECKPOINTS", 2)
    monkeypatch.setattr(module, "MAXIMUM_FINDINGS", 1)
    found = taken([*LOG.checkpoints, b"x\n", b"y\n"])
    assert (found.count, len(found.signed["a" * 16]), len(found.findings)) == (2, 2, 1)


def test_ends_in_order_and_others() -> None:
    """A file that was renamed behind an orderly end is none that was not in order."""
    log = ChainedLog()
    log.sign("ChainBegan")
    for reasons in (("Shutdown", "Resumed"), ("Shutdown", "Rotated", "Resumed")):
        for reason in reasons:
            log.sign(reason)
        log.write("a")
    assert taken(log.checkpoints).notes == []
    log.sign("Shutdown")
    log.write("a")
    # Of a start that could not sign its own beginning.
    log.sign("Rotated")
    log.sign("Resumed")
    (note,) = taken(log.checkpoints).notes
    assert note.startswith(f"started at {TIME} behind line 3, and not ended in order before")


def test_why_a_chain_began() -> None:
    """The note says the reason, which is no fault of today."""
    why = "the last line of the log before it had no place in a chain"
    line = checkpoint_line(
        ChainEnd("a" * 16, 0, "b" * 64),
        signing(),
        sequence=1,
        time=TIME,
        reason="ChainBegan",
        message=why,
    )
    assert taken([line]).notes == [f"checkpoint 1 of {TIME}: the chain began here, because {why}"]
