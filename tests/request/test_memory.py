"""Header blocks are read once on a connection, however often they come; none is kept that is long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.headers import ClientHeaders, RawHeaders
from auditproxy.request.memory import MAXIMUM_BLOCK, MAXIMUM_BLOCKS, ConnectionMemory
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
