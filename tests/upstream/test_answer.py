"""upstream/answer.py: answers as they arrive, however their bytes are cut."""

import asyncio
import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece
from auditproxy.upstream.answer import Answer, AnswerState
from auditproxy.upstream.heads import AnswerHeads
from auditproxy.upstream.messages import ResponseHead, UpstreamLimits, UpstreamProtocolError
from tests.fakes.upstream import RecordingSink, answer

OK = b"HTTP/1.1 200 OK\r\n"


class Secured:
    """The TLS side of a connection that only notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Note it."""
        self.written.append(data)
        return len(data)


class Source:
    """A connection that only notes whether it is read."""

    transport = asyncio.Transport()

    def __init__(self) -> None:
        self.reading = True

    def is_read(self) -> bool:
        """Whether it is read now."""
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def answering(
    sink: RecordingSink,
    source: Source | None = None,
    *,
    method: bytes = b"GET",
    upgrade: bool = False,
    limits: UpstreamLimits | None = None,
) -> Answer:
    """An answer of which nothing was read."""
    return Answer(
        sink,
        source or Source(),
        method=method,
        upgrade=upgrade,
        limits=limits or UpstreamLimits(),
        heads=AnswerHeads(),
    )


def read(
    segments: Iterable[bytes],
    *,
    method: bytes = b"GET",
    upgrade: bool = False,
    limits: UpstreamLimits | None = None,
) -> tuple[Answer, RecordingSink, bytes]:
    """Feed an Answer until it has ended; returns it and its sink, bytes behind it in ``rest``."""
    sink = RecordingSink()
    reading = answering(sink, method=method, upgrade=upgrade, limits=limits)
    segments = list(segments)
    while segments and not reading.ended:
        segment = segments.pop(0)
        if segment:
            reading.receive(segment)
    return reading, sink, reading.rest + b"".join(segments)


