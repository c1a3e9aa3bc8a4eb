"""``auditproxy events tail``: the newest requests, oldest first, and those that come."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.events.printing import Printer, Shown, Text
from auditproxy.reading.forms.unwrapping import Unwrapper
from auditproxy.reading.meaning.arrivals import Arrivals
from auditproxy.reading.meaning.conditions import admits_all
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.trail.buckets import is_bucket
from auditproxy.reading.trail.following import Follower, end_of_lines
from auditproxy.reading.trail.lines import is_packed, is_saved
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import STANDARD_INPUT, TrailFile

PAUSE = 0.2
"""Seconds between two polls."""


def run_tail(
    files: Sequence[TrailFile],
    search: Search,
    how: Shown,
    out: Text,
    err: Text,
    *,
    follow: bool,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Print requests until it is interrupted, or those that are there; the exit code."""
    if follow and not any(map(_grows, files)):
        raise Unusable(
            "--follow needs a log that is being written; what is packed, rotated, saved, in a "
            "bucket or piped in beside other logs does not grow"
        )
    bounded = [_to_its_end(file) for file in files] if follow else list(files)
    found = newest(bounded, search, how.limit)
    show = Printer(how).lines
    _write(show([RequestFacts(request) for request in found.requests]), out)
    for note in notes_of(found.counts, found.forms):
        err.write(f"auditproxy: warning: {note}\n")
    if not follow:
        if found.read == found.size:
            check_has_events(found.counts, files)
        return 0
    counts, forms = Counts(), Counts()
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        followed = [
            (_begin(file, counts, stack), Unwrapper(file.origin, counts, forms))
            for file in bounded
            if _grows(file)
        ]
        arrivals = Arrivals()
        while True:
            for follower, unwrapper in followed:
                requests = _arrived(follower.poll(), unwrapper, arrivals, search)
                _write(show(list(requests)), out)
            wait(PAUSE)
    for note in notes_of(counts, forms):
        err.write(f"auditproxy: warning: {note}\n")
    return 0


def run_stream(search: Search, how: Shown, out: Text, err: Text) -> int:
    """Print the requests of standard input as they come, to its end; the exit code."""
    counts, forms = Counts(), Counts()
    unwrapper, arrivals, show = Unwrapper("-", counts, forms), Arrivals(), Printer(how).lines
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin.buffer:
            requests = list(_arrived((line,), unwrapper, arrivals, search))
            if requests:
                _write(show(requests), out)
    for note in notes_of(counts, forms):
        err.write(f"auditproxy: warning: {note}\n")
    check_has_events(counts, [TrailFile(STANDARD_INPUT, STANDARD_INPUT)])
    return 0


def _to_its_end(file: TrailFile) -> TrailFile:
    """The file as it is now, to the end of its last whole line: the rest is followed."""
    if not _grows(file):
        return file
    return msgspec.structs.replace(file, length=end_of_lines(file.path))


def _grows(file: TrailFile) -> bool:
    """Whether lines are written to it."""
    is_copy = file.origin == STANDARD_INPUT or is_bucket(file.origin)
    return not (is_copy or file.is_rotated or is_packed(file.path) or is_saved(file.path))


def _begin(file: TrailFile, counts: Counts, stack: contextlib.ExitStack) -> Follower:
    follower = Follower(file, file.length or 0, counts)
    stack.callback(follower.close)
    return follower


def _arrived(
    lines: Iterable[bytes], unwrapper: Unwrapper, arrivals: Arrivals, search: Search
) -> Iterator[RequestFacts]:
    for line in lines:
        for seen in unwrapper.take(line):
            request = arrivals.take(seen)
            if request is None or not _is_between(request.received, search):
                continue
            if admits_all(search.conditions, request.event):
                yield RequestFacts(request)


def _is_between(received: int, search: Search) -> bool:
    is_late = search.until is not None and received >= search.until
    return not is_late and (search.since is None or received >= search.since)


def _write(lines: Iterable[str], out: Text) -> None:
    for line in lines:
        out.write(line)
    out.flush()
