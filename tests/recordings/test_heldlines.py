"""Lines that wait to be written."""

from auditproxy.apis.session import Carried, Channel
from auditproxy.recordings.heldlines import HeldLines
from auditproxy.recordings.recordedbytes import RecordedBytes


def test_header_apart() -> None:
    """It waits while others are dropped; bytes count as recorded once their lines are written."""
    recorded = RecordedBytes(lambda channel: True, None)
    held = HeldLines(recorded)
    recorded.take(Carried(Channel.STDOUT, b"abcdef"), is_stopped=False)
    assert not held
    assert list(held.after_header([b"header", b"abc"], [0, 3])) == [(b"abc", 3)]
    held.add(b"abc", 3)
    assert (held.header, held.joined, len(held)) == (b"header", b"headerabc", 9)
    assert recorded.missing() == 3
    held.drop()
    assert (held.joined, recorded.missing()) == (b"header", 6)
    held.add(b"def", 3)
    held.wrote()
    held.drop()
    assert (held.header, held.joined, recorded.missing()) == (b"", b"", 3)
    held.add_all([b"note"])
    assert held.joined == b"note"
