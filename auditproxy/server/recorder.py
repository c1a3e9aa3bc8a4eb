"""Recorder: from the copies of one request's bodies to its context, once the client is served."""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.context import AuditContext
from auditproxy.audit.record import Captured, record_answer, record_end, record_request
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.target import Target
from auditproxy.server.captures import Copy
from auditproxy.server.responsewriters import describe
from auditproxy.server.services import Services

DECODE_INLINE = 64 * 1024
"""Bytes of captured bodies that are decoded on the event loop; more goes to a thread."""


class Recorder:
    """Keeps what was copied of one request and its answer, and decodes it when asked."""

    def __init__(self, services: Services, context: AuditContext) -> None:
        self.captured = Captured()
        self._services = services
        self._context = context
        self._request: Copy | None = None
        self._response: Copy | None = None

    @property
    def is_large(self) -> bool:
        """Whether recording would hold up the event loop."""
        copies = (self._request, self._response)
        return sum(c.size for c in copies if c is not None and c.dropped is None) > DECODE_INLINE

    # --- while the bodies pass ------------------------------------------------------

    def copy_of_request(self, limit: int) -> Copy | None:
        """The copy to fill with the request's body; None when nothing of it is needed."""
        self.captured.request_limit = limit
        self._request = self._services.room.new(limit) if limit else None
        return self._request

    def copy_of_response(self, code: int, limit: int) -> Copy | None:
        """The copy to fill with the answer's body; None when nothing of it is needed."""
        self.captured.code = code
        self._response = self._services.room.new(limit) if limit else None
        return self._response

    def note_request(self, headers: ClientHeaders, *, complete: bool) -> None:
        """The request's body has been sent, all of it if ``complete``."""
        self.captured.request_content_type = headers.get("content-type")
        self.captured.request_content_encoding = headers.get("content-encoding")
        self.captured.request_complete = complete

    def note_target(self, target: Target, headers: ClientHeaders) -> None:
        """What was asked for, and in which form: an answer is read in the light of it."""
        self.captured.target = target
        self.captured.accept = headers.get("accept")

    def note_response(self, headers: RawHeaders, *, complete: bool, head_request: bool) -> None:
        """The answer's head has come, and all of its body if ``complete``."""
        captured = self.captured
        captured.head_request = head_request
        captured.response_complete = complete
        warnings = []
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-type":
                captured.content_type = value.decode("latin-1")
            elif lower == b"content-encoding":
                captured.content_encoding = value.decode("latin-1")
            elif lower == b"x-content-type-options":
                captured.no_sniff = value.lower() == b"nosniff"
            elif lower == b"warning":
                warnings.append(value.decode("utf-8", "replace"))
        captured.warnings = tuple(warnings)

    # --- when they have passed ------------------------------------------------------

    def record(self, info: RequestInfo, *, long_running: bool) -> None:
        """Decode what was captured; whatever that meets, the event can go out."""
        try:
            if self._request is not None:
                self.captured.request_body = self._request.take()
                self.captured.request_missing = self._request.missing()
            if self.captured.code and not long_running:
                self.record_answer(info, long_running=False)
            record_request(self._context, info, self.captured, types=self._services.types)
            record_end(self._context, info, self.captured)
        except Exception as crash:
            where = f"request {self._context.audit_id} failed: {describe(crash)}"
            self._services.report(f"recording bodies of {where}")
        finally:
            # A waiting event must not hold on to what it was made from.
            self.captured.request_body = self.captured.response_body = b""

    def record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        """Take over what the upstream's answer says."""
        if self._response is not None:
            self.captured.response_body = self._response.take()
            self.captured.response_missing = self._response.missing()
        record_answer(
            self._context,
            info,
            self.captured,
            long_running=long_running,
            infer_decision=self._services.infer_decision,
            decoded_limit=self._services.limits.response_copy,
            types=self._services.types,
        )

    def release(self) -> None:
        """Give back the room of the copies; on the event loop, once per request."""
        for copy in (self._request, self._response):
            if copy is not None:
                copy.release()
        self._request = self._response = None
