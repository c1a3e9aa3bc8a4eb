"""Our own answers: metav1.Status in the negotiated encoding, and constant texts for non-HTTP.

These answers are written to the client's transport directly.
"""

from http import HTTPStatus
from typing import NamedTuple

from auditproxy.apis.gotext import go_quote, html_sanitize
from auditproxy.apis.status import Status
from auditproxy.request.headers import RawHeaders
from auditproxy.serializer.json import status_body, status_body_indented

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
"""Reason phrases as Go's http.StatusText spells them."""
REASONS[302] = b"Found"
REASONS[413] = b"Request Entity Too Large"
REASONS[414] = b"Request URI Too Long"
REASONS[416] = b"Requested Range Not Satisfiable"
REASONS[422] = b"Unprocessable Entity"

JSON_TYPE = (b"Content-Type", b"application/json")
TEXT_TYPE = (b"Content-Type", b"text/plain; charset=utf-8")
NO_SNIFF = (b"X-Content-Type-Options", b"nosniff")


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Ends the chain with an answer of the proxy itself."""

    def __init__(
        self, status: Status, *, no_sniff: bool = False, text: bytes | None = None
    ) -> None:
        super().__init__(status.message)
        self.status = status
        self.no_sniff = no_sniff
        self.text = text


class Answered(NamedTuple):
    """The answer was written; ``keep_alive``: the connection may be used for another request."""

    keep_alive: bool


def head_bytes(code: int, reason: bytes, headers: RawHeaders) -> bytes:
    """Encode a response head."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (code, reason or REASONS.get(code, b""))]
    lines += [b"%s: %s\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)


def status_answer(status: Status, *, acceptable: bool, pretty: bool) -> tuple[bytes, bool]:
    """Return the body for a Status, and whether the client's Accept was satisfied.

    If not, kube-apiserver writes indented JSON, and its audit event lacks the Status
    (apiserver endpoints/handlers/responsewriters/writers.go).
    """
    if not acceptable or pretty:
        return status_body_indented(status), acceptable
    return status_body(status), True


def plain_answer(code: int) -> bytes:
    """Return a complete closing response with a constant text, for input that is not a request."""
    phrase = REASONS.get(code, b"Bad Request")
    text = b"%d %s" % (code, phrase)
    return (
        head_bytes(
            code,
            phrase,
            (
                (b"Content-Type", b"text/plain; charset=utf-8"),
                (b"Connection", b"close"),
                (b"Content-Length", b"%d" % len(text)),
            ),
        )
        + text
    )


def internal_error(uri: str, why: str) -> bytes:
    """Return the text of kube-apiserver's InternalError; ``uri`` is the target as received."""
    text = html_sanitize(f"Internal Server Error: {go_quote(uri)}: {why}\n")
    return text.encode("utf-8", "surrogateescape")
