"""Header blocks are read once on a connection, however often they come; none is kept that is long."""

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY
from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.memory import (
    MAXIMUM_BLOCK,
    MAXIMUM_BLOCKS,
    MAXIMUM_LINES,
    ConnectionMemory,
)
from auditproxy.request.resolution import (
    LONGEST_REMEMBERED,
    MAXIMUM_QUERIES,
    MOST_PARTS,
    KnownTargets,
)
from auditproxy.request.upstreamheaders import upstream_lines
from tests.fakes.headers import LINES

BLOCK = ((b"Host", b"a"), (b"Accept", b"*/*"))


def test_same_block() -> None:
    """The same bytes are the same object, on this connection alone."""
    memory = ConnectionMemory()
    found = memory.headers(BLOCK)
    assert memory.headers(tuple(BLOCK)) is found
    assert ConnectionMemory().headers(BLOCK) is not found
    assert found.get("accept") == "*/*"


def test_other_blocks() -> None:
    """Another value, spelling or order is another block."""
    memory = ConnectionMemory()
    found = memory.headers(BLOCK)
    for other in (
        ((b"Host", b"b"), BLOCK[1]),
        ((b"host", b"a"), BLOCK[1]),
        BLOCK[::-1],
        BLOCK[:1],
    ):
        assert memory.headers(other) is not found
        assert memory.headers(other).raw == other


def test_offered_audit_id() -> None:
    """A block that names its request does not come again, and takes no room of others."""
    memory = ConnectionMemory()
    first = memory.headers(BLOCK)
    for number in range(MAXIMUM_BLOCKS):
        block = (*BLOCK, (b"Audit-ID", b"%d" % number))
        assert memory.headers(block).audit_id == str(number)
        assert memory.headers(block) is not memory.headers(block)
    assert memory.headers(BLOCK) is first
    invalid = (*BLOCK, (b"Audit-ID", b"a b"))
    assert memory.headers(invalid) is memory.headers(invalid)


def test_bounds() -> None:
    """A long block, and more blocks than there is room for, are read again."""
    memory = ConnectionMemory()
    long = ((b"X", b"v" * MAXIMUM_BLOCK),)
    assert memory.headers(long) is not memory.headers(long)
    first = memory.headers(BLOCK)
    for number in range(MAXIMUM_BLOCKS):
        memory.headers(((b"N", b"%d" % number),))
    assert memory.headers(BLOCK) is not first


# --- blocks that differ in their Content-Length -------------------------------------


def test_many_short_headers() -> None:
    """Each costs more than its bytes: such a block is read again."""
    memory = ConnectionMemory()
    lines = tuple((b"N%d" % number, b"v") for number in range(MAXIMUM_LINES))
    assert memory.headers(lines) is memory.headers(lines)
    more = (*lines, (b"One-More", b"v"))
    assert memory.headers(more) is not memory.headers(more)
    sized_lines = (*lines, (b"Content-Length", b"1"))
    assert memory.headers(sized_lines) is not memory.headers(sized_lines)


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"{number:x}" for number in range(MOST_PARTS - 2)),
        "a=" + ",".join("b" for _ in range(MOST_PARTS - 2)),
        "labelSelector=" + ",".join("a" for _ in range(MOST_PARTS - 2)),
        "x=" + "v" * 250,
    ],
)
def test_a_hostile_connection_is_bounded(query: str) -> None:
    """Whatever blocks and queries it sends, before it is authenticated: 400 KiB at most."""
    targets = KnownTargets()

    def filled() -> ConnectionMemory:
        memory = ConnectionMemory()
        value = MAXIMUM_BLOCK // MAXIMUM_LINES - 8
        for block in range(2 * MAXIMUM_BLOCKS):
            lines = tuple(
                (b"%c%03d" % (97 + block, number), bytes(bytearray(b"v" * value)))
                for number in range(MAXIMUM_LINES - 1)
            )
            sizes = ((b"Content-Length", b"0"),) if block % 2 else ()
            headers = memory.headers((*lines, *sizes))
            assert headers.fault() is None
        for number in range(MAXIMUM_QUERIES):
            text = f"/api/v1/pods?x={number:02d}&{query}"[: LONGEST_REMEMBERED - 4]
            targets.resolve(
                "GET",
                text,
                headers,
                queries=memory.queries,
                fault=None,
                front_proxy=NO_FRONT_PROXY,
            )
        return memory

    filled()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [filled() for _ in range(3)]
        gc.collect()
        held = (tracemalloc.get_traced_memory()[0] - before) // len(kept)
    finally:
        tracemalloc.stop()
    assert held < 400 * 1024


