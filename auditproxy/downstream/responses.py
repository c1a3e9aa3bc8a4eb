"""Our own answers: metav1.Status in the form the client asked for, and constant texts for non-HTTP.

Whatever is answered here has been written to the client's transport already;
``Answered`` is what aiohttp is given in place of a response of its own.
"""

from http import HTTPStatus

from aiohttp import web

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
    """The chain ends here with an answer of ours."""

    def __init__(
        self, status: Status, *, no_sniff: bool = False, text: bytes | None = None
    ) -> None:
        super().__init__(status.message)
        self.status = status
        self.no_sniff = no_sniff
        self.text = text


class Answered(web.StreamResponse):
    """Says to aiohttp that the answer is on its way and whether the connection may live on."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing: it has been written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """End nothing: it has been ended."""

    @property
    def keep_alive(self) -> bool | None:
        """Whether the next request may come on this connection."""
        return self._keep_alive


def head_bytes(code: int, reason: bytes, headers: RawHeaders) -> bytes:
    """A response's head, ready to be written."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (code, reason or REASONS.get(code, b""))]
    lines += [b"%s: %s\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)


def status_answer(status: Status, *, acceptable: bool, pretty: bool) -> tuple[bytes, bool]:
    """The body for a Status, and whether the client's Accept could be met.

    When it could not, kube-apiserver writes indented JSON and its audit does
    not see the Status (apiserver endpoints/handlers/responsewriters/writers.go).
    """
    if not acceptable or pretty:
        return status_body_indented(status), acceptable
    return status_body(status), True


def plain_answer(code: int) -> bytes:
    """A whole answer with a constant text, for bytes that were no request; closes."""
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


def describe(crash: BaseException) -> str:
    """Where a crash happened, without values: a text may repeat a secret of the request."""
    frame = crash.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "nowhere"
    return f"{type(crash).__name__} at {place}"


def internal_error(uri: str, why: str) -> bytes:
    """The text of kube-apiserver's InternalError for a request, its target as received."""
    text = html_sanitize(f"Internal Server Error: {go_quote(uri)}: {why}\n")
    return text.encode("utf-8", "surrogateescape")
