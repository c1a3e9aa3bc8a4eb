"""upstream/framing.py: heads and chunks, nothing of which can be read in two ways."""

import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.sockets.pieces import Piece
from auditproxy.upstream.framing import (
    MAXIMUM_CHUNK_LINE,
    MAXIMUM_TRAILERS,
    ChunkedDecoder,
    read_head,
    write_head,
)
from auditproxy.upstream.messages import (
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
)

OK = b"HTTP/1.1 200 OK\r\n"
HOST = (b"Host", b"kubernetes")


async def no_body() -> AsyncIterator[bytes]:
    """An iterator that is never read."""
    yield b""


def request(**changes: Any) -> UpstreamRequest:
    """A GET with changes."""
    fields = {"method": b"GET", "target": b"/api", "headers": (HOST,)}
    return UpstreamRequest(**{**fields, **changes})


class TestWriteHead:
    """Requests as bytes."""

    @pytest.mark.parametrize(
        ("changes", "framing"),
        [
            ({}, b""),
            ({"content_length": 0}, b"Content-Length: 0\r\n"),
            ({"method": b"POST"}, b"Content-Length: 0\r\n"),
            ({"method": b"DELETE"}, b""),
            ({"method": b"POST", "body": b"{}"}, b"Content-Length: 2\r\n"),
            ({"method": b"PUT", "body": b"{}", "content_length": 2}, b"Content-Length: 2\r\n"),
            ({"method": b"PUT", "body": no_body(), "content_length": 7}, b"Content-Length: 7\r\n"),
            ({"method": b"POST", "body": no_body()}, b"Transfer-Encoding: chunked\r\n"),
            ({"upgrade": b"SPDY/3.1"}, b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"),
            (
                {"method": b"POST", "upgrade": b"SPDY/3.1"},
                b"Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n",
            ),
        ],
    )
    def test_framing_comes_from_body_and_length(
        self, changes: dict[str, Any], framing: bytes
    ) -> None:
        """Content-Length, chunks and the upgrade are written here and only here."""
        head = write_head(request(**changes))
        method = changes.get("method", b"GET")
        assert head == method + b" /api HTTP/1.1\r\nHost: kubernetes\r\n" + framing + b"\r\n"

    def test_bytes_pass_unchanged(self) -> None:
        """T113: target and header values go up byte for byte."""
        head = write_head(request(target=b"/a%2f?x=\xe9", headers=(HOST, (b"X", b"\xc3\xa9\xff"))))
        assert head == b"GET /a%2f?x=\xe9 HTTP/1.1\r\nHost: kubernetes\r\nX: \xc3\xa9\xff\r\n\r\n"

    @pytest.mark.parametrize(
        "changes",
        [
            {"method": b"CONNECT"},
            {"method": b"TRACE"},
            {"method": b""},
            {"method": b"GET /x HTTP/1.1\r\nA:"},
            {"target": b"http://evil/"},
            {"target": b""},
            {"target": b"*"},
            {"target": b"/a b"},
            {"target": b"/a\r\nX: y"},
            {"target": b"/a\n"},
            {"target": b"/a\0"},
            {"headers": ((b"X", b"a\r\nb: c"),)},
            {"headers": ((b"X", b"a\nb"),)},
            {"headers": ((b"X", b"a\rb"),)},
            {"headers": ((b"X", b"a\0b"),)},
            {"headers": ((b"X\r\nY", b"a"),)},
            {"headers": ((b"Content-Length", b"3"),)},
            {"headers": ((b"content-length ", b"3"),)},
            {"headers": ((b"TRANSFER-ENCODING", b"chunked"),)},
            {"headers": ((b"Connection", b"close"),)},
            {"headers": ((b"Upgrade", b"h2c"),)},
            {"headers": ((b"Expect", b"100-continue"),)},
            {"headers": ((b"TE", b"trailers"),)},
            {"content_length": 3},
            {"method": b"POST", "body": b"{}", "content_length": 3},
            {"method": b"POST", "body": no_body(), "content_length": -1},
            {"upgrade": b"websocket\r\nX: y"},
        ],
        ids="-".join,
    )
    def test_what_could_be_read_otherwise_is_refused(self, changes: dict[str, Any]) -> None:
        """No CONNECT, no TRACE, no line break, no framing header that is not ours."""
        with pytest.raises(UpstreamRequestError):
            write_head(request(**changes))

    def test_lines_that_were_verified(self) -> None:
        """Given lines stand for headers; the request line and the framing are still ours."""
        lines = b"Host: h\r\nX: y\r\n"
        head = write_head(request(method=b"PUT", headers=(), lines=lines, body=b"{}"))
        assert head == b"PUT /api HTTP/1.1\r\n" + lines + b"Content-Length: 2\r\n\r\n"
        for changes in ({"method": b"TRACE"}, {"target": b"/a\r\nX: y"}, {"content_length": 3}):
            with pytest.raises(UpstreamRequestError):
                write_head(request(headers=(), lines=lines, **changes))

    @given(st.binary(max_size=12), st.binary(max_size=12), st.binary(max_size=12))
    def test_never_another_request(self, target: bytes, name: bytes, value: bytes) -> None:
        """Whatever is written is read back as this one request with these headers, or refused."""
        wanted = request(target=b"/" + target, headers=(HOST, (b"X" + name, value)))
        try:
            head = write_head(wanted)
        except UpstreamRequestError:
            return
        assert head.count(b"\r\n") == 4
        assert head.endswith(b"\r\n\r\n")
        assert head.count(b"\r\n\r\n") == 1


class TestReadHead:
    """Answers' heads."""

    def test_plain(self) -> None:
        """Names and values come as received."""
        head = read_head(OK + b"content-LENGTH: 3\r\nX: \xe9 b\r\nX: c\r\n\r\n", b"GET")
        assert (head.status, head.reason, head.version) == (200, b"OK", (1, 1))
        assert head.headers == ((b"content-LENGTH", b"3"), (b"X", b"\xe9 b"), (b"X", b"c"))
        assert (head.content_length, head.chunked) == (3, False)
        assert head.has_body
        assert head.keep_alive

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (OK + b"Transfer-Encoding: chunked\r\n\r\n", (None, True, True)),
            (OK + b"Transfer-Encoding: Chunked \r\n\r\n", (None, True, True)),
            (OK + b"\r\n", (None, False, True)),
            (OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", (0, False, False)),
            (OK + b"Connection: x, Close\r\nContent-Length: 0\r\n\r\n", (0, False, False)),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", (1, False, False)),
            (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", (1, False, True)),
        ],
        ids=repr,
    )
    def test_framing(self, raw: bytes, expected: tuple[object, ...]) -> None:
        """Length, chunks, and whether another answer may follow."""
        head = read_head(raw, b"GET")
        assert (head.content_length, head.chunked, head.keep_alive) == expected

    @pytest.mark.parametrize(
        ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"GET", 103)]
    )
    def test_answers_without_body(self, method: bytes, status: int) -> None:
        """T116: what has no body has none whatever its headers promise; the length stays known."""
        head = read_head(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status, method)
        assert not head.has_body
        assert head.content_length == 5

    @pytest.mark.parametrize(
        "extra", [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b""]
    )
    def test_framing_of_a_101_means_nothing(self, extra: bytes) -> None:
        """T211: a 101 with a length or a transfer coding is a 101."""
        for upgrade in (b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b""):
            head = read_head(b"HTTP/1.1 101 S\r\n" + upgrade + extra + b"\r\n", b"GET")
            assert (head.status, head.content_length, head.chunked) == (101, None, False)

    @pytest.mark.parametrize(
        "raw",
        [
            OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
            OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
            OK + b"Content-Length: 3, 3\r\n\r\n",
            OK + b"Content-Length: +3\r\n\r\n",
            OK + b"Content-Length: -3\r\n\r\n",
            OK + b"Content-Length: 0x3\r\n\r\n",
            OK + b"Content-Length: \r\n\r\n",
            OK + b"Content-Length: 99999999999999999999\r\n\r\n",
            OK + b"Content-Length : 3\r\n\r\n",
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            OK + b"Transfer-Encoding: identity\r\n\r\n",
            OK + b"Transfer-Encoding: xchunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            OK + b"X: a\r\n b\r\n\r\n",
            OK + b" X: a\r\n\r\n",
            OK + b"X: a\0b\r\n\r\n",
            OK + b"X: a\x01b\r\n\r\n",
            OK + b"X: a\rb\r\n\r\n",
            OK + b"X: a\nY: b\r\n\r\n",
            OK + b"X Y: a\r\n\r\n",
            OK + b": a\r\n\r\n",
            OK + b"nocolon\r\n\r\n",
            b"HTTP/1.1 200 OK\nX: a\r\n\r\n",
            b"HTTP/1.1 200 O\0K\r\n\r\n",
            b"HTTP/1.1 200 O\x0bK\r\n\r\n",
            b"HTTP/1.1 099 X\r\n\r\n",
            b"HTTP/1.1 20 X\r\n\r\n",
            b"HTTP/1.1 2000 X\r\n\r\n",
            b"HTTP/1.1  200 X\r\n\r\n",
            b"HTTP/2.0 200 X\r\n\r\n",
            b"HTTP/0.9 200 X\r\n\r\n",
            b"HTTP/1.7 200 X\r\n\r\n",
            b"RTSP/1.0 200 X\r\n\r\n",
            b"ICE/1.0 200 X\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\r\n\r\n",
        ],
        ids=repr,
    )
    def test_refused(self, raw: bytes) -> None:
        """T114: what could be framed in two ways, or is not HTTP/1.1, is an error."""
        with pytest.raises(UpstreamProtocolError):
            read_head(raw, b"GET")

    def test_errors_repeat_nothing_of_the_answer(self) -> None:
        """An error's text may be logged; an answer's headers may not."""
        with pytest.raises(UpstreamProtocolError) as caught:
            read_head(OK + b"Set-Cookie: canary\0\r\nX: canary\r\n\r\n", b"GET")
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None

    @given(st.binary(max_size=80))
    def test_any_bytes(self, raw: bytes) -> None:
        """Nothing but a head or UpstreamProtocolError comes out."""
        for head in (OK + raw + b"\r\n\r\n", b"HTTP/1.1 " + raw + b"\r\n\r\n", raw):
            try:
                read = read_head(head, b"GET")
            except UpstreamProtocolError:
                continue
            assert 100 <= read.status <= 999


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    """A chunked body."""
    parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


