"""The bytes of our own answers."""

import pytest

from auditproxy.apis.status import new_unauthorized
from auditproxy.downstream.responses import (
    Refused,
    head_bytes,
    plain_answer,
    status_answer,
)


def test_head_bytes() -> None:
    """Status line, headers in order, an empty line; the reason is Go's when none is given."""
    assert head_bytes(200, b"Fine", ((b"A", b"1"), (b"B", b"2"))) == (
        b"HTTP/1.1 200 Fine\r\nA: 1\r\nB: 2\r\n\r\n"
    )
    assert head_bytes(422, b"", ()).startswith(b"HTTP/1.1 422 Unprocessable Entity\r\n")
    assert head_bytes(799, b"", ()).startswith(b"HTTP/1.1 799 \r\n")


@pytest.mark.parametrize("code", [400, 408, 431])
def test_plain_answer(code: int) -> None:
    """A whole answer that closes the connection."""
    raw = plain_answer(code)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % code)
    assert b"Connection: close" in head
    assert b"Content-Length: %d" % len(body) in head
    assert body.startswith(b"%d " % code)


@pytest.mark.parametrize(
    ("acceptable", "pretty", "one_line"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_status_answer(acceptable: bool, pretty: bool, one_line: bool) -> None:
    """One line for programs; indented for people and where Accept cannot be met."""
    body, seen = status_answer(new_unauthorized(), acceptable=acceptable, pretty=pretty)
    assert body.endswith(b"}\n") is one_line
    assert seen is acceptable


def test_refused() -> None:
    """A refusal carries its answer."""
    refused = Refused(new_unauthorized(), no_sniff=True)
    assert refused.status.code == 401
    assert str(refused) == "Unauthorized"
