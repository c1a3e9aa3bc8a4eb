"""Recorded tunnels: the bytes of both directions, as they passed, and how to read them.

``data/tunnels.jsonl.gz`` was recorded between clients and kube-apiserver v1.36.2 (side
``client``), and between that server and a streaming server of the same release (side
``kubelet``). Expectations come from what the other side got, not from these lines.
"""

import base64
import functools
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.apis.session import (
    Carried,
    Channel,
    PortCarried,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from auditproxy.sessions.request import SessionRequest, describe
from auditproxy.sessions.wire.frames import Frames
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sessions.wire.reader import SessionReader

DATA = Path(__file__).parent / "data" / "tunnels.jsonl.gz"

Piece = tuple[bool, bytes]
"""Bytes that passed; true for those of the client."""


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """In as few pieces as the order of the directions allows."""
    held: Piece | None = None
    for from_client, data in pieces:
        if held is not None and held[0] == from_client:
            held = from_client, held[1] + data
            continue
        if held is not None:
            yield held
        held = from_client, data
    if held is not None:
        yield held


@dataclass(frozen=True)
class Tunnel:
    """One recorded tunnel."""

    scenario: str
    client: str
    side: str
    method: str
    target: str
    start: float
    end: float
    head: tuple[tuple[bytes, bytes], ...]
    pieces: tuple[Piece, ...]

    def __str__(self) -> str:
        return f"{self.scenario}-{self.client}-{self.side}-{self.start:.3f}".replace(" ", "")

    @property
    def upgrade(self) -> str:
        """What the connection became."""
        return dict(self.head)[b"Upgrade"].decode()

    @functools.cached_property
    def request(self) -> SessionRequest:
        """What the request says; the kubelet's own API is read as it is behind a node's proxy."""
        prefix = "/api/v1/nodes/n/proxy" if self.side == "kubelet" else ""
        target = parse_target(self.method, (prefix + self.target).encode())
        return describe(resolve(self.method, target), target.query)

    def leads_to(self, other: "Tunnel") -> bool:
        """Whether the other one is this tunnel's other side, between server and kubelet."""
        return (
            (self.side, other.side) == ("client", "kubelet")
            and (self.scenario, self.client) == (other.scenario, other.client)
            and self.start <= other.start <= self.end
            and (self.request.kind, self.request.command)
            == (other.request.kind, other.request.command)
        )

    def sent(self, from_client: bool) -> bytes:
        """All the bytes of one direction."""
        return b"".join(data for side, data in self.pieces if side == from_client)

    def borders(self, from_client: bool) -> list[int]:
        """Where frames of one direction end, counted from its first byte.

        Of a tunnel in WebSocket messages those of the messages; SPDY is not aligned to them.
        """
        raw = self.sent(from_client)
        if self.upgrade == "websocket":
            ends = []
            frames = Frames()
            for at in range(len(raw)):
                frames.follow(raw[at : at + 1])
                if frames.between:
                    ends.append(at + 1)
            return ends
        found, at = [], 0
        while at + 8 <= len(raw):
            at += 8 + int.from_bytes(raw[at + 5 : at + 8])
            found.append(at)
        return found

    def cuts(self) -> Iterator[tuple[Piece, ...]]:
        """In one piece, byte by byte, and cut at every border of a frame and a byte beside it."""
        yield tuple(joined(self.pieces))
        yield tuple(
            (side, data[at : at + 1]) for side, data in self.pieces for at in range(len(data))
        )
        for distance in (-1, 0, 1):
            yield tuple(self._cut(distance))

    def _cut(self, distance: int) -> Iterator[Piece]:
        """Cut so many bytes from every border of a frame."""
        at = {True: 0, False: 0}
        cuts = {side: {one + distance for one in self.borders(side)} for side in (True, False)}
        for side, data in joined(self.pieces):
            start = 0
            for end in (*sorted(one - at[side] for one in cuts[side]), len(data)):
                if start < end <= len(data):
                    yield side, data[start:end]
                    start = end
            at[side] += len(data)

    def reader(self) -> SessionReader:
        """A reader of this tunnel."""
        return reader_for(self.head, self.request)


def reader_for(
    head: tuple[tuple[bytes, bytes], ...],
    request: SessionRequest,
    clock: Callable[[], float] | None = None,
) -> SessionReader:
    """The reader of a tunnel that can be read."""
    reader = open_reader(
        head,
        request.kind,
        stdin=request.stdin,
        stdout=request.stdout,
        stderr=request.stderr,
        tty=request.tty,
        clock=clock,
    )
    assert not isinstance(reader, Unreadable), reader
    return reader


@functools.cache
def tunnels() -> tuple[Tunnel, ...]:
    """Every recorded tunnel."""
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        return tuple(_tunnel(raw) for raw in map(json.loads, lines) if "tunnel" in raw)


def _tunnel(raw: dict[str, Any]) -> Tunnel:
    return Tunnel(
        raw["scenario"],
        raw["client"],
        raw["side"],
        raw["method"],
        raw["target"],
        raw["start"],
        raw["end"],
        tuple((name.encode(), value.encode()) for name, value in raw["responseHeaders"]),
        tuple((side == "c", base64.b64decode(data)) for side, _, data in raw["tunnel"]),
    )


def read(reader: SessionReader, pieces: Iterable[Piece]) -> list[StreamEvent]:
    """All the events of a tunnel."""
    events: list[StreamEvent] = []
    for from_client, data in pieces:
        events += reader.from_client(data) if from_client else reader.from_server(data)
    return events + reader.end()


@dataclass
class Reading:
    """What does not depend on how the bytes were cut."""

    channels: dict[Channel, bytes]
    sizes: dict[tuple[int, bool], int]
    events: list[StreamEvent]


def reading(events: Iterable[StreamEvent]) -> Reading:
    """Contents joined, sizes summed up, everything else in order."""
    found = Reading({}, {}, [])
    pieces: dict[Channel, list[bytes]] = {}
    for event in events:
        if isinstance(event, Carried):
            assert event.data
            pieces.setdefault(event.channel, []).append(event.data)
        elif isinstance(event, PortCarried):
            assert event.size > 0
            key = event.connection, event.from_client
            found.sizes[key] = found.sizes.get(key, 0) + event.size
        else:
            found.events.append(event)
    found.channels = {channel: b"".join(parts) for channel, parts in pieces.items()}
    return found


def session(kind: SessionKind, **streams: bool) -> SessionRequest:
    """A request for a session with these streams."""
    return SessionRequest(
        kind=kind,
        stdin=streams.get("stdin", False),
        stdout=streams.get("stdout", False),
        stderr=streams.get("stderr", False),
        tty=streams.get("tty", False),
    )
