"""ApiClient: our own small requests to kube-apiserver, over a pool of upstream/pool.py.

    ReviewError              the upstream did not answer properly: an AuthenticationError,
                              so that a token that could not be checked is taken neither
                              as valid nor as invalid

A request is tried up to three times within its deadline while the upstream is unreachable,
overloaded or failing. The size of answers is bounded.
"""

import asyncio
from typing import NoReturn, Protocol

from auditproxy import __version__
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.clients.retry import pauses
from auditproxy.kubeconfig.credentials import Credential, CredentialError, NoCredential
from auditproxy.request.headers import RawHeaders
from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece
from auditproxy.upstream.messages import (
    ResponseHead,
    ResponseSink,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamTimeout,
)

MAXIMUM_ANSWER = 1024 * 1024
"""Bytes; a larger answer is refused."""

DEADLINE = 10.0
"""Seconds for one request with all its attempts, as in kube's delegated authentication."""

ATTEMPTS = 3
BACKOFF = 0.5
"""Seconds before the second attempt."""

CONCURRENCY = 64
"""Concurrent requests; further ones wait, within their deadline."""


class ReviewError(AuthenticationError):
    """A request was not answered; the text contains no credential and nothing of the answer.

    ``failure`` is what prevented an answer, None if the answer itself was unusable.
    """

    def __init__(
        self, message: str, failure: UpstreamError | CredentialError | None = None
    ) -> None:
        super().__init__(message)
        self.failure = failure


class RoundTripper(Protocol):
    """The part of UpstreamPool that is used here."""

    async def round_trip(self, request: UpstreamRequest, sink: ResponseSink) -> object:
        """Send the request and pass its answer to the sink; raises UpstreamError."""
        ...


class CollectingSink:
    """Collects one answer of at most ``limit`` bytes; a longer one raises ReviewError.

    An exception from a sink ends the round trip and its connection.
    """

    def __init__(self, limit: int = MAXIMUM_ANSWER) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self.status = 0
        self.headers: RawHeaders = ()
        self.retry_after = False

    def head(self, head: ResponseHead, flow: Flow, *, follows: bool = False) -> None:
        """Receive the head of the answer."""
        self.status = head.status
        self.headers = head.headers
        self.retry_after = any(name.lower() == b"retry-after" for name, _ in head.headers)
        if head.content_length is not None and head.content_length > self._limit:
            self._refuse()

    @property
    def keeps_data(self) -> bool:
        """All of it."""
        return True

    def data(self, chunk: Piece) -> None:
        """Receive a piece of the body."""
        self._size += len(chunk)
        if self._size > self._limit:
            self._refuse()
        self._pieces.append(bytes(chunk))

    def _refuse(self) -> NoReturn:
        raise ReviewError(f"the answer is larger than {self._limit} bytes")

    @property
    def body(self) -> bytes:
        """The body; complete after the round trip."""
        return b"".join(self._pieces)


class ApiClient:
    """Sends requests to kube-apiserver with one credential over one pool."""

    def __init__(
        self,
        pool: RoundTripper,
        *,
        host: bytes,
        base_path: str = "",
        credential: Credential | None = None,
        deadline: float = DEADLINE,
        backoff: float = BACKOFF,
        limit: int = MAXIMUM_ANSWER,
    ) -> None:
        self._pool = pool
        self._host = host
        self._base_path = base_path.encode("ascii")
        self._credential = credential or NoCredential()
        self._deadline = deadline
        self._backoff = backoff
        self._limit = limit
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def post_json(
        self, path: str, body: bytes, headers: RawHeaders = ()
    ) -> tuple[int, bytes]:
        """POST ``body`` to ``path`` and return the answer's code and body, for any code.

        ``headers`` follow our own; if they contain an Authorization, ours is not sent.
        A 401 for our own credential is retried once with a new one. Raises ReviewError.
        """
        answer = await self.ask("POST", path, body, headers)
        return answer.status, answer.body

    async def get(self, path: str) -> tuple[int, bytes]:
        """GET ``path`` with our own credential, like ``post_json``."""
        answer = await self.ask("GET", path)
        return answer.status, answer.body

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: RawHeaders = ()
    ) -> CollectingSink:
        """Return the complete answer to a GET or POST, like ``post_json``."""
        try:
            async with asyncio.timeout(self._deadline), self._slots:
                return await self._attempts(method, path, body, headers)
        except TimeoutError:
            why = f"no answer within {self._deadline:g} seconds"
            raise ReviewError(f"{method} {path}: {why}", UpstreamTimeout(why)) from None

    async def _attempts(
        self, method: str, path: str, body: bytes, headers: RawHeaders
    ) -> CollectingSink:
        own = not any(name.lower() == b"authorization" for name, _ in headers)
        renewed = False
        waiting = pauses(self._backoff, ATTEMPTS)
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                sink = await self._once(method, path, body, headers, own)
            except UpstreamProtocolError as error:
                raise ReviewError(f"{method} {path}: {type(error).__name__}", error) from None
            except UpstreamError as error:
                if last:
                    raise ReviewError(f"{method} {path}: {type(error).__name__}", error) from None
            else:
                if sink.status == 401 and own and not renewed:
                    self._credential.invalidate()
                    renewed = True
                    if not last:
                        continue
                if last or not _retryable(sink):
                    return sink
            await asyncio.sleep(next(waiting))
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, method: str, path: str, body: bytes, headers: RawHeaders, own: bool
    ) -> CollectingSink:
        request = UpstreamRequest(
            method=method.encode("ascii"),
            target=self._base_path + path.encode("ascii"),
            headers=await self._headers(method, headers, own),
            content_length=len(body) if method == "POST" else None,
            body=body if method == "POST" else None,
        )
        sink = CollectingSink(self._limit)
        await self._pool.round_trip(request, sink)
        return sink

    async def _headers(self, method: str, headers: RawHeaders, own: bool) -> RawHeaders:
        lines = [
            (b"Host", self._host),
            (b"User-Agent", f"auditproxy/{__version__}".encode()),
            (b"Accept", b"application/json" if method == "POST" else b"application/json, */*"),
        ]
        if method == "POST":
            lines.append((b"Content-Type", b"application/json"))
        if own:
            try:
                value = await self._credential.authorization()
            except CredentialError as error:
                raise ReviewError(str(error), error) from None
            if value is not None:
                lines.append((b"Authorization", value))
        return (*lines, *headers)


def _retryable(sink: CollectingSink) -> bool:
    """Return whether kube's webhook clients would retry after this answer."""
    return sink.status in (429, 500, 504) or sink.retry_after
