"""upstream/messages.py: values that tell nothing secret, errors that say what happened."""

import pytest

from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamClosedEarly,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
    UpstreamTimeout,
    UpstreamUnreachable,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamUnreachable("x"), "unreachable"),
        (UpstreamUnreachable("x", reason="tls"), "tls"),
        (UpstreamClosedEarly("x"), "closed-early"),
        (UpstreamProtocolError("x"), "protocol-error"),
        (UpstreamTimeout("x"), "timeout"),
        (UpstreamRequestError("x"), "request-error"),
    ],
)
def test_each_error_has_a_word_for_metrics(error: UpstreamError, reason: str) -> None:
    """One tree, one fixed word each."""
    assert isinstance(error, UpstreamError)
    assert error.reason == reason


def test_closed_early_tells_how_far_it_got() -> None:
    """What the retry rule needs to know."""
    error = UpstreamClosedEarly("x", any_response_byte=True)
    assert error.any_response_byte


def test_representations_show_no_header_and_no_target() -> None:
    """Headers, bodies and targets carry credentials: no repr repeats them."""
    headers = ((b"Authorization", b"Bearer canary"), (b"Set-Cookie", b"canary"))
    request = UpstreamRequest(
        method=b"POST",
        target=b"/x?token=canary",
        headers=headers,
        body=b"canary",
        lines=b"canary",
    )
    head = ResponseHead(
        status=200,
        reason=b"canary",
        headers=headers,
        version=(1, 1),
        content_length=None,
        chunked=True,
        has_body=True,
        keep_alive=True,
    )
    for value in (request, head):
        assert "canary" not in f"{value!r}{value!s}"
    assert "2 headers" in repr(request)


@pytest.mark.parametrize(
    "request_",
    [
        UpstreamRequest(b"GET", b"/", ((b"Host", b"h"), (b"X-Key", b"a: b"), (b"x-key", b""))),
        UpstreamRequest(b"GET", b"/", lines=b"Host: h\r\nX-Key: a: b\r\nx-key: \r\n"),
    ],
    ids=["headers", "lines"],
)
def test_values_of_what_is_sent(request_: UpstreamRequest) -> None:
    """All values of a header, whichever way it is given."""
    assert request_.values(b"x-key") == [b"a: b", b""]
    assert request_.values(b"host") == [b"h"]
    assert request_.values(b"y") == []
