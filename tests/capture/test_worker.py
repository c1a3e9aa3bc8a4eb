"""The other side of a process that decodes; what it does is tested with the process."""

import socket
import threading

import pytest

from auditproxy.capture.worker import read


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
