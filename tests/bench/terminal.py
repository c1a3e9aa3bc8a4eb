"""``python -m tests.bench.terminal``: what following a terminal costs, in CPU time and in memory."""

import time
import tracemalloc
from collections.abc import Iterable

from auditproxy.apis.session import Carried, Channel, Resized
from auditproxy.sessions.terminal.commands import CommandFollower

LINES = 2_000
FLOOD = 64 * 1024 * 1024
PIECE, SMALL = 32 * 1024, 4 * 1024


def key_cost() -> tuple[float, float]:
    """Microseconds for a key with its echo, and for what a line costs besides."""
    follower = CommandFollower(120, 40)
    prompt = b"\x1b[?2004h\x1b[1;32mme@box\x1b[0m:~$ "
    now, typing, keys = 0.0, 0.0, 0
    started = time.process_time()
    for _ in range(LINES):
        now += 10.0
        follower.take(now, Carried(Channel.STDOUT, prompt))
        follower.take(now, Carried(Channel.STDIN, b"l"))
        follower.take(now, Carried(Channel.STDOUT, b"l"))
        begun = time.process_time()
        for letter in b"s -l /tmp":
            now += 0.1
            follower.take(now, Carried(Channel.STDIN, bytes((letter,))))
            follower.take(now, Carried(Channel.STDOUT, bytes((letter,))))
            keys += 1
        typing += time.process_time() - begun
        follower.take(now, Carried(Channel.STDIN, b"\r"))
        found = follower.take(now, Carried(Channel.STDOUT, b"\r\n\x1b[?2004l\r"))
        assert [command.line for command in found] == ["ls -l /tmp"], found
        follower.take(now, Carried(Channel.STDOUT, b"total 0\r\n" * 20))
    took = time.process_time() - started - typing
    return typing / keys * 1e6, took / LINES * 1e6


def flood_rate(*, typing: bool, piece: bytes) -> float:
    """Megabytes per second of output that comes at once, between lines or in one."""
    follower = CommandFollower(120, 40)
    if typing:
        follower.take(0.0, Carried(Channel.STDIN, b"x"))
    event = Carried(Channel.STDOUT, (piece * (PIECE // len(piece) + 1))[:PIECE])
    started = time.process_time()
    for _ in range(FLOOD // PIECE):
        follower.take(0.0, event)
    return FLOOD / (time.process_time() - started) / 1e6


def screen_rate(piece: bytes) -> float:
    """Megabytes per second that the screen itself reads, in pieces that are never skipped."""
    follower = CommandFollower(120, 40)
    follower.take(0.0, Carried(Channel.STDIN, b"x"))
    event = Carried(Channel.STDOUT, (piece * (SMALL // len(piece) + 1))[:SMALL])
    count = 80
    started = time.process_time()
    for number in range(count):
        follower.take(number * 1.0, event)
    return count * SMALL / (time.process_time() - started) / 1e6


def memory(columns: int, rows: int, events: Iterable[bytes]) -> float:
    """KiB of one of twenty sessions after some output, a key among it."""
    count = 20
    pieces = list(events)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    followers = [CommandFollower() for _ in range(count)]
    for follower in followers:
        follower.take(0.0, Resized(columns, rows))
        follower.take(0.0, Carried(Channel.STDIN, b"x"))
        for number, piece in enumerate(pieces):
            follower.take(float(number), Carried(Channel.STDOUT, bytes(piece)))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / count / 1024


def main() -> None:
    """Print the measures."""
    key, line = key_cost()
    print(f"a key with its echo     {key:8.1f} us, and {line:.0f} us for each line")
    for name, piece in (
        ("y", b"y\r\n"),
        ("text", b"word " * 15 + b"\r\n"),
        ("colours", b"\x1b[1mx\x1b[0m"),
        ("rows", b"x\x1b[A"),
        ("wide", "語e\u0301".encode()),
    ):
        print(
            f"flood of {name:10}     {flood_rate(typing=False, piece=piece):8.0f} MB/s between lines"
        )
        print(
            f"                        {flood_rate(typing=True, piece=piece):8.0f} MB/s in a line, skipped"
        )
        print(f"                        {screen_rate(piece):8.2f} MB/s read by the screen")
    text = [b"word " * 3000] * 4
    wide = ["語e\u0301".encode() * 4000] * 4
    for columns, rows in ((80, 24), (250, 70), (500, 200)):
        print(
            f"memory at {columns} x {rows:<3}     {memory(columns, rows, [b'$ ']):8.1f} KiB idle,"
            f" {memory(columns, rows, text):.1f} KiB full of text,"
            f" {memory(columns, rows, wide):.1f} KiB full of wide characters with marks"
        )


if __name__ == "__main__":
    main()
