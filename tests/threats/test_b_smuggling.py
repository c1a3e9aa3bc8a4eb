"""B: bytes that two readers could read in two ways, each in one, two and many segments."""

import asyncio
import contextlib

import pytest

from tests.threats.rig import Rig, RigFactory, each_way, read_refusal, send

HIDDEN = b"GET /api/v1/secrets HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer admin-token\r\n\r\n"
POST = "POST /api/v1/namespaces/d/configmaps HTTP/1.1"


async def refused(rig: Rig, raw: bytes, cut: str, *codes: int) -> None:
    """One refusal with one of these codes, then the end; the upstream sees no request."""
    reader, writer = await rig.connect()
    await send(writer, raw, cut)
    method = raw.partition(b" ")[0].decode("latin-1")
    assert await read_refusal(rig, reader, method, cut) in codes
    assert not rig.forwarded()
    assert b"secrets" not in b"".join(bytes(c.received) for c in rig.upstream.connections)


async def refused_and_closed(rig: Rig, raw: bytes, cut: str, *codes: int) -> None:
    """As ``refused``; and nothing more is read from that connection."""
    reader, writer = await rig.connect()
    await send(writer, raw, cut)
    assert await read_refusal(rig, reader, "GET", cut) in codes
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert not rig.forwarded()


@each_way
@pytest.mark.parametrize("order", [1, -1])
async def test_length_and_chunks(rigged: RigFactory, order: int, cut: str) -> None:
    """T082: Content-Length beside Transfer-Encoding, in either order, is refused with what it hides."""
    framing = ("Content-Length: 5", "Transfer-Encoding: chunked")[::order]
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", *framing) + b"0\r\n\r\n" + HIDDEN
        await refused_and_closed(rig, raw, cut, 400)
        assert [event["stage"] for event in rig.events] == ["ResponseStarted"]


@each_way
@pytest.mark.parametrize("lines", [("3", "3"), ("3", "4"), ("3, 3",), ("3,",)])
async def test_two_lengths(rigged: RigFactory, lines: tuple[str, ...], cut: str) -> None:
    """T083: two lengths are refused, equal ones too."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", *(f"Content-Length: {line}" for line in lines)) + b"{}x"
        await refused_and_closed(rig, raw, cut, 400)


@each_way
@pytest.mark.parametrize(
    "length", [b"+3", b"-1", b"0x3", b"3_0", b" ", b"\xd9\xa3", b"9" * 20, b"3 3", b"3;", b"1e1"]
)
async def test_odd_lengths(rigged: RigFactory, length: bytes, cut: str) -> None:
    """T084: a length is decimal digits and fits."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", b"Content-Length: " + length) + b"{}x"
        await refused_and_closed(rig, raw, cut, 400)


@each_way
async def test_zeros_before_a_length(rigged: RigFactory, cut: str) -> None:
    """T084: zeros before a length mean nothing, as for Go."""
    async with rigged() as rig:
        got = await rig.ask(rig.raw(POST, "Host: proxy", "Content-Length: 0002") + b"{}", cut)
        assert got.status == 200
        (request,) = rig.forwarded()
        assert (request.body, request.values(b"content-length")) == (b"{}", [b"2"])


@each_way
async def test_tail_is_the_next_request(rigged: RigFactory, cut: str) -> None:
    """T086: what stands behind a body is a request of its own, with its own user and event."""
    async with rigged() as rig:
        reader, writer = await rig.connect()
        await send(writer, rig.request("POST", "/api/v1/pods", body=b"{}") + HIDDEN, cut)
        assert [(await rig.read(reader)).status for _ in range(2)] == [200, 200]
        first, second = rig.forwarded()
        assert (first.body, second.body) == (b"{}", b"")
        assert second.values(b"impersonate-user") == [b"admin"]


@each_way
@pytest.mark.parametrize(
    "codings",
    [("gzip, chunked",), ("chunked, identity",), ("xchunked",), ("chunked", "chunked"), ("chunked;q=1",),
     ("identity",), ("chunked, chunked",), ("chunked,",)],
)  # fmt: skip
async def test_transfer_codings(rigged: RigFactory, codings: tuple[str, ...], cut: str) -> None:
    """T087: no transfer coding but exactly chunked."""
    async with rigged() as rig:
        lines = (f"Transfer-Encoding: {coding}" for coding in codings)
        raw = rig.raw(POST, "Host: proxy", *lines) + b"0\r\n\r\n" + HIDDEN
        await refused(rig, raw, cut, 400, 501)