def sized(length: bytes, name: bytes = b"Content-Length") -> RawHeaders:
    """The block of a request with a body of this length."""
    return (BLOCK[0], (name, length), *BLOCK[1:], (b"Content-Type", b"a"))


def facts_of(headers: ClientHeaders) -> tuple[object, ...]:
    """Everything that is asked of a block."""
    return (
        headers.raw,
        headers.accept,
        headers.audit_id,
        headers.content_encoding,
        headers.content_length,
        headers.content_type,
        headers.expects_continue,
        headers.framing,
        headers.impersonates,
        headers.offers_subprotocols,
        headers.upgrade_token,
        headers.user_agent,
        headers.fault(),
        [headers.values(name) for name in ("content-length", "Content-Length", "accept", "host")],
        "content-length" in headers,
        headers.with_prefix("content-"),
        upstream_lines(
            headers, host=b"h", identity_headers=((b"Impersonate-User", b"a"),), audit_id="i"
        ),
    )


def test_another_length() -> None:
    """A length is its request's own; what else was found out of such blocks stays."""
    memory = ConnectionMemory()
    first = memory.headers(sized(b"3"))
    facts_of(first)
    for length in (b"3", b"4", b"003", b"0", b"9" * 15, b"3"):
        found = memory.headers(sized(length))
        assert facts_of(found) == facts_of(ClientHeaders(sized(length)))
        assert memory.headers(sized(length)) is found
        assert found.upstream_lines is first.upstream_lines
    assert memory.headers(sized(b"3")) is first
    assert ConnectionMemory().headers(sized(b"3")).upstream_lines is not first.upstream_lines


def test_with_and_without_a_length() -> None:
    """The same lines without a body are another block."""
    memory = ConnectionMemory()
    without = (*BLOCK, (b"Content-Type", b"a"))
    for raw in (sized(b"3"), without, sized(b"4"), without, sized(b"3")):
        assert facts_of(memory.headers(raw)) == facts_of(ClientHeaders(raw))


@pytest.mark.parametrize(
    "length", [b"", b"-3", b"3 ", b"3,3", b"x", b"\xb3", b"9" * 16, b"9" * 4000]
)
def test_lengths_that_are_not_plain(length: bytes) -> None:
    """They are read as on any other connection, whatever block came before."""
    memory = ConnectionMemory()
    facts_of(memory.headers(sized(b"3")))
    upstream = facts_of(memory.headers(sized(length)))
    assert upstream == facts_of(ClientHeaders(sized(length)))
    assert (
        memory.headers(sized(length)).upstream_lines
        is not memory.headers(sized(b"3")).upstream_lines
    )


def test_other_spellings_and_two_lengths() -> None:
    """Only the one line that clients of Kubernetes write is looked past."""
    memory = ConnectionMemory()
    for raw in (
        sized(b"3"),
        sized(b"3", b"content-length"),
        sized(b"4", b"content-length"),
        (*sized(b"3"), (b"Content-Length", b"4")),
        (*sized(b"3"), (b"Content-Length", b"5")),
        (*sized(b"3"), (b"content-length", b"5")),
        (*sized(b"4"), (b"content-length", b"5")),
        ((b"Content-Length", b"4"), *sized(b"3", b"content-length")),
    ):
        assert facts_of(memory.headers(raw)) == facts_of(ClientHeaders(raw))


def test_lengths_take_no_room_of_others() -> None:
    """Bodies of many lengths leave the blocks of other requests, and their own kind, remembered."""
    memory = ConnectionMemory()
    get, put = memory.headers(BLOCK), memory.headers(sized(b"1"))
    lines = put.upstream_lines
    for length in range(3 * MAXIMUM_BLOCKS):
        assert memory.headers(sized(b"%d" % length)).upstream_lines is lines
    assert memory.headers(BLOCK) is get
    assert memory.headers(sized(b"1")) is not put
    for number in range(MAXIMUM_BLOCKS):
        memory.headers((*sized(b"1"), (b"N", b"%d" % number)))
    assert memory.headers(sized(b"2")).upstream_lines is not lines
    long = (*sized(b"1"), (b"X", b"v" * MAXIMUM_BLOCK))
    assert memory.headers(long) is not memory.headers(long)


# --- blocks by their bytes, and those that differ in their trace ----------------------


def trace(number: int) -> bytes:
    """The value of a Traceparent."""
    return b"00-%032x-%016x-01" % (number, number)


def written(raw: RawHeaders) -> bytes:
    """A block as clients write it, up to the empty line."""
    return b"".join(b"%b: %b\r\n" % line for line in raw) + b"\r\n"


