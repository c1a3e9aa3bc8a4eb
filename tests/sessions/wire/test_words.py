"""What the proxy says in a session of its own accord, in the form of each protocol."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.wire.words import (
    ERROR_CHANNEL,
    GOING_AWAY,
    LONGEST_REASON,
    channel_message,
    close_frame,
    last_status,
    stream_data,
)


def test_last_status() -> None:
    """A Status of failure with the reason as its message."""
    found = json.loads(last_status("it took too long"))
    assert (found["kind"], found["status"], found["code"]) == ("Status", "Failure", 503)
    assert found["message"] == "it took too long"


@pytest.mark.parametrize(
    ("as_base64", "expected"),
    [
        (False, b"\x82\x04\x03abc"),
        (True, b"\x81\x053" + base64.b64encode(b"abc")),
    ],
)
def test_channel_message(as_base64: bool, expected: bytes) -> None:
    """A binary frame with the channel's byte, or a text frame with its digit and base64."""
    assert channel_message(ERROR_CHANNEL, b"abc", as_base64=as_base64) == expected


def test_close_frame() -> None:
    """The code in network order, then the reason."""
    assert close_frame(GOING_AWAY, "bye") == b"\x88\x05\x03\xe9bye"


@given(st.text())
def test_a_reason_fits(reason: str) -> None:
    """Any reason gives a control frame that is valid: at most 125 bytes, text that is UTF-8."""
    found = close_frame(GOING_AWAY, reason)
    assert found[1] == len(found) - 2 <= 2 + LONGEST_REASON
    shown = found[4:].decode()
    assert reason.startswith(shown)


@pytest.mark.parametrize(("finished", "flags"), [(False, 0), (True, 1)])
def test_stream_data(finished: bool, flags: int) -> None:
    """A data frame of SPDY: stream, flags, length, content."""
    found = stream_data(7, b"abc", finished=finished)
    assert struct.unpack(">II", found[:8]) == (7, flags << 24 | 3)
    assert found[8:] == b"abc"
