"""Every recorded tunnel: what is read is what ran."""

import pytest

from auditproxy.apis.session import (
    Channel,
    InputClosed,
    Outcome,
    PortClosed,
    PortOpened,
    Resized,
    Unreadable,
)
from tests.sessions.tunnels import Reading, Tunnel, read, reading, tunnels

ENDED_BY_THE_SERVER = {"raw-v5-ff-badlen", "raw-v5-ff-badchan", "raw-v5-unmasked"}
"""Scenarios in which the server reads no further, as this reader does not."""


def whole(tunnel: Tunnel) -> Reading:
    """What is read of the pieces as they were recorded."""
    return reading(read(tunnel.reader(), tunnel.pieces))


@pytest.mark.parametrize("tunnel", tunnels(), ids=str)
def test_everything_is_read(tunnel: Tunnel) -> None:
    """No direction of a recorded tunnel is given up but where the server gives it up too."""
    lost = [event for event in whole(tunnel).events if isinstance(event, Unreadable)]
    expected = tunnel.scenario in ENDED_BY_THE_SERVER and tunnel.side == "client"
    assert bool(lost) == expected
    assert all(event.from_client for event in lost)


PAIRS = [(one, other) for one in tunnels() for other in tunnels() if one.leads_to(other)]

UNKNOWN_ENDS = {
    # The client left before the status came back to it.
    "cp-from-ws",
    "raw-v5-clientclose",
    # The server ended the client's side; the command ended behind it.
    *ENDED_BY_THE_SERVER,
    # The stand-in for the runtime says nothing when it has no command to run.
    "raw-v5-nocommand",
}
"""Scenarios in which the two sides do not see the same outcome."""


def outcomes(found: Reading) -> list[int | None]:
    """The exit codes; the texts of the two sides differ by what the API server adds."""
    return [event.exit_code for event in found.events if isinstance(event, Outcome)]


def test_both_sides_are_there() -> None:
    """Nearly every session of a client has its kubelet's side in the recording."""
    assert len({one.scenario for one, _ in PAIRS}) > 60
    assert len(PAIRS) > 130
    assert {one.upgrade for one, _ in PAIRS} == {"websocket", "SPDY/3.1"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair[0]))
def test_what_the_container_got_and_gave(pair: tuple[Tunnel, Tunnel]) -> None:
    """What is read between client and API server is what passed at the container, in every byte.

    Mostly the one is WebSocket and the other SPDY, written by the API server.
    """
    client, kubelet = (whole(side) for side in pair)
    assert client.channels == kubelet.channels
    for kind in (Resized, PortOpened, PortClosed):
        assert [event for event in client.events if isinstance(event, kind)] == [
            event for event in kubelet.events if isinstance(event, kind)
        ]
    if pair[0].scenario not in UNKNOWN_ENDS:
        assert outcomes(client) == outcomes(kubelet)
    # A client that leaves closes no input; the API server does it for the container.
    closed = sum(isinstance(event, InputClosed) for event in client.events)
    assert closed <= sum(isinstance(event, InputClosed) for event in kubelet.events)
    if not (pair[0].scenario.startswith("port-forward-refused") and client.sizes):
        # What a client sends while the server resets its stream arrives at nothing.
        assert client.sizes == kubelet.sizes


OUT = {Channel.STDOUT: b"out\n", Channel.STDERR: b"err\n"}
HI = {Channel.STDIN: b"hi\n", Channel.STDOUT: b"hi\n"}
HELLO = {Channel.STDIN: b"hello\n", Channel.STDOUT: b"hello\n"}

HAND_MADE: dict[str, tuple[dict[Channel, bytes], int | None]] = {
    "raw-channel": (OUT, None),
    "raw-base64": (OUT, None),
    "raw-noproto": (OUT, None),
    "raw-v4": (OUT, 3),
    "raw-v4-base64": (OUT, 3),
    "raw-v5": (OUT, 3),
    "raw-v5-v4-list": (OUT, 3),
    "raw-v4-v5-list": (OUT, 3),
    "raw-v5-stdin-close": (HELLO, 0),
    "raw-v5-text-frames": (HELLO, 0),
    "raw-v5-fragmented": ({Channel.STDIN: b"abcdef", Channel.STDOUT: b"abcdef"}, 0),
    "raw-v5-rsv1": ({Channel.STDIN: b"abc\n", Channel.STDOUT: b"abc\n"}, 0),
    "raw-v5-chan9": ({Channel.STDIN: b"ok\n", Channel.STDOUT: b"ok\n"}, 0),
    "raw-v5-empty": ({Channel.STDIN: b"x\n", Channel.STDOUT: b"x\n"}, 0),
    "raw-v5-tty-stderr": ({Channel.STDOUT: b"out\r\nerr\r\n"}, 0),
    "raw-v5-boolforms": (OUT, 0),
    "raw-v5-close-stdout": ({Channel.STDOUT: b"late\n"}, 0),
    "raw-spdy-channel": (OUT, None),
    "raw-spdy-v2": (OUT, None),
    "raw-spdy-v3": (OUT, None),
    "raw-spdy-v4": (OUT, 3),
    "raw-spdy-order": (OUT, 3),
    "raw-spdy-comma-list": (OUT, 3),
    "raw-spdy-stdin-rst": (HI, 0),
    "raw-spdy-stdin-fin-with-data": (HI, 0),
    "raw-spdy-settings-wu-noop": (HI, 0),
    "raw-spdy-extra-stream": (HI, 0),
    "raw-spdy-duplicate-stdout": (HI, 0),
}
"""What each hand-made session sent and was answered, and its exit code."""


@pytest.mark.parametrize("scenario", HAND_MADE)
def test_hand_made(scenario: str) -> None:
    """Every subprotocol, malformed frames, streams in any order: what ran is what is read."""
    channels, code = HAND_MADE[scenario]
    (tunnel,) = [one for one in tunnels() if (one.scenario, one.side) == (scenario, "client")]
    found = whole(tunnel)
    assert found.channels == channels
    assert outcomes(found) == [code]


def test_resizes() -> None:
    """Forms that the server takes, and one that ends the handling."""
    sizes = {
        one.scenario: [event for event in whole(one).events if isinstance(event, Resized)]
        for one in tunnels()
        if one.side == "client"
    }
    assert sizes["raw-v5-resize-forms"] == [Resized(101, 31), Resized(102, 32), Resized(103, 33)]
    assert sizes["raw-v5-resize-bad"] == []
