"""Header blocks are read once on a connection, however often they come; none is kept that is long."""

from auditproxy.request.memory import MAXIMUM_BLOCK, MAXIMUM_BLOCKS, ConnectionMemory

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
