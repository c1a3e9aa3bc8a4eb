"""Every recorded tunnel: cut anywhere it reads and is recorded the same, and asciinema takes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    PortClosed,
    PortOpened,
    Record,
    Resized,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.castnotes import Note
from auditproxy.sessions.castreader import CastResize
from tests.fakes import asciinema
from tests.fakes.recorded import Stores, a_session, read_recording
from tests.sessions.tunnels import Piece, Tunnel, joined, reading, tunnels

IN, OUT, ERR = Channel.STDIN, Channel.STDOUT, Channel.STDERR


@dataclass(frozen=True)
class Content:
    """What a recording says, apart from how its streams were cut into lines."""

    streams: tuple[bytes, ...]
    sizes: list[tuple[int, int]]
    notes: list[Note]


def events_of(tunnel: Tunnel, pieces: Iterable[Piece]) -> list[list[StreamEvent]]:
    """What is read of each piece, and at the end."""
    reader = tunnel.reader()
    found = [
        reader.from_client(data) if from_client else reader.from_server(data)
        for from_client, data in pieces
    ]
    return [*found, reader.end()]


def recorded(tunnel: Tunnel, events: Iterable[list[StreamEvent]], folder: Path) -> Path:
    """The recording of a tunnel whose pieces all came at one moment."""
    asked = tunnel.request
    session = a_session(
        kind=asked.kind,
        command=asked.command,
        container=asked.container,
        stdin=asked.stdin,
        stdout=asked.stdout,
        stderr=asked.stderr,
        tty=asked.tty,
    )
    recording = Stores(folder).new().open(session, Record.INPUT_OUTPUT, moment=0)
    for batch in events:
        recording.take(0, batch)
    return Path(recording.finish(0, None).path)


def content(path: Path) -> Content:
    """What it says."""
    cast = read_recording(path)
    assert cast.header is not None
    sizes = [(e.columns, e.rows) for e in cast.events if isinstance(e, CastResize)]
    return Content(
        tuple(cast.data(channel) for channel in Channel),
        [(cast.header.width, cast.header.height), *sizes],
        cast.notes(),
    )


@pytest.mark.parametrize("tunnel", tunnels(), ids=str)
def test_cut_anywhere(tunnel: Tunnel, tmp_path: Path) -> None:
    """As recorded, in one piece, byte by byte and cut around every frame's border: the same."""
    expected = events_of(tunnel, tunnel.pieces)
    first = (
        reading(chain.from_iterable(expected)),
        content(recorded(tunnel, expected, tmp_path / "as-recorded")),
    )
    for number, pieces in enumerate(tunnel.cuts()):
        assert list(joined(pieces)) == list(joined(tunnel.pieces))
        events = events_of(tunnel, pieces)
        path = recorded(tunnel, events, tmp_path / str(number))
        assert (reading(chain.from_iterable(events)), content(path)) == first


def test_asciinema_takes_all(tmp_path: Path) -> None:
    """Every tunnel's recording is played by others."""
    paths = [
        recorded(tunnel, events_of(tunnel, tunnel.pieces), tmp_path / str(number))
        for number, tunnel in enumerate(tunnels())
    ]
    assert len(paths) > 290
    asciinema.takes(paths, tmp_path)


EVERYTHING: list[StreamEvent] = [
    *(Carried(OUT, b"one\r\n"), Carried(ERR, b"two\r\n"), Resized(100, 30)),
    *(Carried(IN, b"\xff\n"), InputClosed(), Carried(OUT, b"caf\xe9\r\n\0\x7f")),
    *(PortOpened(0, 80), Unreadable(False, "x"), PortClosed(0)),
]


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize("record", [Record.METADATA, Record.OUTPUT, Record.INPUT_OUTPUT])
def test_asciinema_takes_every_line(tmp_path: Path, record: Record, tty: bool) -> None:
    """Lines of every kind, and what the container wrote is shown."""
    recording = Stores(tmp_path).new().open(a_session(tty=tty), record, moment=0)
    recording.take(0, EVERYTHING)
    recording.command(0, "ls", ["prompt?"])
    recording.gap(0, 5)
    path = Path(recording.finish(0, None).path)
    asciinema.takes([path], tmp_path)
    assert (b'"o", "one' in path.read_bytes()) == (record != Record.METADATA)
