"""What log files have of the requests of a round, and which promises they break.

No request is in the journal without its RequestReceived. When one is in the journal or was
answered, the request before it on its connection has its ResponseComplete. Each event is there
once, nothing is gone that was there before, and all lines but the very last are whole.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tests.chaos.platter import in_order

TARGET = re.compile(r"/api/v1/namespaces/r(\d+)-c(\d+)/configmaps/n(\d+)")
"""A target names round, connection and place."""

Place = tuple[int, int, int]
"""Round, connection and number of a request."""


def place(target: str) -> Place:
    """The place of a target."""
    found = TARGET.fullmatch(target)
    assert found is not None, target
    number, connection, count = map(int, found.groups())
    return number, connection, count


@dataclass
class Round:
    """What is known of a round without the log.

    ``journal`` is what reached the upstream, ``answered`` what a client has the answer of,
    ``before`` the log files as they were, one behind the other, and ``moved`` files that were
    renamed while the proxy wrote to them.
    """

    number: int
    before: bytes = b""
    journal: set[Place] = field(default_factory=set)
    answered: set[Place] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)


@dataclass
class Trail:
    """Log files of a round, read: how often each event is there, ``torn`` ends, and ``faults``."""

    found: Counter[tuple[Place, str]] = field(default_factory=Counter)
    torn: int = 0
    faults: list[str] = field(default_factory=list)


def read(files: Mapping[str, bytes], played: Round) -> Trail:
    """What log files of these names and contents have of a round."""
    trail = Trail()
    names = in_order(files)
    whole = b"".join(files[name] for name in names)
    if not whole.startswith(played.before):
        trail.faults.append("what was there before the round is not there any more")
    for name in names:
        *lines, rest = files[name].split(b"\n")
        if rest and name != "audit.log" and name not in played.moved:
            trail.faults.append(f"{name} was rotated with half a line")
        trail.torn += bool(rest)
        for line in lines:
            _take(line, name, played.number, trail)
    trail.faults += _broken(trail.found, played)
    return trail


def _take(line: bytes, name: str, number: int, trail: Trail) -> None:
    try:
        event = json.loads(line)
    except ValueError:
        trail.faults.append(f"{name} has a line that is no event: {line[:80]!r}")
        return
    where = place(event["requestURI"])
    if where[0] == number:
        trail.found[where, event["stage"]] += 1


def _broken(found: Mapping[tuple[Place, str], int], played: Round) -> list[str]:
    """The promises that a log breaks which has these events."""
    faults = [f"{key} is in the log {count} times" for key, count in found.items() if count > 1]
    for where in sorted(played.journal):
        if (where, "RequestReceived") not in found:
            faults.append(f"{where} was forwarded without a record")
        faults += _before(where, "forwarded", found)
    for where in sorted(played.answered):
        faults += _before(where, "answered", found)
    return faults


def _before(where: Place, did: str, found: Collection[tuple[Place, str]]) -> list[str]:
    number, connection, count = where
    before = ((number, connection, count - 1), "ResponseComplete")
    if not count or before in found:
        return []
    return [f"{where} was {did} before {before} was stored"]
