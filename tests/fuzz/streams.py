"""Mutated frames of sessions: ``python -m tests.fuzz.streams --count 1000000 [--seed 1]``.

Recorded and made sessions of both protocols, some frames of each bent. The reader must not raise,
must read the same however the bytes are cut, must report nothing of a direction that it has given
up, and must hold a bounded amount of memory. The count is that of bent frames.
"""

import collections
import sys
import tracemalloc
from collections.abc import Iterable
from random import Random

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    PortCarried,
    Resized,
    SessionKind,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.request import SessionRequest
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sessions.wire.reader import SessionReader
from tests.fuzz.shares import run_shares
from tests.sessions.scripts import (
    Action,
    Head,
    Noise,
    cut,
    forwarded,
    in_messages,
    over_spdy,
    over_websocket,
    request_for,
)
from tests.sessions.tunnels import Piece, Tunnel, joined, read, reading, session, tunnels

LARGEST = 20_000
"""Bytes of one session; longer recorded ones are left out."""

MEMORY = 512 * 1024
"""Bytes that a reader may hold, beside what it has just returned."""

MEASURED_EVERY = 500
BYTEWISE = 600
WORST = 20
"""Findings after which a process stops."""

PROTOCOLS = (
    "v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io", "",
    "v4.base64.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "portforward.k8s.io",
    "SPDY/3.1+portforward.k8s.io", "SPDY/3.1+v4.channel.k8s.io",
)  # fmt: skip
INTERESTING = (0, 1, 2, 3, 4, 8, 9, 0x7E, 0x7F, 0x80, 0x81, 0x82, 0x88, 0xFE, 0xFF)

Input = tuple[Head, SessionRequest, list[Piece]]


def recorded() -> list[Input]:
    """The recorded sessions, frame by frame."""
    found = []
    for tunnel in tunnels():
        if sum(len(data) for _, data in tunnel.pieces) <= LARGEST:
            found.append((tunnel.head, tunnel.request, in_frames(tunnel)))
    return found


def in_frames(tunnel: Tunnel) -> list[Piece]:
    """The tunnel's pieces, cut where frames end."""
    at = {True: 0, False: 0}
    ends = {side: tunnel.borders(side) for side in (True, False)}
    found: list[Piece] = []
    for side, data in tunnel.pieces:
        start = 0
        for end in (*(one - at[side] for one in ends[side]), len(data)):
            if start < end <= len(data):
                found.append((side, data[start:end]))
                start = end
        at[side] += len(data)
    return found


def made(chance: Random) -> Input:
    """A session made at random."""
    if chance.random() < 0.3:
        pieces = forwarded(chance, chance.randint(1, 6))
        request = session(SessionKind.PORT_FORWARD)
        if chance.random() < 0.5:
            messages = list(in_messages(pieces, chance.choice((1, 8, 100, 5000))))
            return head("websocket", "SPDY/3.1+portforward.k8s.io"), request, messages
        return head("SPDY/3.1", "portforward.k8s.io"), request, pieces
    actions = [action(chance) for _ in range(chance.randrange(12))]
    protocol = chance.choice(PROTOCOLS[:6])
    if chance.random() < 0.5:
        return (*swapped(over_spdy(actions, "v4.channel.k8s.io"), actions),)
    return (*swapped(over_websocket(actions, protocol), actions),)


def swapped(script: tuple[Head, list[Piece]], actions: list[Action]) -> Input:
    """A script as an input."""
    return script[0], request_for(actions), script[1]


def head(upgrade: str, protocol: str) -> Head:
    """The head of a 101."""
    name = b"Sec-WebSocket-Protocol" if upgrade == "websocket" else b"X-Stream-Protocol-Version"
    return (b"Upgrade", upgrade.encode()), (name, protocol.encode())


def action(chance: Random) -> Action:
    """Something that happens in a session."""
    match chance.randrange(8):
        case 0:
            return InputClosed()
        case 1:
            return Resized(chance.randrange(70_000), chance.randrange(300))
        case 2:
            return Outcome(chance.choice((0, 3)), "NonZeroExitCode", "m")
        case 3:
            return Noise(chance.random() < 0.5, chance.randrange(4))
        case _:
            return Carried(chance.choice(list(Channel)), chance.randbytes(chance.randrange(1, 300)))


def bent(chance: Random, data: bytes) -> bytes:
    """The frame with something wrong, mostly near its head."""
    raw = bytearray(data)
    near = min(len(raw), chance.choice((2, 8, 14, 30, 10_000)))
    at = chance.randrange(near) if near else 0
    match chance.randrange(9):
        case 0 if raw:
            raw[at] ^= 1 << chance.randrange(8)
        case 1 if raw:
            raw[at] = chance.choice(INTERESTING)
        case 2:
            del raw[at:]
        case 3:
            del raw[at : at + chance.randint(1, 8)]
        case 4:
            raw[at:at] = raw[at : at + chance.randint(1, 64)]
        case 5:
            raw[at:at] = chance.randbytes(chance.randint(1, 10))
        case 6:
            raw += bytes(raw)
        case 7:
            raw[:0] = bytes((chance.choice(INTERESTING),)) * chance.randint(1, 20)
        case _:
            raw[at:at] = bytes(chance.choice((100, 1000, 5000, 5000, 5000, 70_000)))
    return bytes(raw)


