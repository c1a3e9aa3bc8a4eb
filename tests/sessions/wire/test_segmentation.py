"""Sessions made at random: in every protocol, cut anywhere, the same events."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortClosed,
    PortOpened,
    Resized,
    SessionKind,
)
from tests.sessions.scripts import (
    Action,
    Noise,
    cut,
    expected,
    forwarded,
    in_messages,
    over_spdy,
    over_websocket,
    request_for,
)
from tests.sessions.tunnels import joined, read, reader_for, reading, session

SIZES = st.integers(0, 65535)
CONTENT = st.binary(min_size=1, max_size=200) | st.integers(250, 5000).map(
    lambda size: bytes(range(250)) * (size // 250)
)
WITHOUT_TERMINAL = st.one_of(
    st.builds(Carried, st.sampled_from(Channel), CONTENT),
    st.builds(InputClosed),
    st.builds(Noise, st.booleans(), st.integers(0, 3)),
    st.builds(Outcome, st.just(0)),
    st.builds(Outcome, st.integers(1, 255), st.just("NonZeroExitCode"), st.text(max_size=20)),
)
ON_A_TERMINAL = st.one_of(
    st.builds(Carried, st.sampled_from((Channel.STDIN, Channel.STDOUT)), CONTENT),
    st.builds(Resized, SIZES, SIZES),
    st.builds(InputClosed),
    st.builds(Noise, st.booleans(), st.integers(0, 3)),
)
ACTIONS = st.lists(WITHOUT_TERMINAL, max_size=12) | st.lists(ON_A_TERMINAL, max_size=12)
SEEDS = st.integers(0, 1 << 32)


@pytest.mark.parametrize(
    "protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"]
)
@given(ACTIONS, SEEDS)
def test_websocket(protocol: str, actions: list[Action], seed: int) -> None:
    """In channels."""
    head, pieces = over_websocket(actions, protocol)
    reader = reader_for(head, request_for(actions))
    found = reading(read(reader, cut(Random(seed), pieces)))
    assert found == reading(expected(actions, half_close=protocol.startswith("v5")))


@given(ACTIONS, SEEDS)
def test_spdy(actions: list[Action], seed: int) -> None:
    """In streams."""
    head, pieces = over_spdy(actions, "v4.channel.k8s.io")
    reader = reader_for(head, request_for(actions))
    assert reading(read(reader, cut(Random(seed), pieces))) == reading(expected(actions))


@given(SEEDS, st.integers(1, 8), st.sampled_from((1, 3, 8, 100, 100_000)))
def test_port_forward(seed: int, connections: int, size: int) -> None:
    """As SPDY, and within WebSocket messages that are not aligned to it."""
    pieces = forwarded(Random(seed), connections)
    request = session(SessionKind.PORT_FORWARD)
    spdy = ((b"Upgrade", b"SPDY/3.1"), (b"X-Stream-Protocol-Version", b"portforward.k8s.io"))
    whole = reading(read(reader_for(spdy, request), joined(pieces)))
    opened = [event for event in whole.events if isinstance(event, PortOpened)]
    closed = {event.connection for event in whole.events if isinstance(event, PortClosed)}
    assert [event.connection for event in opened] == list(range(connections))
    assert closed == set(range(connections))
    assert reading(read(reader_for(spdy, request), cut(Random(seed), pieces))) == whole
    tunnel = (
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Protocol", b"SPDY/3.1+portforward.k8s.io"),
    )
    messages = cut(Random(seed), in_messages(pieces, size))
    assert reading(read(reader_for(tunnel, request), messages)) == whole
