"""Every recorded tunnel: cut anywhere it reads the same, and what is read is what ran."""

from collections.abc import Iterator

import pytest

from auditproxy.apis.session import (
    Unreadable,
)
from auditproxy.sessions.wire.frames import Frames
from tests.sessions.tunnels import Piece, Reading, Tunnel, read, reading, tunnels

ENDED_BY_THE_SERVER = {"raw-v5-ff-badlen", "raw-v5-ff-badchan", "raw-v5-unmasked"}
"""Scenarios in which the server reads no further, as this reader does not."""

NO_CHANNEL = {"raw-v5-defaults", "raw-v5-nostreams", "raw-v5-attach-defaults"}
"""Refused by the kubelet after the 101: there is no tunnel on its side."""


def whole(tunnel: Tunnel) -> Reading:
    """What is read of the pieces as they were recorded."""
    return reading(read(tunnel.reader(), tunnel.pieces))


def bytewise(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """Byte by byte."""
    for from_client, data in pieces:
        for at in range(len(data)):
            yield from_client, data[at : at + 1]


def joined(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """In as few pieces as the order of the directions allows."""
    held: Piece | None = None
    for from_client, data in pieces:
        if held is not None and held[0] == from_client:
            held = from_client, held[1] + data
        else:
            if held is not None:
                yield held
            held = from_client, data
    if held is not None:
        yield held


def borders(tunnel: Tunnel, from_client: bool) -> set[int]:
    """Where frames of one direction end, counted from its first byte.

    Of a tunnel in WebSocket messages those of the messages; SPDY frames are not aligned to them.
    """
    raw = b"".join(data for side, data in tunnel.pieces if side == from_client)
    if tunnel.upgrade == "websocket":
        frames = Frames()
        return {
            at + 1
            for at in range(len(raw))
            if frames.follow(raw[at : at + 1]) is not None and frames.between
        }
    found, at = set(), 0
    while at + 8 <= len(raw):
        at += 8 + int.from_bytes(raw[at + 5 : at + 8])
        found.add(at)
    return found


def cut(tunnel: Tunnel, distance: int) -> Iterator[Piece]:
    """Cut at every border of a frame, or so many bytes from it."""
    at = {True: 0, False: 0}
    cuts = {side: {one + distance for one in borders(tunnel, side)} for side in (True, False)}
    for side, data in joined(tunnel.pieces):
        start = 0
        for end in (*sorted(one - at[side] for one in cuts[side]), len(data)):
            if start < end <= len(data):
                yield side, data[start:end]
                start = end
        at[side] += len(data)


@pytest.mark.parametrize("tunnel", tunnels(), ids=str)
def test_cut_anywhere(tunnel: Tunnel) -> None:
    """As recorded, in one piece, byte by byte and cut around every frame's border: the same."""
    expected = whole(tunnel)
    assert reading(read(tunnel.reader(), joined(tunnel.pieces))) == expected
    assert reading(read(tunnel.reader(), bytewise(tunnel.pieces))) == expected
    for distance in (-1, 0, 1):
        pieces = list(cut(tunnel, distance))
        assert list(joined(tuple(pieces))) == list(joined(tunnel.pieces))
        assert reading(read(tunnel.reader(), pieces)) == expected


@pytest.mark.parametrize("tunnel", tunnels(), ids=str)
def test_everything_is_read(tunnel: Tunnel) -> None:
    """No direction of a recorded tunnel is given up but where the server gives it up too."""
    lost = [event for event in whole(tunnel).events if isinstance(event, Unreadable)]
    expected = tunnel.scenario in ENDED_BY_THE_SERVER and tunnel.side == "client"
    assert bool(lost) == expected
    assert all(event.from_client for event in lost)