@each_way
@pytest.mark.parametrize("coding", ["CHUNKED", "\tchunked", "chunked  ", "Chunked"])
async def test_spellings_of_chunked(rigged: RigFactory, coding: str, cut: str) -> None:
    """T088: chunked in any case and with blanks around it; upstream it is framed by us."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", f"Transfer-Encoding:{coding}") + b"2\r\n{}\r\n0\r\n\r\n"
        assert (await rig.ask(raw, cut)).status == 200
        (request,) = rig.forwarded()
        assert request.body == b"{}"
        assert request.values(b"transfer-encoding") in ([], [b"chunked"])


@each_way
@pytest.mark.parametrize("mark", [b"\x0b", b"\x0c", b"\xa0", b"\0", b"\x85"])
async def test_odd_blanks(rigged: RigFactory, mark: bytes, cut: str) -> None:
    """T089: what some readers take for a blank is none."""
    async with rigged() as rig:
        coding = b"Transfer-Encoding: " + mark + b"chunked"
        await refused(rig, rig.raw(POST, "Host: proxy", coding) + b"0\r\n\r\n", cut, 400, 501)


@each_way
async def test_chunks_in_1_0(rigged: RigFactory, cut: str) -> None:
    """T090: HTTP/1.0 knows no chunks."""
    async with rigged() as rig:
        raw = rig.raw(POST.replace("1.1", "1.0"), "Transfer-Encoding: chunked") + b"0\r\n\r\n"
        await refused_and_closed(rig, raw + HIDDEN, cut, 400)


@each_way
@pytest.mark.parametrize("name", ["Transfer-Encoding ", "Transfer-Encoding\t", "Content-Length "])
async def test_blank_before_the_colon(rigged: RigFactory, name: str, cut: str) -> None:
    """T091: a name and its colon stand together."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", f"{name}: chunked") + b"0\r\n\r\n"
        await refused_and_closed(rig, raw, cut, 400)


@each_way
@pytest.mark.parametrize(
    "chunk",
    [b"0x3\r\nabc\r\n", b"-1\r\n", b"f" * 17 + b"\r\n", b"3\nabc\r\n", b"3\r\nabcd\r\n", b"3\r\nabc0\r\n\r\n",
     b"\r\nabc\r\n", b"3;a\nb\r\nabc\r\n", b"+3\r\nabc\r\n", b"3 3\r\nabc\r\n"],
)  # fmt: skip
async def test_odd_chunks(rigged: RigFactory, chunk: bytes, cut: str) -> None:
    """T092: a chunk that is none ends the request with 400; what hides behind it is not read."""
    async with rigged() as rig:
        rig.compare_identity = False
        raw = rig.raw(POST, "Host: proxy", "Transfer-Encoding: chunked") + chunk
        reader, writer = await rig.connect()
        await send(writer, raw + b"0\r\n\r\n" + HIDDEN, cut)
        assert await read_refusal(rig, reader, "POST", cut) == 400
        assert not rig.forwarded()
        assert {event["user"].get("username") for event in rig.events} <= {"alice"}


