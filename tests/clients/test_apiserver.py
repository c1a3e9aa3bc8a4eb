"""Our own questions to the upstream: what is sent, what is tried again, what is bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from auditproxy.clients.apiserver import ApiClient, ReviewError
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.request.headers import RawHeaders
from auditproxy.upstream.messages import (
    ResponseHead,
    ResponseSink,
    UpstreamClosedEarly,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from auditproxy.upstream.pool import UpstreamPool

Answer = tuple[int, RawHeaders, list[bytes]] | Exception


class NoFlow:
    """A flow that has nothing to stop."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def linger(self) -> None:
        """Do nothing."""


def ok(body: bytes = b"{}", status: int = 201, headers: RawHeaders = ()) -> Answer:
    """An answer."""
    return status, headers, [body]


class FakePool:
    """Gives the prepared answers, one per round trip."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[UpstreamRequest] = []

    async def round_trip(self, request: UpstreamRequest, sink: ResponseSink) -> None:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, headers, pieces = answer
        sink.head(
            ResponseHead(
                status=status,
                reason=b"",
                headers=headers,
                version=(1, 1),
                content_length=None,
                chunked=True,
                has_body=True,
                keep_alive=True,
            ),
            NoFlow(),
            follows=bool(pieces),
        )
        for piece in pieces:
            sink.data(piece)


class Renewable:
    """A credential that is another one after each ``invalidate``."""

    def __init__(self) -> None:
        self.number = 1

    async def authorization(self) -> bytes | None:
        return b"Bearer canary-%d" % self.number

    def at_hand(self) -> None:
        """Nothing, which is always allowed."""

    def invalidate(self) -> None:
        self.number += 1


def client(pool: FakePool, **changes: object) -> ApiClient:
    """A client that does not wait between attempts."""
    return ApiClient(pool, host=b"api:6443", **({"backoff": 0.0} | changes))  # type: ignore[arg-type]


def sent(request: UpstreamRequest, name: bytes) -> list[bytes]:
    """The values of a header of a request."""
    return [value for have, value in request.headers if have.lower() == name.lower()]


async def test_request() -> None:
    """One JSON POST below the base path, with our credential."""
    pool = FakePool(ok(b'{"a":1}'))
    asked = client(pool, base_path="/k8s/c-1", credential=Renewable())
    assert await asked.post_json("/apis/x", b'{"b":2}') == (201, b'{"a":1}')
    (request,) = pool.requests
    assert (request.method, request.target, request.body, request.content_length) == (
        b"POST",
        b"/k8s/c-1/apis/x",
        b'{"b":2}',
        7,
    )
    assert sent(request, b"host") == [b"api:6443"]
    assert sent(request, b"content-type") == sent(request, b"accept") == [b"application/json"]
    assert sent(request, b"authorization") == [b"Bearer canary-1"]


async def test_own_credential_is_replaced() -> None:
    """T021: with the client's token in the headers, ours is not sent beside it."""
    pool = FakePool(ok())
    headers = ((b"Authorization", b"Bearer theirs"),)
    await client(pool, credential=Renewable()).post_json("/x", b"", headers)
    assert sent(pool.requests[0], b"authorization") == [b"Bearer theirs"]


@pytest.mark.parametrize(
    ("answers", "code", "requests"),
    [
        ([ok()], 201, 1),
        ([ok(status=404)], 404, 1),
        ([ok(status=403)], 403, 1),
        ([ok(status=302, headers=((b"Location", b"https://evil/"),))], 302, 1),
        ([ok(status=500), ok()], 201, 2),
        ([ok(status=429), ok(status=504), ok()], 201, 3),
        ([ok(status=503, headers=((b"retry-after", b"1"),)), ok()], 201, 2),
        ([ok(status=503), ok()], 503, 1),
        ([ok(status=500), ok(status=500), ok(status=500), ok()], 500, 3),
        ([UpstreamUnreachable("x"), UpstreamClosedEarly("x"), ok()], 201, 3),
    ],
)
async def test_attempts(answers: list[Answer], code: int, requests: int) -> None:
    """T072: overload and broken connections are tried again, redirects are not followed."""
    pool = FakePool(*answers)
    assert (await client(pool).post_json("/x", b""))[0] == code
    assert len(pool.requests) == requests


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([UpstreamUnreachable("canary")] * 4, 3),
        ([UpstreamTimeout("canary")] * 4, 3),
        ([UpstreamProtocolError("canary"), ok()], 1),
    ],
)
async def test_failures(answers: list[Answer], requests: int) -> None:
    """What never comes is a ReviewError without the upstream's words."""
    pool = FakePool(*answers)
    with pytest.raises(ReviewError) as caught:
        await client(pool).post_json("/x", b"")
    assert len(pool.requests) == requests
    assert "canary" not in str(caught.value)


