"""The other side of a process that decodes; what it does is tested with the process."""

import socket
import subprocess
import sys
import threading

import pytest

from auditproxy.capture.worker import TURN, Turns, read


def test_reading() -> None:
    """Exactly so many bytes, however they come; an end inside of them is an error."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        whole = bytes(range(256)) * 8192

        def send() -> None:
            for start in range(0, len(whole), 100_000):
                theirs.sendall(whole[start : start + 100_000])
            theirs.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        assert read(ours, 0) == b""
        assert read(ours, 1000) == whole[:1000]
        assert read(ours, 2_000_000) == whole[1000:2_001_000]
        with pytest.raises(EOFError):
            read(ours, len(whole))
        sending.join(20)


CPU = """
import resource, sys
from auditproxy.capture.worker import _bound_cpu
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
_bound_cpu(float(sys.argv[1]))
print(*resource.getrlimit(resource.RLIMIT_CPU))
"""


@pytest.mark.parametrize(("seconds", "expected"), [("1000", (100, 100)), ("8", (13, 100))])
def test_bound_within_another(seconds: str, expected: tuple[int, int]) -> None:
    """A bound that the process began with is kept, and is no fault."""
    words = [sys.executable, "-c", CPU, seconds]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    soft, hard = map(int, done.stdout.split())
    # What the start of Python took comes on top.
    assert expected[0] <= soft <= min(expected[0] + 3, hard)
    assert hard == expected[1]


def test_the_core_is_given_away_once_a_turn() -> None:
    """What reads a body asks all the time; the time in which others had the core is no turn."""
    now, given = [100.0], [0]

    def give() -> None:
        given[0] += 1
        now[0] += 5.0

    turns = Turns(lambda: now[0], give)
    for turn in range(1, 4):
        assert not turns.pause()
        for part in (0.5, 0.49):
            now[0] += part * TURN
            assert not turns.pause()
            assert given[0] == turn
        now[0] += 0.02 * TURN
