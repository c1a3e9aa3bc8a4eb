"""What verification finds: a place, a kind, and a sentence."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["changed", "added", "removed", "reordered", "rewritten", "unsigned", "unreadable"]
"""``rewritten``: consistent in itself, and not what was signed. ``unsigned``: a new chain, or a
checkpoint, that no known key has signed."""


class LinePlace(NamedTuple):
    """A line of a file, from 1; ``order`` is the file's place among those that are read."""

    order: int
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """Something that the proxy did not write so."""

    place: LinePlace
    kind: Kind
    text: str
