"""Lines: the events that ``serve`` writes, from standard input to a terminal, a line a request.

A process of its own (terminal.py), so that the proxy reads no trail. It ends with its input.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC

from auditproxy.app.standardstreams import write_all
from auditproxy.commands.events.command import is_colored, terminal_width
from auditproxy.commands.events.printing import Printer, Shown
from auditproxy.commands.serve.terminal import LONGEST_PIECE
from auditproxy.reading.forms.unwrapping import Unwrapper
from auditproxy.reading.meaning.arrivals import Arrivals
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.facts import RequestFacts

_LONGEST = 1 << 20
"""Characters shown of a line that is not an event."""


class RequestLines:
    """Takes the proxy's lines in order, and gives those of ``auditproxy events tail``."""

    def __init__(self, how: Shown) -> None:
        self._unwrapper = Unwrapper("-", Counts(), Counts())
        self._arrivals = Arrivals()
        self._printer = Printer(how)

    def take(self, lines: Sequence[bytes]) -> str:
        """What is shown of them; a line that is not an event is shown as it is."""
        try:
            return "".join(self._shown(lines))
        except Exception:
            # A fault of ours must not hide events.
            return "".join(map(_as_it_is, lines))

    def _shown(self, lines: Sequence[bytes]) -> Iterator[str]:
        requests: list[RequestFacts] = []
        for line in lines:
            events = list(self._unwrapper.take(line))
            if not events and line.strip():
                yield from self._printer.lines(requests)
                requests = []
                yield _as_it_is(line)
            for event in events:
                if (request := self._arrivals.take(event)) is not None:
                    requests.append(RequestFacts(request))
        yield from self._printer.lines(requests)


def lines_of(descriptor: int) -> Iterator[list[bytes]]:
    """The lines that have come, as soon as there are whole ones; at the end what is left."""
    pieces: list[bytes] = []
    while piece := os.read(descriptor, LONGEST_PIECE):
        whole, end, rest = piece.rpartition(b"\n")
        if not end:
            pieces.append(piece)
            continue
        yield b"".join((*pieces, whole)).split(b"\n")
        pieces = [rest]
    if last := b"".join(pieces):
        yield [last]


def main() -> int:
    """Show requests until the proxy has ended; the exit code, 1 when the terminal is gone."""
    how = Shown(
        output="table",
        diff=False,
        limit=0,
        oldest_first=True,
        zone=UTC,
        now=time.time_ns(),
        is_colored=is_colored("auto", sys.stdout.isatty(), os.environ),
        width=terminal_width() if sys.stdout.isatty() else None,
    )
    requests = RequestLines(how)
    try:
        for lines in lines_of(0):
            write_all(1, requests.take(lines).encode("utf-8", "backslashreplace"))
    except OSError:
        return 1
    return 0


def _as_it_is(line: bytes) -> str:
    return f"{visible(line.decode('utf-8', 'replace'), _LONGEST)}\n"


if __name__ == "__main__":
    sys.exit(main())
