"""Messages in base64, as Go's decoder takes or drops them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.wire.base64messages import MAXIMUM_ENCODED, Base64Message


def decoded(*parts: bytes) -> bytes:
    """The content of a message that comes in these parts."""
    message = Base64Message()
    message.begin()
    for part in parts:
        assert message.add(part)
    return message.decoded()


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"", b""),
        (b"YQ==", b"a"),
        (b"YWI=", b"ab"),
        (b"YWJj", b"abc"),
        (b"YW\r\nJj\n", b"abc"),
        (b"YQ=\n=", b"a"),
        (b"YR==", b"a"),
        (b"YQ", b""),
        (b"YQ=", b""),
        (b"YQ==YQ==", b""),
        (b"YQ==\0", b""),
        (b"YQ= =", b""),
        (b"Y-_=", b""),
        (b"====", b""),
        (b"YWJjZ", b""),
    ],
)
def test_messages(raw: bytes, content: bytes) -> None:
    """Line ends are skipped; any other fault drops the message."""
    assert decoded(raw) == content
    assert decoded(*(bytes((byte,)) for byte in raw)) == content


@given(st.binary(max_size=100), st.integers(0, 140))
def test_cut_anywhere(content: bytes, cut: int) -> None:
    """A message in two parts is one."""
    raw = base64.b64encode(content)
    assert decoded(raw[:cut], raw[cut:]) == content


def test_too_long() -> None:
    """A message without end is not kept."""
    message = Base64Message()
    message.begin()
    assert message.add(b"A" * MAXIMUM_ENCODED)
    assert not message.add(b"A")
    assert message.decoded() == b""
