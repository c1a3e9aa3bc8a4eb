"""What the containers keep of their sessions."""

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.pods.journal import (
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_SESSIONS,
    ContainerSession,
    Journal,
    KeptBytes,
)

POD: dict[str, Any] = {"metadata": {"name": "hello", "namespace": "default"}}


def new_session() -> ContainerSession:
    """A session of a shell."""
    return ContainerSession("exec", "default", "hello", "", ("sh",), tty=True)


def test_kept_bytes() -> None:
    """The first bytes are kept; the size and the digest are those of all."""
    kept = KeptBytes()
    kept.add(b"a" * (MOST_BYTES - 1))
    kept.add(b"bcd")
    assert kept.data[-2:] == b"ab"
    assert (len(kept.data), kept.size) == (MOST_BYTES, MOST_BYTES + 2)
    assert kept.sha256 == hashlib.sha256(b"a" * (MOST_BYTES - 1) + b"bcd").hexdigest()


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), max_size=5), st.data())
def test_resizes(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    """Sizes come one by one, however they are cut and whatever space is between them."""
    text = b"\n".join(b'{"Width":%d,"Height":%d}' % size for size in sizes)
    cut = data.draw(st.integers(0, len(text)))
    session = new_session()
    session.resized(text[:cut])
    session.resized(text[cut:])
    assert session.resizes == sizes


def test_resizes_are_bounded() -> None:
    """What is not a size is left out; no more is kept than a test could want."""
    session = new_session()
    session.resized(b"[1]")
    session.resized(b'{"Width":1,"Height":2}' * (MOST_ENTRIES + 1))
    assert session.resizes == [(1, 2)] * MOST_ENTRIES
    session.resized(b"{" * 10_000)
    assert len(session.resizes) == MOST_ENTRIES


def test_connections_are_bounded() -> None:
    """Each connection has an account; that of the last ones is not kept."""
    session = new_session()
    for number in range(MOST_ENTRIES + 1):
        session.connected(str(number)).received = number
    assert [each.received for each in session.connections] == list(range(MOST_ENTRIES))


def test_journal() -> None:
    """The last sessions, with what their requests ask for."""
    journal = Journal()
    for _ in range(MOST_SESSIONS):
        journal.begin("portforward", POD, {})
    query = {"command": ["sh", "-c", "ls"], "container": ["app"], "tty": ["true"]}
    session = journal.begin("exec", POD, query)
    assert len(journal.sessions) == MOST_SESSIONS
    assert journal.sessions[-1] is session
    assert (session.namespace, session.pod, session.container) == ("default", "hello", "app")
    assert session.command == ("sh", "-c", "ls")
    assert session.tty
    assert not journal.sessions[0].tty
    assert session.exit_code is None
