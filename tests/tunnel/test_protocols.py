"""tunnel/protocols.py: what may be tunnelled, and the accept key."""

import pytest

from auditproxy.tunnel.protocols import is_upgrade_protocol, websocket_accept

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_accept_is_that_of_the_rfc() -> None:
    """The example of RFC 6455, section 1.3."""
    assert websocket_accept(KEY) == ACCEPT


@pytest.mark.parametrize(
    ("token", "allowed"),
    [
        (b"websocket", True),
        (b"WebSocket", True),
        (b"SPDY/3.1", True),
        (b"spdy/3.1", True),
        (b"h2c", False),
        (b"TLS/1.0", False),
        (b"foo", False),
        (b"websocket, h2c", False),
        (b"SPDY/3", False),
        (b"", False),
    ],
)
def test_allow_list(token: bytes, allowed: bool) -> None:
    """T195: WebSocket and SPDY/3.1, nothing else."""
    assert is_upgrade_protocol(token) is allowed