async def test_expired_credential() -> None:
    """T234: a 401 for our credential is tried once with a fresh one; for theirs it is final."""
    pool = FakePool(ok(status=401), ok())
    assert (await client(pool, credential=Renewable()).post_json("/x", b""))[0] == 201
    assert sent(pool.requests[1], b"authorization") == [b"Bearer canary-2"]
    pool = FakePool(ok(status=401), ok(status=401), ok())
    assert (await client(pool, credential=Renewable()).post_json("/x", b""))[0] == 401
    assert len(pool.requests) == 2
    pool = FakePool(ok(status=401), ok())
    headers = ((b"authorization", b"Bearer theirs"),)
    assert (await client(pool).post_json("/x", b"", headers))[0] == 401


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x" * 50, b"x" * 51], [b"x"] * 101])
async def test_bounded_answers(pieces: list[bytes]) -> None:
    """T072: an answer above the limit ends the question, however it is cut."""
    pool = FakePool((201, (), pieces))
    with pytest.raises(ReviewError, match="larger than 100 bytes"):
        await client(pool, limit=100).post_json("/x", b"")
    pool = FakePool((201, (), [b"x"] * 100))
    assert (await client(pool, limit=100).post_json("/x", b""))[1] == b"x" * 100


async def test_deadline() -> None:
    """T072: an upstream that never answers costs a question its deadline and no more."""

    class Never:
        """Does not answer."""

        def __init__(self) -> None:
            self.cancelled = False

        async def round_trip(self, request: UpstreamRequest, sink: ResponseSink) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise

    pool = Never()
    with pytest.raises(ReviewError, match="no answer within 0"):
        await ApiClient(pool, host=b"api", deadline=0.01).post_json("/x", b"")
    assert pool.cancelled


async def test_credential_that_fails() -> None:
    """Without a credential there is no question, and its fault is told."""

    class Broken:
        """Has no credential."""

        async def authorization(self) -> bytes | None:
            raise CredentialError("the exec plugin 'x' returned 1")

        def invalidate(self) -> None:
            """Nothing to forget."""

    pool = FakePool()
    with pytest.raises(ReviewError, match="returned 1"):
        await client(pool, credential=Broken()).post_json("/x", b"")


@asynccontextmanager
async def server(answer: Callable[[bytes], bytes]) -> AsyncIterator[int]:
    """A server on loopback that answers each request's head and body; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                writer.write(answer(head + await reader.readexactly(length)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


class Target:
    """A plain HTTP upstream on loopback."""

    host = "127.0.0.1"
    server_name = None
    ssl_context = None

    def __init__(self, port: int) -> None:
        self.port = port


async def test_over_a_socket() -> None:
    """The whole way: a real pool, a real connection, kept for the next question."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    async with server(answer) as port:
        pool = UpstreamPool(Target(port))
        try:
            asked = ApiClient(pool, host=b"api", credential=Renewable())
            assert await asked.post_json("/apis/x", b'{"a":1}') == (201, b"{}")
            assert await asked.post_json("/apis/x", b"[]") == (201, b"{}")
            assert pool.stats.opened == 1
        finally:
            await pool.close()
    assert seen[0].startswith(b"POST /apis/x HTTP/1.1\r\n")
    assert seen[0].endswith(b'\r\n\r\n{"a":1}')


async def test_huge_answer_over_a_socket() -> None:
    """T072: a hundred megabytes promised, or sent, are not read."""

    def answer(request: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + b"x" * 65536

    async with server(answer) as port:
        pool = UpstreamPool(Target(port))
        try:
            with pytest.raises(ReviewError, match="larger than"):
                await ApiClient(pool, host=b"api").post_json("/x", b"{}")
        finally:
            await pool.close()
