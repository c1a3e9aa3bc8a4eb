"""What is said of a trail beside its requests: lines that are not events, and what forms lost."""

from collections.abc import Iterator

from auditproxy.app.standardstreams import counted
from auditproxy.reading.forms.exports import LOST
from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail.lines import DAMAGED, TOO_MUCH

_NOTES = (
    (events.TORN, "line", "torn", "begins as an event and does not end as one"),
    (events.TRUNCATED, "event", "cut on the way", "the bodies and what follows them are missing"),
    (events.FOREIGN, "line", "not an audit event", ""),
    (events.OTHER_VERSION, "event", "of another version of audit.k8s.io", ""),
    (events.ODD, "member", "of a type that an event does not have", "left out"),
    (events.LEGACY, "line", "in the text format of Kubernetes before 1.12, which is not read", ""),
    (events.TOO_LONG, "line", "too long to be read", ""),
    (events.GONE, "part", "gone: its file was packed or removed meanwhile", "run it again"),
    (DAMAGED, "packed file", "damaged, and read up to the damage", ""),
    (TOO_MUCH, "packed file", "read in part", "it unpacks to more than a log can"),
)


def notes_of(counts: Counts, forms: Counts) -> Iterator[str]:
    """A line for each thing that was met and is not a whole event."""
    for kind, noun, what, more in _NOTES:
        count = counts[kind]
        if count:
            are = "is" if count == 1 else "are"
            yield f"{counted(count, noun)} {are} {what}" + (f" ({more})" if more else "")
    for form, count in sorted(forms.items()):
        if form in LOST:
            are = "is" if count == 1 else "are"
            yield f"{counted(count, 'event')} {are} in the form {form}, which has {LOST[form]}"
