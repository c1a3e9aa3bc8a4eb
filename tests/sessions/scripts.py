"""Sessions as a list of what happens in them, and their bytes in each protocol.

actions --> script.pieces()   the bytes that pass, in order
        --> expected(actions) what is read of them
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from random import Random

import msgspec

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    Resized,
    SessionKind,
    StreamEvent,
)
from auditproxy.sessions.request import SessionRequest
from auditproxy.sessions.wire import spdy
from auditproxy.sessions.wire.frames import BINARY, PING, PONG, TEXT, frame
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked
from tests.sessions.tunnels import Piece, session

Head = tuple[tuple[bytes, bytes], ...]


class Noise(msgspec.Struct, frozen=True):
    """What says nothing: a ping, an empty message, an unknown channel or stream."""

    from_client: bool
    kind: int


Action = Carried | InputClosed | Resized | Outcome | Noise

STREAMS = ("error", "stdin", "stdout", "stderr", "resize")
"""In the order in which the script opens them."""

REQUEST = session(SessionKind.EXEC, stdin=True, stdout=True, stderr=True)
TERMINAL = session(SessionKind.EXEC, stdin=True, stdout=True, tty=True)


def request_for(actions: Iterable[Action]) -> SessionRequest:
    """With a terminal if it is resized."""
    return TERMINAL if any(isinstance(one, Resized) for one in actions) else REQUEST


def expected(actions: Iterable[Action], *, half_close: bool = True) -> list[StreamEvent]:
    """What is read: nothing of the client's behind the end of its input, and one outcome.

    A size that is the last one, or has a 0, is none.
    """
    found: list[StreamEvent] = []
    closed = decided = False
    size: Resized | None = None
    for action in actions:
        if isinstance(action, Noise):
            continue
        if isinstance(action, Carried):
            if action.channel is Channel.STDIN and closed:
                continue
        elif isinstance(action, InputClosed):
            if closed or not half_close:
                continue
            closed = True
        elif isinstance(action, Outcome):
            if decided:
                continue
            decided = True
        elif isinstance(action, Resized):
            if action == size or not (action.columns and action.rows):
                continue
            size = action
        found.append(action)
    return found


def status(outcome: Outcome) -> bytes:
    """A Status in JSON."""
    if outcome.exit_code == 0:
        return b'{"metadata":{},"status":"Success"}'
    causes = [{"reason": "ExitCode", "message": str(outcome.exit_code)}]
    return json.dumps(
        {
            "status": "Failure",
            "message": outcome.message,
            "reason": outcome.reason,
            "details": {"causes": causes},
        }
    ).encode()


def resize(size: Resized) -> bytes:
    """As kubectl sends it."""
    return b'{"Width":%d,"Height":%d}\n' % (size.columns, size.rows)


def over_websocket(actions: Iterable[Action], protocol: str) -> tuple[Head, list[Piece]]:
    """The bytes of a session in channels."""
    is_base64 = "base64" in protocol
    opcode = TEXT if is_base64 else BINARY

    def message(from_client: bool, channel: int, data: bytes) -> Piece:
        if is_base64:
            payload = bytes((0x30 + channel,)) + base64.b64encode(data)
        else:
            payload = bytes((channel,)) + data
        return from_client, (masked if from_client else frame)(opcode, payload)

    pieces = [message(False, 1, b"")]
    for action in actions:
        if isinstance(action, Carried):
            pieces.append(message(action.channel == 0, action.channel, action.data))
        elif isinstance(action, InputClosed):
            if protocol.startswith("v5"):
                pieces.append((True, masked(opcode, b"\xff\0")))
        elif isinstance(action, Resized):
            pieces.append(message(True, 4, resize(action)))
        elif isinstance(action, Outcome):
            pieces.append(message(False, 3, status(action)))
        else:
            code, payload = ((PING, b"p"), (PONG, b""), (opcode, b""), (opcode, b"\x99x"))[
                action.kind % 4
            ]
            encode: Callable[[int, bytes], bytes] = masked if action.from_client else frame
            pieces.append((action.from_client, encode(code, payload)))
    head = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", protocol.encode()))
    return head, pieces


def over_spdy(actions: Iterable[Action], protocol: str) -> tuple[Head, list[Piece]]:
    """The bytes of a session in streams, each opened and replied to in turn."""
    actions = tuple(actions)
    client, server = Client(), Client()
    pieces: list[Piece] = []
    numbers: dict[str, int] = {}
    left_out = "stderr" if request_for(actions).tty else "resize"
    for kind in STREAMS:
        if kind != left_out:
            numbers[kind] = 2 * len(numbers) + 1
            pieces.append((True, client.open(numbers[kind], {"streamtype": kind})))
            pieces.append((False, server.reply(numbers[kind])))
    names = {Channel.STDIN: "stdin", Channel.STDOUT: "stdout", Channel.STDERR: "stderr"}
    for action in actions:
        if isinstance(action, Carried):
            side = client if action.channel == 0 else server
            name = names[action.channel]
            raw = side.data(numbers[name], action.data) if name in numbers else b""
            pieces.append((action.channel == 0, raw))
        elif isinstance(action, InputClosed):
            pieces.append((True, client.data(numbers["stdin"], b"", finished=True)))
        elif isinstance(action, Resized):
            pieces.append((True, client.data(numbers["resize"], resize(action))))
        elif isinstance(action, Outcome):
            pieces.append((False, server.data(numbers["error"], status(action))))
        else:
            side = client if action.from_client else server
            pieces.append((action.from_client, _noise(side, action.kind)))
    head = ((b"Upgrade", b"SPDY/3.1"), (b"X-Stream-Protocol-Version", protocol.encode()))
    return head, pieces


def _noise(side: Client, kind: int) -> bytes:
    if kind == 0:
        return side.control(spdy.PING, b"\0\0\0\1")
    if kind == 1:
        return side.control(spdy.HEADERS, b"\0\0\0\1" + side.block({"a": "b"}))
    if kind == 2:
        return side.data(999, b"unknown")
    return side.control(spdy.SETTINGS, b"\0\0\0\1" + bytes(8))


def in_messages(pieces: Iterable[Piece], size: int) -> Iterator[Piece]:
    """SPDY bytes in WebSocket messages of this size."""
    for from_client, data in pieces:
        for start in range(0, len(data), size):
            encode: Callable[[int, bytes], bytes] = masked if from_client else frame
            yield from_client, encode(BINARY, data[start : start + size])


def forwarded(chance: Random, connections: int) -> list[Piece]:
    """SPDY bytes of a port-forward whose connections come and go at random."""
    client, server = Client(), Client()
    pieces: list[Piece] = []
    for number in range(connections):
        error, data = 4 * number + 1, 4 * number + 3
        headers = {"port": str(chance.randint(1, 65535)), "requestid": str(number)}
        for stream, kind in ((error, "error"), (data, "data")):
            pieces.append((True, client.open(stream, headers | {"streamtype": kind})))
            pieces.append((False, server.reply(stream)))
        for _ in range(chance.randrange(6)):
            stream = 4 * chance.randint(0, number) + 3
            from_client = chance.random() < 0.5
            side = client if from_client else server
            finished = chance.random() < 0.1
            pieces.append(
                (
                    from_client,
                    side.data(stream, chance.randbytes(chance.randrange(50)), finished=finished),
                )
            )
        if chance.random() < 0.5:
            pieces.append((True, client.reset(data)))
            pieces.append((False, server.data(error, b"gone", finished=True)))
    return pieces


def cut(chance: Random, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes in other pieces; those of one direction join where nothing is between."""
    held: Piece | None = None
    for from_client, data in pieces:
        if held is not None and held[0] == from_client and chance.random() < 0.5:
            held = from_client, held[1] + data
            continue
        if held is not None:
            yield from _parts(chance, held)
        held = from_client, data
    if held is not None:
        yield from _parts(chance, held)


def _parts(chance: Random, piece: Piece) -> Iterator[Piece]:
    from_client, data = piece
    longest = chance.choice((1, 3, 20, 1000, 100_000) if len(data) < 2000 else (1000, 100_000))
    start = 0
    while start < len(data):
        end = start + chance.randint(1, longest)
        yield from_client, data[start:end]
        start = end