def decode(segments: Iterable[bytes]) -> tuple[bytes, bytes | None]:
    """Feed segments until the body ends; payload, and what follows (None: not ended).

    Lent ones, of the same memory, give the same.
    """
    given = list(segments)
    memory = bytearray(max(map(len, given), default=0))

    def lend(segment: bytes) -> memoryview:
        memory[: len(segment)] = segment
        return memoryview(memory)[: len(segment)]

    try:
        found = _decoded(given, bytes)
    except UpstreamProtocolError as error:
        with pytest.raises(UpstreamProtocolError, match=f"^{re.escape(str(error))}$"):
            _decoded(given, lend)
        raise
    assert _decoded(given, lend) == found
    return found


def _decoded(segments: list[bytes], lend: Callable[[bytes], Piece]) -> tuple[bytes, bytes | None]:
    decoder, payload = ChunkedDecoder(), b""
    for number, segment in enumerate(segments, 1):
        piece, rest = decoder.feed(lend(segment))
        payload += piece
        if rest is not None:
            return payload, rest + b"".join(segments[number:])
    return payload, None


class TestChunkedDecoder:
    """Chunked bodies."""

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (chunks(), (b"", b"")),
            (chunks(b"abc", b"de"), (b"abcde", b"")),
            (chunks(b"abc") + b"HTTP/1.1 ", (b"abc", b"HTTP/1.1 ")),
            (chunks(b"abc") + b"\r\n", (b"abc", b"\r\n")),
            (b'3;name=value;x="y"\r\nabc\r\n0;last\r\n\r\n', (b"abc", b"")),
            (b'3;x="a \\" ;b"\r\nabc\r\n0\r\n\r\n', (b"abc", b"")),
            (b"0003\r\nabc\r\n000\r\n\r\n", (b"abc", b"")),
            (b"A\r\n0123456789\r\n0\r\n\r\n", (b"0123456789", b"")),
            (chunks(b"abc", trailers=b"X: a\r\nAudit-Id: b\r\n"), (b"abc", b"")),
            (b"3\r\nabc\r\n", (b"abc", None)),
            (b"3\r\nab", (b"ab", None)),
            (b"", (b"", None)),
        ],
        ids=repr,
    )
    def test_at_every_cut(self, raw: bytes, expected: tuple[object, ...]) -> None:
        """However the bytes are cut, payload and rest are the same."""
        assert decode([raw]) == expected
        assert decode([raw[i : i + 1] for i in range(len(raw))]) == expected
        for cut in range(len(raw) + 1):
            assert decode([raw[:cut], raw[cut:]]) == expected

    @pytest.mark.parametrize(
        "raw",
        [
            b"3\nabc\r\n0\r\n\r\n",
            b"3 \r\nabc\r\n0\r\n\r\n",
            b" 3\r\nabc\r\n0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"-3\r\nabc\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
            b"0_3\r\nabc\r\n0\r\n\r\n",
            b"\r\nabc\r\n0\r\n\r\n",
            b"g\r\nabc\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\nabc",
            b"3\r\nabcX0\r\n\r\n",
            b"3\r\nabc\n0\r\n\r\n",
            b"3\r\nabc\rX",
            b"3;a\nb\r\nabc\r\n0\r\n\r\n",
            b"3;a\0b\r\nabc\r\n0\r\n\r\n",
            b"3; X: y\r\nabc\r\n0\r\n\r\n",
            b"3;\r\nabc\r\n0\r\n\r\n",
            b"3;a=\r\nabc\r\n0\r\n\r\n",
            b'3;a="b\r\nabc\r\n0\r\n\r\n',
            b'3;a="b"c\r\nabc\r\n0\r\n\r\n',
            b"3;" + b"a" * MAXIMUM_CHUNK_LINE + b"\r\nabc\r\n0\r\n\r\n",
            b"3;" + b"a" * MAXIMUM_CHUNK_LINE,
            b"0\r\nnocolon\r\n\r\n",
            b"0\r\nX: a\nY: b\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n",
            b"0\r\n X: folded\r\n\r\n",
            b"0\r\n" + b"X: y\r\n" * (MAXIMUM_TRAILERS // 6 + 1) + b"\r\n",
            b"0\r\nX: " + b"y" * MAXIMUM_TRAILERS,
        ],
        ids=lambda raw: repr(raw[:30]),
    )
    def test_refused(self, raw: bytes) -> None:
        """T114: bare LF, odd sizes, endless extensions and trailers are errors."""
        with pytest.raises(UpstreamProtocolError):
            decode([raw])
        if len(raw) < 100:
            with pytest.raises(UpstreamProtocolError):
                decode([raw[i : i + 1] for i in range(len(raw))])

    def test_many_small_chunks_come_as_one_piece(self) -> None:
        """T329: what arrives together is handed on together."""
        payload, rest = ChunkedDecoder().feed(chunks(*[b"x"] * 10_000))
        assert (payload, rest) == (b"x" * 10_000, b"")

    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=8),
        st.binary(max_size=10),
        st.lists(st.integers(1, 30), max_size=60),
    )
    def test_any_pieces_any_cuts(
        self, pieces: list[bytes], following: bytes, sizes: list[int]
    ) -> None:
        """What was put in comes out, and what follows is found."""
        raw = chunks(*pieces) + following
        segments, position = [], 0
        for size in sizes:
            segments.append(raw[position : position + size])
            position += size
        segments.append(raw[position:])
        assert decode(segments) == (b"".join(pieces), following)

    @settings(max_examples=300)
    @given(st.data())
    def test_agrees_with_llhttp(self, data: st.DataObject) -> None:
        """A mutated body that we read as complete is read the same by llhttp."""
        raw = bytearray(b'3;x="y;z"\r\nabc\r\n')
        raw += chunks(b"0123456789abcdef", trailers=b"X: y\r\n")
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at] = data.draw(st.sampled_from(b'\r\n\t 0123af;:=,"\\xX\0\x7f\xe9'))
        try:
            payload, rest = decode([bytes(raw)])
        except UpstreamProtocolError:
            return
        if rest is None:
            return
        theirs = _Body()
        parser = httptools.HttpResponseParser(theirs)
        parser.feed_data(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        parser.feed_data(bytes(raw[: len(raw) - len(rest)]))
        assert theirs.complete
        assert theirs.payload == payload


class _Body:
    """What llhttp reads."""

    def __init__(self) -> None:
        self.payload = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.payload += data

    def on_message_complete(self) -> None:
        self.complete = True
