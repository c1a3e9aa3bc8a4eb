"""Lines of any form to events."""

from auditproxy.reading.events import Counts
from auditproxy.reading.unwrapping import Unwrapper
from tests.fakes.trails import event, line_of


def test_native() -> None:
    """A line of an audit log is its event."""
    forms = Counts()
    unwrapper = Unwrapper("origin", Counts(), forms)
    (found,) = unwrapper.take(line_of(event()))
    assert (found.event.verb, found.origin) == ("get", "origin")
    assert list(unwrapper.finish()) == []
    assert forms == {"native": 1}
