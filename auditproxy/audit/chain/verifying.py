"""Verification: what the runs of a log say about what was done to it.

    ChainPieces, Evidence --verdict--> ChainVerdict: findings by their places, and what is covered

Runs are compared with the frontier, the furthest line of the current chain that was accepted. A
run that continues it is accepted; every other one is a finding:

    nothing between, numbers missing      removed, or reordered where they come later
    strays between, as many missing       changed
    strays between, none missing          added
    the next number, another digest       the frontier's line was changed, its digest computed anew
    numbers that were there already       added: a copy, or the other branch where that is longer
    another chain                         a beginning that was signed, or added

A line that contradicts a checkpoint is ``rewritten``.
"""

from dataclasses import dataclass

from auditproxy.audit.chain.evidence import Evidence
from auditproxy.audit.chain.findings import ChainFinding, Kind, LinePlace
from auditproxy.audit.chain.links import NOTHING
from auditproxy.audit.chain.runs import ChainPieces, Run, Stray


@dataclass(frozen=True, slots=True)
class Covered:
    """One chain of a log: which lines are there, and how far they are signed."""

    chain: str
    first: int
    last: int
    signed: int
    """The last line that a checkpoint confirms; 0 where none does."""
    time: str
    """That checkpoint's."""
    origins: tuple[str, ...] = ()
    """What the chain's checkpoints say that it is of: INSTANCE/LOG, in their order."""

    @property
    def unsigned(self) -> int:
        """Lines behind it, which the chain alone covers."""
        return self.last - max(self.signed, self.first - 1)


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What was found in one log."""

    lines: int
    findings: tuple[ChainFinding, ...]
    covered: tuple[Covered, ...]
    notes: tuple[str, ...]
    is_complete: bool
    """False where there were too many breaks to read on."""


def verdict(
    pieces: ChainPieces, evidence: Evidence, *, whole: bool = False, is_live: bool = True
) -> ChainVerdict:
    """Say what was done to a log; with ``whole`` its beginning must be there.

    ``is_live`` says that the file is among those that were read that the proxy writes to: the end
    of the last chain must be there.
    """
    return _Reading(pieces, evidence, whole=whole, is_live=is_live).verdict()


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"


class _Reading:
    """Goes over the pieces once."""

    def __init__(
        self, pieces: ChainPieces, evidence: Evidence, *, whole: bool, is_live: bool
    ) -> None:
        self._pieces = pieces
        self._is_live = is_live
        self._evidence = evidence
        self._whole = whole
        self._runs = [piece for piece in pieces.found if isinstance(piece, Run)]
        self._top: Run | None = None
        self._strays: list[Stray] = []
        self._gaps: list[tuple[str, int, int]] = []
        self._covered: dict[str, tuple[int, int, LinePlace]] = {}
        self._findings: list[ChainFinding] = []
        self._notes: list[str] = []

    def verdict(self) -> ChainVerdict:
        """The result."""
        for piece in self._pieces.found:
            if isinstance(piece, Stray):
                self._strays.append(piece)
                continue
            self._take(piece)
            self._strays = []
        self._report_strays(0)
        self._check_signed()
        self._check_ends()
        for contradiction in self._pieces.contradictions.values():
            since, number = contradiction.confirmed + 1, contradiction.number
            text = f"line {number} is not the one that was signed at {contradiction.time}"
            if since < number:
                text += f"; one of lines {since} to {number} was changed"
            self._found(contradiction.place, "rewritten", text)
        return ChainVerdict(
            self._pieces.lines,
            tuple(sorted(self._findings, key=lambda finding: finding.place)),
            tuple(self._coverage()),
            (*self._notes, *self._evidence.notes),
            not self._pieces.is_full,
        )

    def _found(self, place: LinePlace, kind: Kind, text: str) -> None:
        self._findings.append(ChainFinding(place, kind, text))

    # --- one run -------------------------------------------------------------------

    def _take(self, run: Run) -> None:
        top = self._top
        if top is None:
            self._take_first(run)
        elif run.chain != top.chain:
            self._take_other_chain(run)
        elif run.first <= top.last:
            self._take_overlapping(run, top)
        else:
            self._take_later(run, top)

    def _accept(self, run: Run) -> None:
        """Let the frontier be at this run's end."""
        first = self._covered[run.chain][0] if run.chain in self._covered else run.first
        self._covered[run.chain] = (first, run.last, run.last_place)
        self._top = run

    def _take_first(self, run: Run) -> None:
        """The first run of the log; its chain began here, or in older files."""
        strays, before = self._strays, run.first - 1
        if not before:
            self._begin(run)
        elif self._is_elsewhere(run, 1, before):
            self._report_strays(0)
        elif strays:
            known = self._evidence.signed.get(run.chain, {})
            missing = before
            for number, signed in known.items():
                if signed.ends_file and number < before:
                    missing = min(missing, before - number)
            self._report_strays(missing)
            self._notes.append(f"the beginning of chain {run.chain} could not be checked")
        else:
            self._check_head(run, before)
        self._accept(run)

    def _check_head(self, run: Run, before: int) -> None:
        """Check what came before the first line that is here, which is not the chain's first."""
        known = self._evidence.signed.get(run.chain, {})
        signed = known.get(before)
        if signed is not None and signed.digest != run.previous:
            text = f"it does not continue line {before}, which was signed at {signed.time}"
            self._found(run.first_place, "rewritten", text)
        elif self._whole or (known and (signed is None or not signed.ends_file)):
            text = f"missing before it: {_lines(1, before)} of chain {run.chain}"
            if not self._whole:
                text += "; the proxy did not end a file there"
            self._found(run.first_place, "removed", text)
        else:
            whose = "" if signed is None else ", where the proxy ended a file"
            self._notes.append(f"in older files: {_lines(1, before)} of chain {run.chain}{whose}")

    def _begin(self, run: Run) -> None:
        """Check the beginning of a chain that has at most strays before it."""
        strays = self._strays
        changed = any(stray.link is not None for stray in strays)
        if changed or (strays and not run.begins_well):
            self._report_strays(0)
        elif strays:
            count = sum(stray.count for stray in strays)
            self._notes.append(f"{count} lines before chain {run.chain} began have no place in it")
        elif run.previous != NOTHING:
            self._notes.append(f"chain {run.chain} began behind a line that is in an older file")
        signed = self._evidence.signed.get(run.chain, {}).get(0)
        if signed is not None and signed.digest != run.previous:
            text = f"it is not the first line of the chain that began at {signed.time}"
            self._found(run.first_place, "rewritten", text)
        self._check_signed_beginning(run)

    def _check_signed_beginning(self, run: Run) -> None:
        evidence = self._evidence
        if run.chain in evidence.began or run.chain not in evidence.signed:
            # Without any at all it is found as such.
            return
        if evidence.first_missing and run.chain in evidence.signed:
            # Its beginning was signed by one of those that are not here any more.
            return
        text = f"no checkpoint was signed for the beginning of chain {run.chain}"
        self._found(run.first_place, "unsigned", text)

    def _take_other_chain(self, run: Run) -> None:
        if run.chain in self._covered:
            text = f"it continues chain {run.chain}, behind lines of another chain"
            self._found(run.first_place, "reordered", text)
        elif run.first != 1:
            text = f"it is line {run.first} of chain {run.chain}, whose beginning is not here"
            self._found(run.first_place, "added", text)
        else:
            self._report_strays(0)
            self._begin_behind(run)
        self._accept(run)

    def _begin_behind(self, run: Run) -> None:
        """Check a chain that begins behind another one."""
        if not run.begins_well and run.chain not in self._evidence.began:
            text = f"chain {run.chain} begins here, and not behind the line before it"
            self._found(run.first_place, "added", text)
        else:
            self._notes.append(f"chain {run.chain} begins at {run.first_place}")
            self._check_signed_beginning(run)

    def _take_later(self, run: Run, top: Run) -> None:
        """A run whose numbers are beyond the frontier."""
        first, last = top.last + 1, run.first - 1
        missing = last - first + 1
        count = self._report_strays(missing)
        if count:
            if count < missing:
                text = f"missing before it: {missing - count} of {_lines(first, last)}"
                self._found(run.first_place, "removed", text)
        elif missing:
            if not self._is_elsewhere(run, first, last):
                text = f"missing before it: {_lines(first, last)}"
                self._found(run.first_place, "removed", text)
        elif run.previous != top.digest:
            text = f"it is not line {top.last} of which the next line has the digest"
            self._found(top.last_place, "changed", text)
        self._accept(run)

    def _is_elsewhere(self, run: Run, first: int, last: int) -> bool:
        """Report a run in front of lines that belong before it."""
        for other in self._runs:
            if other.chain != run.chain or other.first_place <= run.first_place:
                continue
            if other.first <= last and other.last >= first:
                self._gaps.append((run.chain, first, last))
                text = f"line {run.first} comes before line {other.first}, at {other.first_place}"
                self._found(run.first_place, "reordered", text)
                return True
        return False

    def _take_overlapping(self, run: Run, top: Run) -> None:
        """A run with numbers that were there already, or were missing before."""
        self._report_strays(0)
        for chain, first, last in self._gaps:
            if chain == run.chain and first <= run.first and run.last <= last:
                # Found already, as reordered.
                return
        number = run.first
        signed = self._evidence.signed.get(run.chain, {}).get(number)
        earlier = next((known for known in top.known if known[0] == number), None)
        if earlier is not None and earlier[1] != run.first_digest:
            is_signed = signed is not None and signed.digest == run.first_digest
            if run.last > top.last or is_signed:
                text = f"it says that it is line {number}, which is at {run.first_place}"
                self._found(earlier[2], "added", text)
                self._accept(run)
                return
        text = f"there already: {_lines(number, min(run.last, top.last))} of the chain"
        self._found(run.first_place, "added", text)
        if run.last > top.last:
            self._accept(run)

    # --- strays ----------------------------------------------------------------------

    def _report_strays(self, missing: int) -> int:
        """Report the strays where so many lines of the chain are missing; how many there are."""
        count = sum(stray.count for stray in self._strays)
        for stray in self._strays:
            if stray.is_torn:
                text = "the file ends within this line: a crash does this, or a removed end"
                self._found(stray.place, "changed", text)
            elif stray.link is not None:
                text = f"it says that it is line {stray.link.number}, and its digest is another"
                self._found(stray.place, "changed", text)
            elif count <= missing:
                self._found(stray.place, "changed", "it has lost its place in the chain")
            else:
                self._found(stray.place, "added", "it has no place in the chain")
        return count

    # --- ends --------------------------------------------------------------------------

    def _check_signed(self) -> None:
        """Find chains of which no checkpoint is here, where there should be some."""
        evidence = self._evidence
        if not (evidence.keys or evidence.count):
            return
        for chain in self._covered:
            if chain not in evidence.signed:
                run = next(run for run in self._runs if run.chain == chain)
                text = f"there is no checkpoint of chain {chain}"
                if evidence.signed:
                    others = sorted(evidence.signed)
                    more = f" and {len(others) - 1} others" if len(others) > 1 else ""
                    text += f"; those that are here are of {others[0]}{more}"
                self._found(run.first_place, "unsigned", text)

    def _check_ends(self) -> None:
        """Compare where chains end with what was signed of them."""
        chain, number = self._evidence.latest
        signed = {
            each: max(self._evidence.signed.get(each, ()), default=0)
            for each in sorted(self._evidence.beside)
        }
        expected = signed if self._whole else {chain: number} if self._is_live else {}
        for chain, number in expected.items():
            if number and chain not in self._covered:
                text = f"missing: {_lines(1, number)} of chain {chain}, which was signed so far"
                self._found(self._pieces.last_place, "removed", text)
        for chain, (_, last, place) in self._covered.items():
            known = self._evidence.signed.get(chain, {})
            furthest = max(known, default=0)
            ended = self._evidence.ended.get(chain, 0)
            if furthest > last and not self._is_live and last in known and known[last].ends_file:
                behind = _lines(last + 1, furthest)
                self._notes.append(f"in newer files: {behind} of chain {chain}")
            elif furthest > last:
                text = (
                    f"missing behind it: {_lines(last + 1, furthest)} of chain {chain}, which was "
                    f"signed up to line {furthest} at {known[furthest].time}"
                )
                self._found(place, "removed", text)
            elif ended > last:
                text = (
                    f"missing behind it: {_lines(last + 1, ended)} of chain {chain}, which was "
                    f"found up to line {ended} when the next one began"
                )
                self._found(place, "removed", text)

    def _coverage(self) -> list[Covered]:
        covered = []
        for chain, (first, last, _) in self._covered.items():
            signed = self._pieces.confirmed.get(chain, 0)
            known = self._evidence.signed.get(chain, {})
            time = known[signed].time if signed in known else ""
            origins = tuple(self._evidence.origins.get(chain, ()))
            covered.append(Covered(chain, first, last, signed, time, origins))
        return covered
