"""What is said of a trail beside its requests: lines that are not events, and what forms lost."""

from collections.abc import Iterator, Sequence

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.app.standardstreams import counted
from auditproxy.reading.forms.exports import LOST
from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail.lines import DAMAGED, TOO_MUCH
from auditproxy.reading.trail.sources import STANDARD_INPUT, TrailFile

_NOTES = (
    (events.TORN, "line", "torn", "an event begins and does not end"),
    (events.TRUNCATED, "event", "cut on the way", "the bodies and what follows them are missing"),
    (events.FOREIGN, "line", "not an audit event", ""),
    (events.OTHER_VERSION, "event", "of another version of audit.k8s.io", ""),
    (events.ODD, "member", "of a type that an event does not have", "left out"),
    (events.LEGACY, "line", "in the text format of Kubernetes before 1.12, which is not read", ""),
    (events.TOO_LONG, "line", "too long to be read", ""),
    (events.BODILESS, "event", "without bodies, which are too long for SQL", ""),
    (events.GONE, "part", "gone", "a file was packed or removed meanwhile; run it again"),
    (DAMAGED, "packed file", "damaged, and read up to the damage", ""),
    (TOO_MUCH, "packed file", "read in part", "the rest is more than a log can be"),
)
_UNREADABLE = (events.TORN, events.FOREIGN, events.LEGACY, events.TOO_LONG)
"""What a picture has, and an empty log does not."""


def check_has_events(counts: Counts, files: Sequence[TrailFile]) -> None:
    """Raise Unusable where files that were read to their ends have something, and no event."""
    if counts[events.EVENTS] or not any(counts[kind] for kind in _UNREADABLE):
        return
    if len(files) == 1:
        name = "standard input" if files[0].origin == STANDARD_INPUT else files[0].path
        what = f"{name} is not an audit log: it has no audit event"
    else:
        what = (
            f"none of the {counted(len(files), 'file')} is an audit log: they have no audit event"
        )
    raise Unusable(
        f"{what}; name a log of auditproxy or of kube-apiserver, or an export in one of the forms "
        "that docs/reading.md lists",
        code=FAILED,
    )


def notes_of(counts: Counts, forms: Counts) -> Iterator[str]:
    """A line for each thing that was met and is not a whole event."""
    for kind, noun, what, more in _NOTES:
        count = counts[kind]
        if count:
            are = "is" if count == 1 else "are"
            if kind == events.FOREIGN and count > 1:
                what = "not audit events"
            yield f"{counted(count, noun)} {are} {what}" + (f" ({more})" if more else "")
    for form, count in sorted(forms.items()):
        if form in LOST:
            are = "is" if count == 1 else "are"
            yield f"{counted(count, 'event')} {are} in the form {form}, which has {LOST[form]}"
