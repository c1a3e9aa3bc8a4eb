"""What can be done to the lines of a log, and what is found of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from auditproxy.audit.chain.findings import Kind
from auditproxy.audit.chain.links import ChainEnd, read_link
from auditproxy.audit.encode import json_line
from tests.fakes.backends import event

Files = list[list[bytes]]


def changed(line: bytes) -> bytes:
    """The line with another verb."""
    return line.replace(b'"verb":"get"', b'"verb":"put"')


def redone(line: bytes) -> bytes:
    """The line changed, with a digest that fits, as who knows the form makes it."""
    link = read_link(line)
    assert link is not None
    bare = json.loads(changed(line))
    for name in list(bare["annotations"]):
        if name.startswith("auditproxy.io/chain"):
            del bare["annotations"][name]
    if not bare["annotations"]:
        del bare["annotations"]
    text = json.dumps(bare, separators=(",", ":")).encode() + b"\n"
    return ChainEnd(link.chain, link.number - 1, link.previous).chained(text)[0]


def foreign() -> bytes:
    """A line as a proxy without a chain writes it."""
    return json_line(event("foreign"))


def change(files: Files, file: int, line: int) -> None:
    """Another verb in a line."""
    files[file][line] = changed(files[file][line])


def recompute(files: Files, file: int, line: int) -> None:
    """The same, with a digest that fits."""
    files[file][line] = redone(files[file][line])


def strip(files: Files, file: int, line: int) -> None:
    """A line without its place in the chain."""
    files[file][line] = json_line(event("a0"))


def remove(files: Files, file: int, line: int) -> None:
    """A line less."""
    del files[file][line]


def insert_foreign(files: Files, file: int, line: int) -> None:
    """A line that is in no chain."""
    files[file].insert(line, foreign())


def insert_forged(files: Files, file: int, line: int) -> None:
    """A line that continues the one before it."""
    link = read_link(files[file][line - 1])
    assert link is not None
    forged = ChainEnd(link.chain, link.number, link.digest).chained(foreign())[0]
    files[file].insert(line, forged)


def duplicate(files: Files, file: int, line: int) -> None:
    """A line twice."""
    files[file].insert(line, files[file][line - 1])


def swap(files: Files, file: int, line: int) -> None:
    """A line and the next one exchanged."""
    lines = files[file]
    lines[line], lines[line + 1] = lines[line + 1], lines[line]


def move_down(files: Files, file: int, line: int) -> None:
    """A line moved behind three others."""
    files[file].insert(line + 3, files[file].pop(line))


def cut_file_end(files: Files, file: int, line: int) -> None:
    """The end of a file cut off."""
    del files[file][line:]


@dataclass(frozen=True)
class Manipulation:
    """Something done to a line, from 0, of a file; neither the first nor one of the last three."""

    does: Callable[[Files, int, int], None]
    kind: Kind
    shows_in_next_file: bool = False

    def __str__(self) -> str:
        return self.does.__name__

    def place(self, file: int, line: int) -> tuple[int, int]:
        """Where it is found: file and line, the line from 1."""
        return (file + 1, 1) if self.shows_in_next_file else (file, line + 1)


MANIPULATIONS = (
    Manipulation(change, "changed"),
    Manipulation(recompute, "changed"),
    Manipulation(strip, "changed"),
    Manipulation(remove, "removed"),
    Manipulation(insert_foreign, "added"),
    Manipulation(insert_forged, "added"),
    Manipulation(duplicate, "added"),
    Manipulation(swap, "reordered"),
    Manipulation(move_down, "reordered"),
    Manipulation(cut_file_end, "removed", shows_in_next_file=True),
)