ROWS = [
    (b"GET", answer(200, b"abc"), b"abc"),
    (b"GET", answer(200, b""), b""),
    (b"GET", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
    (b"HEAD", OK + b"Content-Length: 9\r\n\r\n", b""),
    (b"HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n", b""),
    (b"HEAD", OK + b"\r\n", b""),
    (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", b""),
    (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", b""),
    (b"GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    (b"GET", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(200, b"abc"), b"abc"),
    (b"GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 5 + answer(200, b"abc"), b"abc"),
]


class TestBodies:
    """Where an answer ends."""

    @pytest.mark.parametrize(("method", "raw", "body"), ROWS, ids=repr)
    @pytest.mark.parametrize("following", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n"], ids=repr)
    def test_at_every_cut(self, method: bytes, raw: bytes, body: bytes, following: bytes) -> None:
        """T115, T116: one answer is read, and every byte behind it is noticed, at any cut."""
        whole = raw + following
        cuts = [[whole[:cut], whole[cut:]] for cut in range(len(whole) + 1)]
        for segments in [*cuts, [whole[i : i + 1] for i in range(len(whole))]]:
            reading, sink, rest = read(segments, method=method)
            assert reading.state is AnswerState.COMPLETE
            assert (sink.body, rest) == (body, following)
            assert reading.keep_alive
            assert reading.head is not None
            assert sink.response.status == reading.head.status

    @pytest.mark.parametrize(
        "raw",
        [
            answer(200, b"abc"),
            answer(200, b""),
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno chunk\r\n",
            OK + b"X: y\r\n\r\nabc",
            OK + b"X: y\r\n\r\n",
        ],
        ids=repr,
    )
    def test_whether_the_body_follows(self, raw: bytes) -> None:
        """The head comes as soon as it is whole, and says truly whether a piece is next."""
        came: list[str] = []

        class Sink(RecordingSink):
            def head(self, head: ResponseHead, flow: Flow, *, follows: bool) -> None:
                came.append("head, body" if follows else "head")

            def data(self, chunk: Piece) -> None:
                came.append("body")

        head = raw.index(b"\r\n\r\n") + 4
        for cut in range(head, len(raw) + 1):
            came.clear()
            reading = answering(Sink())
            with contextlib.suppress(UpstreamProtocolError):
                reading.receive(raw[:cut])
            assert came == (["head, body", "body"] if "body" in came else ["head"])
            assert ("body" in came) or b"abc" not in raw[:cut] or b"no chunk" in raw[:cut]

    def test_without_length_it_ends_with_the_stream(self) -> None:
        """A body that promised no length is complete when the upstream closes, and only then."""
        reading, sink, _ = read([OK + b"X: y\r\n\r\n", b"abc", b"def"])
        assert not reading.ended
        assert reading.end_of_stream()
        assert sink.body == b"abcdef"
        assert not reading.keep_alive

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"HTTP/1.1 200",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            OK + b"Content-Length: 3\r\n\r\n",
            OK + b"Content-Length: 3\r\n\r\nab",
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        ],
        ids=repr,
    )
    def test_a_promise_is_not_kept_by_closing(self, raw: bytes) -> None:
        """T226, T227: a length or chunks promised and not delivered is no complete answer."""
        reading, _, _ = read([raw])
        assert not reading.end_of_stream()

    @given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=40))
    def test_any_body_any_cuts(self, body: bytes, sizes: list[int]) -> None:
        """What the upstream sent is what the sink got."""
        whole = answer(200, body) + b"more"
        segments, position = [], 0
        for size in sizes:
            segments.append(whole[position : position + size])
            position += size
        segments.append(whole[position:])
        _, sink, rest = read(segments)
        assert (sink.body, rest) == (body, b"more")

    @given(
        st.sampled_from(["length", "chunks", "close"]),
        st.binary(min_size=1, max_size=200),
        st.lists(st.integers(1, 60), max_size=20),
    )
    def test_any_lent_body(self, framing: str, body: bytes, sizes: list[int]) -> None:
        """Pieces in memory that has others afterwards are the same body, and what follows it."""
        head, sent = {
            "length": (b"Content-Length: %d\r\n" % len(body), body + b"more"),
            "chunks": (
                b"Transfer-Encoding: chunked\r\n",
                b"%x\r\n%b\r\n0\r\n\r\nmore" % (len(body), body),
            ),
            "close": (b"", body),
        }[framing]
        sink = RecordingSink(takes_lent=True)
        reading = answering(sink)
        took = [reading.takes_lent]
        reading.receive(OK + head + b"\r\n")
        memory, at = bytearray(b"\xff" * 300), 0
        for size in [*sizes, len(sent)]:
            if reading.ended or not sent[at:]:
                break
            took.append(reading.takes_lent)
            piece = sent[at : at + size]
            memory[: len(piece)] = piece
            reading.receive(memoryview(memory)[: len(piece)])
            memory[:] = b"\xff" * len(memory)
            at += len(piece)
        assert reading.ended is (framing != "close")
        assert took == [False] + [True] * (len(took) - 1)
        assert reading.takes_lent is (framing == "close")
        assert sink.body == body
        assert reading.rest + sent[at:] == (b"" if framing == "close" else b"more")

    def test_a_body_that_is_kept_is_not_lent(self) -> None:
        """The sink says so."""
        reading = answering(RecordingSink())
        reading.receive(OK + b"Content-Length: 3\r\n\r\na")
        assert not reading.takes_lent


class TestRefused:
    """What is no answer to the request."""

    @pytest.mark.parametrize(
        "raw",
        [
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"\x15\x03\x01\x00\x02\x02\x16",
            b"HTTP/2.0 200",
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            OK + b"X: y\nZ",
            b"\r\n",
        ],
        ids=repr,
    )
    def test_at_once(self, raw: bytes) -> None:
        """T114: what can never become a head is refused without waiting for its end."""
        with pytest.raises(UpstreamProtocolError):
            read([raw])
        with pytest.raises(UpstreamProtocolError):
            read([raw[i : i + 1] for i in range(len(raw))])

    def test_unsolicited_switch(self) -> None:
        """T117: a 101 that nobody asked for is an error."""
        with pytest.raises(UpstreamProtocolError, match="without being asked"):
            read([b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"])

    def test_interim_answers_are_bounded(self) -> None:
        """T118: some 1xx are skipped, thousands are not."""
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        _, sink, _ = read([interim * 32 + answer(200, b"a")])
        assert sink.body == b"a"
        with pytest.raises(UpstreamProtocolError, match="1xx"):
            read([interim * 5000 + answer(200, b"a")])

    @pytest.mark.parametrize("piece", [1 << 20, 1000])
    def test_head_is_bounded(self, piece: int) -> None:
        """T119, T324: a head up to the limit passes, one byte more does not, cut or not."""
        limits = UpstreamLimits(header_bytes=200_000)
        start = OK + b"Content-Length: 0\r\n" + b"Warning: %b\r\n" % (b"w" * 9000) * 20
        filled = b"X: " + b"x" * (200_000 - len(start) - 7) + b"\r\n\r\n"

        def cut(raw: bytes) -> list[bytes]:
            return [raw[i : i + piece] for i in range(0, len(raw), piece)]

        assert len(start + filled) == 200_000
        reading, _, _ = read(cut(start + filled), limits=limits)
        assert reading.state is AnswerState.COMPLETE
        with pytest.raises(UpstreamProtocolError, match="too large"):
            read(cut(start + b"x" + filled), limits=limits)
        with pytest.raises(UpstreamProtocolError, match="too large"):
            read(cut(OK + b"X: " + b"x" * 200_000), limits=limits)


class TestUpgrade:
    """Answers to an upgrade request."""

    def test_switch_keeps_what_follows(self) -> None:
        """T194: bytes in the segment of the 101 are the tunnel's."""
        raw = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 early"
        for cut in range(len(raw)):
            reading, sink, rest = read([raw[:cut], raw[cut:]], upgrade=True)
            assert reading.state is AnswerState.SWITCHED
            assert rest == b"HTTP/1.1 early"
            assert sink.response is None

    @pytest.mark.parametrize("status", [100, 103])
    def test_other_answers_are_no_answers(self, status: int) -> None:
        """T190: another 1xx to an upgrade is an invalid upgrade response."""
        raw = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
        with pytest.raises(UpstreamProtocolError, match=f"status code {status}"):
            read([raw], upgrade=True)

    @pytest.mark.parametrize("status", [200, 302, 403])
    def test_final_answer_ends_the_connection(self, status: int) -> None:
        """T191, A1: a final answer is given to the sink; no other request may follow it."""
        reading, sink, _ = read([answer(status, b"no")], upgrade=True)
        assert (sink.status, sink.body) == (status, b"no")
        assert not reading.keep_alive


class TestFlow:
    """The sink's way to stop the upstream."""

    def test_pause_and_resume_reach_the_connection(self) -> None:
        """The flow is the connection's reading, until the answer lets go of it."""
        source = Source()
        sink = RecordingSink(pause_at_head=True)
        reading = answering(sink, source)
        reading.receive(OK + b"Content-Length: 3\r\n\r\n")
        assert not source.is_read()
        sink.flow.resume()
        assert source.is_read()
        reading.detach()
        sink.flow.pause()
        assert source.is_read()

    def test_linger_reaches_the_connection(self) -> None:
        """A long answer has the connection's buffers given back, until the answer lets go of it."""
        secured = Secured()
        source = Source()
        source.transport = asyncio.Transport({"ssl_object": secured})
        reading = answering(RecordingSink(), source)
        reading.linger()
        assert secured.written == [b""]
        reading.detach()
        reading.linger()
        assert secured.written == [b""]

    def test_errors_of_the_sink_come_out(self) -> None:
        """What the sink raises is not swallowed."""

        class Broken(RecordingSink):
            def data(self, chunk: Piece) -> None:
                raise ValueError("client gone")

        reading = answering(Broken())
        with pytest.raises(ValueError, match="client gone"):
            reading.receive(answer(200, b"abc"))
