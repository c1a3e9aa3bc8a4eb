"""A copy's session: names and sizes instead of content, and nothing else is left out."""

import io
import tarfile

import pytest

from auditproxy.apis.session import Carried, Channel, InputClosed, StreamEvent
from auditproxy.sessions.castnotes import CopiedFileNote, CopyEndNote, CopyNote
from auditproxy.sessions.copying import Copying
from tests.fakes.recorded import a_session

IN, OUT, ERR = Channel.STDIN, Channel.STDOUT, Channel.STDERR
FROM = ("tar", "cf", "-", "/etc/hosts")
TO = ("tar", "-xmf", "-", "-C", "/tmp")


def archive() -> bytes:
    """A tar file with a secret in it."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        member = tarfile.TarInfo("etc/hosts")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"secret"))
    return target.getvalue()


def test_from_a_container() -> None:
    """Its output is the tar stream; what it says on standard error is kept."""
    copying = Copying(a_session(command=FROM, stdin=False, tty=False))
    error = Carried(ERR, b"tar: removing leading /\n")
    kept, notes = copying.take([error, Carried(OUT, archive()), InputClosed()])
    assert kept == [error, InputClosed()]
    assert notes == [
        CopyNote(direction="from the container", path="/etc/hosts"),
        CopiedFileNote(name="etc/hosts", size=6),
    ]
    assert copying.end() == ((), [CopyEndNote(files=1, bytes=6)])


def test_to_a_container() -> None:
    """Its input is."""
    copying = Copying(a_session(command=TO, tty=False))
    kept, notes = copying.take([Carried(IN, archive()), Carried(OUT, b"what")])
    assert kept == [Carried(OUT, b"what")]
    assert notes[0] == CopyNote(direction="to the container", path="/tmp")


def test_a_program_that_calls_itself_tar() -> None:
    """What is no tar stream is recorded as what it is."""
    copying = Copying(a_session(command=FROM, stdin=False, tty=False))
    kept, _ = copying.take([Carried(OUT, b"x" * 600)])
    assert kept == [Carried(OUT, b"x" * 600)]
    kept, _ = copying.take([Carried(OUT, b"more")])
    assert kept == [Carried(OUT, b"more")]
    rest, notes = copying.end()
    assert rest == ()
    assert notes == [CopyEndNote(fault="a block is not a tar header")]
    short = Copying(a_session(command=FROM, stdin=False, tty=False))
    assert short.take([Carried(OUT, b"short")])[0] == []
    assert short.end()[0] == (Carried(OUT, b"short"),)


@pytest.mark.parametrize("dropped", range(20))
def test_missing_pieces(dropped: int) -> None:
    """Whichever piece is missing: no content is kept, and the end says what was not read."""
    content = archive()
    pieces = [content[start : start + 512] for start in range(0, len(content), 512)]
    assert len(pieces) == 20
    copying = Copying(a_session(command=FROM, stdin=False, tty=False))
    for number, piece in enumerate(pieces):
        if number == dropped:
            copying.lost()
            continue
        # Pieces that are no whole blocks, as a network delivers them.
        for part in (piece[:300], piece[300:]):
            assert copying.take([Carried(OUT, part)])[0] == []
    error = Carried(ERR, b"tar: no such file\n")
    assert copying.take([error])[0] == [error]
    rest, notes = copying.end()
    assert rest == ()
    end = notes[-1]
    assert isinstance(end, CopyEndNote)
    assert end.fault == "bytes of it are missing, and what follows is not read"
    assert end.unread == 512 * (19 - dropped)


def test_what_is_no_copy() -> None:
    """With a terminal, or with another command, everything passes."""
    events: list[StreamEvent] = [Carried(OUT, archive())]
    for session in (a_session(command=FROM, tty=True), a_session(tty=False)):
        copying = Copying(session)
        assert copying.copy is None
        copying.lost()
        assert copying.take(events) == (events, [])
        assert copying.end() == ((), [])


def test_input_says_what_is_a_copy() -> None:
    """kubectl gives a copy from the container no input, and one to it some."""
    assert Copying(a_session(command=FROM, stdin=True, tty=False)).copy is None
    assert Copying(a_session(command=TO, stdin=False, tty=False)).copy is None


def test_no_header_comes() -> None:
    """A copy that begins in the middle of a member, and never gets to another: that is said."""
    command = ("sh", "-c", "tar cf - x | tail -c+513")
    copying = Copying(a_session(command=command, stdin=False, tty=False))
    kept, _ = copying.take([Carried(OUT, b"x" * 1024)])
    assert kept == []
    _, notes = copying.end()
    assert notes == [CopyEndNote(unread=1024, fault="no header of it came")]