@each_way
async def test_short_chunk_extension(rigged: RigFactory, cut: str) -> None:
    """T092: a short chunk extension is read and left behind."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", "Transfer-Encoding: chunked")
        assert (await rig.ask(raw + b"2;a=b\r\n{}\r\n0\r\n\r\n", cut)).status == 200
        assert rig.forwarded()[0].body == b"{}"


@each_way
@pytest.mark.parametrize(
    "trailer", [b"Impersonate-User: root", b"Authorization: Bearer admin-token", b"Host: evil"]
)
async def test_trailers(rigged: RigFactory, trailer: bytes, cut: str) -> None:
    """T093: trailers say nothing about who asks or how long a body is, and go no further."""
    async with rigged() as rig:
        raw = rig.raw(POST, "Host: proxy", "Transfer-Encoding: chunked")
        got = await rig.ask(raw + b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n\r\n", cut)
        assert got.status == 200
        (request,) = rig.forwarded()
        assert request.values(b"impersonate-user") == [b"alice"]
        received = bytes(rig.upstream.connections[0].received)
        assert b"root" not in received
        assert b"evil" not in received
        assert b"admin-token" not in received


@each_way
@pytest.mark.parametrize(
    "head",
    [b"GET /api HTTP/1.1\nHost: a\n\n", b"GET /api HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
     b"GET /api HTTP/1.1\r\r\nHost: a\r\n\r\n", b"GET /api HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"],
)  # fmt: skip
async def test_line_ends(rigged: RigFactory, head: bytes, cut: str) -> None:
    """T094: a line ends with CR LF and with nothing else."""
    async with rigged() as rig:
        await refused_and_closed(rig, head, cut, 400)


@each_way
@pytest.mark.parametrize("name", ["Authorization", "Host", "Impersonate-User"])
async def test_folded_lines(rigged: RigFactory, name: str, cut: str) -> None:
    """T095: a folded line is refused, and not repeated to anybody."""
    async with rigged() as rig:
        raw = rig.raw("GET /api HTTP/1.1", "Host: a", f"{name}: a", f" {rig.canary}")
        await refused_and_closed(rig, raw, cut, 400)
        await refused_and_closed(rig, rig.raw("GET /api HTTP/1.1", " Host: a"), cut, 400)


@each_way
@pytest.mark.parametrize("line", [b": x", b"no colon", b"a b: x", b"\xe9: x", b"(a): x", b"X: \0"])
async def test_odd_names(rigged: RigFactory, line: bytes, cut: str) -> None:
    """T096: a header has a name, which is a token."""
    async with rigged() as rig:
        await refused(rig, rig.raw("GET /api HTTP/1.1", "Host: a", line), cut, 400)


@each_way
async def test_eight_bit_values(rigged: RigFactory, cut: str) -> None:
    """T096, T113: a value of any bytes goes up as it is, and is U+FFFD in the event."""
    async with rigged() as rig:
        raw = rig.raw("GET /api HTTP/1.1", "Host: a", b"User-Agent: \xff\xc3\xa4", b"X-A: \xe9")
        assert (await rig.ask(raw, cut)).status == 200
        (request,) = rig.forwarded()
        assert request.values(b"user-agent") == [b"\xff\xc3\xa4"]
        assert request.values(b"x-a") == [b"\xe9"]
        assert rig.events[0]["userAgent"] == "\ufffdä"


@each_way
@pytest.mark.parametrize(
    "hosts", [(), ("a", "a"), ("a", "b"), ("a, b",), ("u@h/p",), ("a b",), ("a/b",), ("a" * 140_000,)]
)  # fmt: skip
async def test_odd_hosts(rigged: RigFactory, hosts: tuple[str, ...], cut: str) -> None:
    """T097: one Host, which is a host."""
    async with rigged() as rig:
        raw = rig.raw("GET /api HTTP/1.1", *(f"Host: {host}" for host in hosts))
        await refused(rig, raw, cut, 400, 431)


@each_way
async def test_host_upstream(rigged: RigFactory, cut: str) -> None:
    """T097: the upstream gets its own Host whatever the client's."""
    async with rigged() as rig:
        assert (await rig.ask(rig.raw("GET /api HTTP/1.1", "Host: evil:1"), cut)).status == 200
        (request,) = rig.forwarded()
        assert request.values(b"host") == [b"127.0.0.1:%d" % rig.upstream.port]


@each_way
@pytest.mark.parametrize(
    "version", [b"", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/1.2", b" HTTP/1.11", b" HTTP/1.\xd9\xa1",
                b" http/1.1", b" HTTP/1", b" HTTP /1.1"],
)  # fmt: skip
async def test_versions(rigged: RigFactory, version: bytes, cut: str) -> None:
    """T098: HTTP/1.0 and HTTP/1.1; no answer claims another version."""
    async with rigged() as rig:
        await refused(rig, rig.raw(b"GET /api" + version, "Host: a"), cut, 400, 505)


@each_way
@pytest.mark.parametrize(
    "raw",
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
     b"\x80\x2e\x01\x03\x01\r\n\r\n"],
)  # fmt: skip
async def test_other_protocols(rigged: RigFactory, raw: bytes, cut: str) -> None:
    """T099: an HTTP/2 preface or a TLS hello is answered and closed, in one line of the log."""
    async with rigged() as rig:
        await refused(rig, raw, cut, 400, 505)


