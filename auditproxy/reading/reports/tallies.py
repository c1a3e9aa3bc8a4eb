"""Tallies: what is counted of each group of requests, and groups put together in bounded memory.

Pure. Times are texts in UTC with six digits, which sort as the times do.
"""

from collections.abc import Mapping

import msgspec

from auditproxy.reading.meaning.moments import iso, stamp

Key = tuple[str, ...]
"""What requests of one group have in common; its first text is the section of the report."""

MOST_GROUPS = 200_000
"""Groups of one report; requests of further ones are counted together."""
_LENGTH = len("2026-11-23T10:00:00.000000Z")
_MICROSECOND = 1000


class RequestTally(msgspec.Struct):
    """The requests of one group; ``size`` and ``bodies`` are bytes of their lines."""

    requests: int = 0
    refused: int = 0
    """Answered with 401 or 403."""
    events: int = 0
    size: int = 0
    bodies: int = 0
    first: str = ""
    last: str = ""

    def add(self, other: "RequestTally") -> None:
        """Count what another one counted."""
        self.requests += other.requests
        self.refused += other.refused
        self.events += other.events
        self.size += other.size
        self.bodies += other.bodies
        if other.first and (not self.first or other.first < self.first):
            self.first = other.first
        self.last = max(self.last, other.last)


class Tallies:
    """Groups with their tallies; of more than ``most``, the others are counted together."""

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self._most = most
        self.groups: dict[Key, RequestTally] = {}
        self.others = RequestTally()

    def add(self, key: Key, tally: RequestTally) -> None:
        """Count what belongs to one group."""
        known = self.groups.get(key)
        if known is not None:
            known.add(tally)
        elif len(self.groups) < self._most:
            self.groups[key] = msgspec.structs.replace(tally)
        else:
            self.others.add(tally)

    def add_all(self, groups: Mapping[Key, RequestTally]) -> None:
        """Count groups of another place."""
        for key, tally in groups.items():
            self.add(key, tally)

    def of(self, section: str) -> dict[Key, RequestTally]:
        """The groups of one section."""
        return {key: tally for key, tally in self.groups.items() if key[0] == section}


def moment_text(text: str) -> str:
    """A time of an event in the form in which tallies have it; "" for what is not a time."""
    if len(text) == _LENGTH and text[-1] == "Z" and text[19] == "." and text[10] == "T":
        return text
    found = stamp(text)
    return "" if found is None else text_of(found)


def text_of(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as such a text."""
    whole = iso(nanoseconds - nanoseconds % (1_000_000 * _MICROSECOND))
    fraction = nanoseconds // _MICROSECOND % 1_000_000
    return f"{whole.removesuffix('Z').partition('.')[0]}.{fraction:06d}Z"