def mutated(chance: Random, given: Input) -> tuple[Input, int]:
    """The session with some frames bent, lost, doubled or moved; and how many."""
    described, request, pieces = given
    pieces = list(pieces)
    bends = chance.choice((1, 1, 2, 4))
    for _ in range(bends):
        if not pieces:
            break
        at = chance.randrange(len(pieces))
        match chance.randrange(10):
            case 0:
                del pieces[at]
            case 1:
                pieces.insert(at, pieces[chance.randrange(len(pieces))])
            case 2:
                pieces.insert(chance.randrange(len(pieces)), pieces.pop(at))
            case 3:
                pieces[at] = not pieces[at][0], pieces[at][1]
            case _:
                pieces[at] = pieces[at][0], bent(chance, pieces[at][1])
    if chance.random() < 0.05:
        described = head(chance.choice(("websocket", "SPDY/3.1")), chance.choice(PROTOCOLS))
    if chance.random() < 0.05:
        request = session(
            chance.choice(list(SessionKind)),
            **{name: chance.random() < 0.5 for name in ("stdin", "stdout", "stderr", "tty")},
        )
    return (described, request, pieces), bends


def opened(described: Head, request: SessionRequest) -> SessionReader | None:
    """A reader, if there is one for such a head."""
    reader = open_reader(
        described,
        request.kind,
        stdin=request.stdin,
        stdout=request.stdout,
        stderr=request.stderr,
        tty=request.tty,
    )
    return None if isinstance(reader, Unreadable) else reader


def faults(events: Iterable[StreamEvent]) -> list[str]:
    """What no reader may report."""
    found = []
    lost: set[bool] = set()
    for event in events:
        side: bool | None = None
        match event:
            case Unreadable(from_client=side):
                if side in lost:
                    found.append("a direction is given up twice")
                lost.add(side)
                continue
            case Carried(channel=channel, data=data):
                side = channel is Channel.STDIN
                if not data:
                    found.append("an empty piece")
            case PortCarried(from_client=side, size=size):
                if size <= 0:
                    found.append("an empty size")
            case InputClosed() | Resized():
                side = True
        if side in lost:
            found.append(f"{type(event).__name__} of a direction that was given up")
    return found


def check(chance: Random, given: Input, *, measured: bool) -> list[str]:
    """What is wrong with how this input is read."""
    described, request, pieces = given
    reader = opened(described, request)
    if reader is None:
        return []
    events = read(reader, joined(pieces))
    found = faults(events)
    whole = reading(events)
    ways = [("cut", list(cut(chance, pieces)))]
    size = sum(len(data) for _, data in pieces)
    if size <= BYTEWISE:
        ways.append(("byte by byte", [(s, d[i : i + 1]) for s, d in pieces for i in range(len(d))]))
    for name, other in ways:
        reader = opened(described, request)
        assert reader is not None
        if reading(read(reader, other)) != whole:
            found.append(f"read otherwise {name}")
    if measured and held(described, request, pieces) > MEMORY:
        found.append("the reader holds too much")
    return found


def held(described: Head, request: SessionRequest, pieces: list[Piece]) -> int:
    """The most that a reader holds between two pieces."""
    reader = opened(described, request)
    assert reader is not None
    tracemalloc.start()
    try:
        before, most = tracemalloc.get_traced_memory()[0], 0
        for from_client, data in pieces:
            (reader.from_client if from_client else reader.from_server)(data)
            most = max(most, tracemalloc.get_traced_memory()[0] - before)
        return most
    finally:
        tracemalloc.stop()


def run(count: int, seed: int, *, loud: bool = False) -> tuple[dict[str, int], list[str]]:
    """Bend so many frames; returns counts and findings."""
    chance = Random(seed)
    sources = recorded()
    counts: collections.Counter[str] = collections.Counter()
    findings: list[str] = []
    shown = 0
    while counts["frames"] < count and len(findings) < WORST:
        source = chance.choice(sources) if chance.random() < 0.6 else made(chance)
        given, bends = mutated(chance, source)
        counts["frames"] += bends
        counts["sessions"] += 1
        try:
            wrong = check(chance, given, measured=counts["sessions"] % MEASURED_EVERY == 0)
        except Exception as error:
            wrong = [repr(error)]
        findings += [f"{fault}: {given!r}" for fault in wrong]
        if loud and counts["frames"] - shown >= 10_000:
            shown = counts["frames"]
            print(f"{shown} frames, {len(findings)} findings", file=sys.stderr)
    return dict(counts), findings


def work(share: tuple[int, int]) -> tuple[dict[str, int], list[str]]:
    """One process's share."""
    return run(*share, loud=True)


def main() -> int:
    """Run and print; 1 when something was found."""
    return run_shares("streams", "bent frames in all", 100_000, work)


if __name__ == "__main__":
    sys.exit(main())