@each_way
@pytest.mark.parametrize("target", ["evil:443", "/api/v1/pods"])
async def test_connect(rigged: RigFactory, target: str, cut: str) -> None:
    """T102: CONNECT is a 405 with an event, and what follows it, a body to some readers, is nobody's."""
    async with rigged() as rig:
        reader, writer = await rig.connect()
        framing = f"Content-Length: {len(HIDDEN)}"
        await send(writer, rig.request("CONNECT", target, framing) + HIDDEN, cut)
        assert await read_refusal(rig, reader, "CONNECT", cut) in (400, 405)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await rig.proxy.until_events(2)
        assert {event["verb"] for event in rig.events} <= {"connect", ""}
        assert rig.events[-1]["responseStatus"]["code"] == 405
        assert rig.upstream.connections == []


@each_way
async def test_options_star(rigged: RigFactory, cut: str) -> None:
    """T103: OPTIONS * is refused with an event."""
    async with rigged() as rig:
        await refused(rig, rig.request("OPTIONS", "*"), cut, 400)
        assert [event["requestURI"] for event in rig.events] == ["*"]


@each_way
@pytest.mark.parametrize("before", [b"\r\n", b"\r\n" * 1000])
async def test_empty_lines_before(rigged: RigFactory, before: bytes, cut: str) -> None:
    """T107: empty lines before a request are passed over."""
    async with rigged() as rig:
        assert (await rig.ask(before + rig.request(), cut)).status == 200
        assert len(rig.forwarded()) == 1


@each_way
async def test_two_blanks(rigged: RigFactory, cut: str) -> None:
    """T107: two blanks after the method are refused or mean one; the upstream's line has one."""
    async with rigged() as rig:
        got = await rig.ask(rig.request().replace(b"GET ", b"GET  "), cut)
        assert got.status in (200, 400)
        assert [request.target for request in rig.forwarded()] in ([], [b"/api/v1/pods"])


@pytest.mark.parametrize("count", [100, 3000])
async def test_pipelining(rigged: RigFactory, count: int) -> None:
    """T108: many requests at once are answered in order, each with its own event."""
    async with rigged(policy='{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"Metadata"}]}') as rig:  # fmt: skip
        reader, writer = await rig.connect()
        raws = [rig.request("GET", f"/r/{n}") for n in range(count)]

        async def write() -> None:
            writer.write(b"".join(raws))
            await writer.drain()

        writing = asyncio.ensure_future(write())
        async with asyncio.timeout(30):
            for _ in range(count):
                await reader.readuntil(b'"box"}}\n')
        await writing
        await rig.proxy.until_events(2 * count)
        done = [e["requestURI"] for e in rig.events if e["stage"] == "ResponseComplete"]
        assert done == [f"/r/{n}" for n in range(count)]


@each_way
@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS"])
async def test_bodies_of_any_method(rigged: RigFactory, method: str, cut: str) -> None:
    """T109: a body goes up with any method, and the next request is read behind it."""
    async with rigged() as rig:
        reader, writer = await rig.connect()
        await send(writer, rig.request(method, body=HIDDEN) + rig.request("GET", "/after"), cut)
        assert (await rig.read(reader, method)).status == 200
        assert (await rig.read(reader)).status == 200
        first, second = rig.forwarded()
        assert (first.method, first.body) == (method, HIDDEN)
        assert second.target == b"/after"


async def test_refused_while_the_body_comes(rigged: RigFactory) -> None:
    """T110: a 401 before the body is there; the body is no request, and the next one is read or cut off."""
    async with rigged(anonymous_auth=False) as rig:
        reader, writer = await rig.connect()
        head = rig.request("POST", "/api/v1/pods", f"Content-Length: {len(HIDDEN)}")
        writer.write(head.replace(rig.canary.encode(), b"wrong"))
        assert (await rig.read(reader)).status == 401
        writer.write(HIDDEN + rig.request("GET", "/after"))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            assert (await rig.read(reader)).status == 200
        assert {request.target for request in rig.forwarded()} <= {b"/after"}
        assert {event["requestURI"] for event in rig.events} <= {"/api/v1/pods", "/after"}