def of_block(memory: ConnectionMemory, block: bytes) -> ClientHeaders | None:
    """The headers of a block, if it or one like it was read."""
    return memory.blocks.get(block) or memory.alike(block)


def test_another_trace() -> None:
    """A trace is its request's own, and goes upstream as it came; the rest is known."""
    memory = ConnectionMemory()
    for number in range(1, 4):
        for name in (b"Traceparent", b"traceparent"):
            for length in ((), ((b"Content-Length", b"%d" % number),)):
                raw: RawHeaders = (*BLOCK, (name, trace(number)), *length)
                known = of_block(memory, written(raw))
                assert (known is not None) == (number > 1)
                found = memory.headers(raw)
                memory.read(written(raw), raw)
                for headers in (found, known or found):
                    assert facts_of(headers) == facts_of(ClientHeaders(raw))
                    assert headers.trace == trace(number)
                    assert headers.values("traceparent") == (trace(number).decode(),)
                    assert headers.sender is found.sender


def test_what_is_found_out_of_traced_blocks() -> None:
    """Lines for the upstream have the trace in them: they are no other block's."""
    memory = ConnectionMemory()
    raw: RawHeaders
    for number in (1, 2, 1):
        raw = (*BLOCK, (b"Traceparent", trace(number)))
        assert trace(number) in facts_of(memory.headers(raw))[-1]  # type: ignore[operator]
    for raw in (
        (*BLOCK, (b"Traceparent", b"00-1-2-01")),
        (*BLOCK, (b"TRACEPARENT", trace(1))),
        (*BLOCK, (b"Traceparent", trace(1)), (b"Traceparent", trace(2))),
    ):
        memory.read(written(raw), raw)
        assert memory.headers(raw).trace == b""
        assert of_block(memory, written(raw)) is memory.headers(raw)


def test_lengths_take_no_room_of_other_bytes() -> None:
    """The bytes of a block that differs in its length are not kept."""
    memory = ConnectionMemory()
    memory.read(written(BLOCK), BLOCK)
    for length in range(3 * MAXIMUM_BLOCKS):
        raw = sized(b"%d" % length)
        memory.read(written(raw), raw)
    assert of_block(memory, written(BLOCK)) is memory.headers(BLOCK)
    assert of_block(memory, written(sized(b"7777"))) is not None
    for number in range(MAXIMUM_BLOCKS):
        raw = (*sized(b"1"), (b"N", b"%d" % number))
        memory.read(written(raw), raw)
    assert of_block(memory, written(sized(b"7777"))) is None


VALUES = st.sampled_from(
    [b"1", b"22", b"0", b"-1", b"1" * 16, b"", trace(1), trace(2), trace(1)[1:], b"00-", b"a, b"]
)
OWN_LINES = st.tuples(
    st.sampled_from(
        [b"Content-Length", b"content-length", b"Traceparent", b"traceparent", b"TraceParent"]
    ),
    VALUES,
)
ANY_LINES = st.lists(st.one_of(OWN_LINES, st.sampled_from([*BLOCK, (b"X", b"00-"), (b"Z", b"")])))


@given(st.lists(ANY_LINES.map(tuple), min_size=1, max_size=5), VALUES, VALUES)
def test_any_bytes(blocks: list[RawHeaders], one: bytes, other: bytes) -> None:
    """Whatever blocks were read before, one that is known is what its bytes say."""
    memory = ConnectionMemory()
    for raw in blocks:
        memory.read(written(raw), raw)
    for raw in blocks:
        for value in (one, other):
            changed = tuple((name, value if name not in (b"Host",) else old) for name, old in raw)
            for asked in (raw, changed):
                found = of_block(memory, written(asked))
                if found is not None:
                    assert facts_of(found) == facts_of(ClientHeaders(asked))


LENGTHS = st.one_of(st.integers(0, 99).map(b"%d".__mod__), st.sampled_from([b"", b"a", b"1" * 20]))


@given(LINES, st.lists(st.tuples(st.integers(0, 3), LENGTHS), max_size=4))
def test_any_blocks(lines: RawHeaders, added: list[tuple[int, bytes]]) -> None:
    """Whatever came before, a block is read as on a new connection."""
    memory = ConnectionMemory()
    blocks = [lines]
    for place, length in added:
        blocks.append((*lines[:place], (b"Content-Length", length), *lines[place:]))
    for raw in (*blocks, *reversed(blocks)):
        found, alone = memory.headers(raw), ClientHeaders(raw)
        assert found.raw == raw
        assert (found.content_length, found.framing, found.fault()) == (
            alone.content_length,
            alone.framing,
            alone.fault(),
        )
        assert found.values("content-length") == alone.values("content-length")
        assert found.upgrade_token == alone.upgrade_token
