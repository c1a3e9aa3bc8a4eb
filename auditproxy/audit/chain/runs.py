"""Runs: lines that follow each other in a chain, and the lines between them that do not.

    lines --read_link, is_sound--> Run, Stray, Run, ...

An intact log is one run for each of its chains. What was done to another shows in where runs end
and begin (verifying.py). Memory depends on the number of runs, not on that of lines.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditproxy.audit.chain.evidence import Signed
from auditproxy.audit.chain.findings import LinePlace
from auditproxy.audit.chain.links import NOTHING, Link, digest_of_line, is_sound, read_link

MAXIMUM_PIECES = 2000
"""Runs and strays of one log; what has more is not read on."""

RECENT = 64
"""Lines at the end of a run whose places are known."""

_NONE: Mapping[int, Signed] = {}


@dataclass(slots=True)
class Run:
    """Lines that follow each other, each of them as its digest says."""

    chain: str
    first: int
    first_digest: str
    previous: str
    first_place: LinePlace
    last: int
    digest: str
    last_place: LinePlace
    begins_well: bool = False
    """Whether the first line of a chain names what is before it."""
    known: "deque[tuple[int, str, LinePlace]]" = field(default_factory=lambda: deque(maxlen=RECENT))
    """Number, digest and place of the last lines."""


@dataclass(slots=True)
class Stray:
    """Lines, one behind the other, that are in no chain (``link`` None) or not what they say."""

    place: LinePlace
    last_place: LinePlace
    count: int
    link: Link | None
    is_torn: bool = False


@dataclass(slots=True)
class Contradiction:
    """A line that is not the one that was signed; ``confirmed`` is the last one that was."""

    place: LinePlace
    number: int
    confirmed: int
    time: str


class ChainPieces:
    """Takes the lines of one log in order; ``signed`` is what checkpoints say of each chain."""

    def __init__(self, signed: Mapping[str, Mapping[int, Signed]]) -> None:
        self.found: list[Run | Stray] = []
        self.contradictions: dict[str, Contradiction] = {}
        self.confirmed: dict[str, int] = {}
        """The last line of each chain that is as it was signed."""
        self.lines = 0
        self.last_place = LinePlace(0, "", 0)
        """That of the line that was taken last; where there is none, of the log."""
        self.is_full = False
        self._signed = signed
        self._run: Run | None = None
        self._known: Mapping[int, Signed] = _NONE
        self._before = b""

    @property
    def is_without_chain(self) -> bool:
        """Whether no line says that it is in a chain, and none was signed: none is misplaced."""
        return all(isinstance(piece, Stray) and piece.link is None for piece in self.found) and (
            not any(max(lines, default=0) for lines in self._signed.values())
        )

    def take(self, line: bytes, place: LinePlace) -> None:
        """Take the next line with its newline."""
        self.lines += 1
        self.last_place = place
        link = read_link(line)
        if link is None or not is_sound(line, link):
            self._stray(line, place, link)
        else:
            run = self._run
            if (
                run is None
                or link.number != run.last + 1
                or link.previous != run.digest
                or link.chain != run.chain
            ):
                self._begin(link, place)
            else:
                run.last, run.digest, run.last_place = link.number, link.digest, place
                run.known.append((link.number, link.digest, place))
            signed = self._known.get(link.number)
            if signed is not None:
                self._compare(link, signed, place)
        self._before = line

    def _begin(self, link: Link, place: LinePlace) -> None:
        """Begin a run with this line."""
        if len(self.found) >= MAXIMUM_PIECES:
            self.is_full = True
            return
        chain, number, previous, digest = link
        run = Run(chain, number, digest, previous, place, number, digest, place)
        run.known.append((link.number, link.digest, place))
        if link.number == 1:
            before = self._before
            run.begins_well = link.previous == (digest_of_line(before) if before else NOTHING)
        self.found.append(run)
        self._run = run
        self._known = self._signed.get(link.chain, _NONE)

    def _stray(self, line: bytes, place: LinePlace, link: Link | None) -> None:
        """A line that is in no run; those without a chain are put together."""
        self._run = None
        last = self.found[-1] if self.found else None
        is_torn = not line.endswith(b"\n")
        if isinstance(last, Stray) and link is None and last.link is None and not is_torn:
            last.last_place = place
            last.count += 1
        elif len(self.found) >= MAXIMUM_PIECES:
            self.is_full = True
        else:
            self.found.append(Stray(place, place, 1, link, is_torn))

    def _compare(self, link: Link, signed: Signed, place: LinePlace) -> None:
        """Compare a line with what was signed of it."""
        if link.digest == signed.digest:
            if link.chain not in self.contradictions:
                before = self.confirmed.get(link.chain, 0)
                self.confirmed[link.chain] = max(before, link.number)
        elif link.chain not in self.contradictions:
            confirmed = self.confirmed.get(link.chain, 0)
            self.contradictions[link.chain] = Contradiction(
                place, link.number, confirmed, signed.time
            )
