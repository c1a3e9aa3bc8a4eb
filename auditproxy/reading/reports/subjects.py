"""The subjects of reports: what each counts, and the tables that it makes of it. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.rbac import rights
from auditproxy.reading.reports import access, activity, deprecated, noise
from auditproxy.reading.reports.report import Section
from auditproxy.reading.reports.tallies import Key, Tallies


class Subject(NamedTuple):
    """A report: the groups of a request by its last event and the time it came, and its tables.

    ``sections_of`` gets the days that the trail spans, None where no time passed. ``needle`` are
    bytes without which an event is in no group.
    """

    title: str
    keys_of: Callable[[TrailEvent, str], Sequence[Key]]
    sections_of: Callable[[Tallies, float | None], tuple[Section, ...]]
    counts_events: bool = False
    needle: bytes = b""


SUBJECTS = {
    access.NAME: Subject(access.TITLE, access.keys_of, access.sections_of),
    activity.NAME: Subject(activity.TITLE, activity.keys_of, activity.sections_of),
    deprecated.NAME: Subject(
        deprecated.TITLE,
        deprecated.keys_of,
        deprecated.sections_of,
        needle=deprecated.DEPRECATED.encode(),
    ),
    noise.NAME: Subject(noise.TITLE, noise.keys_of, noise.sections_of, counts_events=True),
    # Roles are made of its groups, and no tables.
    rights.NAME: Subject("Rights that were used", rights.keys_of, lambda tallies, days: ()),
    rights.DERIVED: Subject("Roles", rights.derived_keys_of, lambda tallies, days: ()),
}
"""By the word that the command takes."""
