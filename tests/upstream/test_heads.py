"""upstream/heads.py: a head that comes again is read as it was at first, but for its own values."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.upstream.framing import read_head
from auditproxy.upstream.heads import MAXIMUM_HEAD, MAXIMUM_HEADS, AnswerHeads
from auditproxy.upstream.messages import ResponseHead, UpstreamProtocolError

KUBE = (
    "HTTP/1.1 200 OK",
    "Audit-Id: {id}",
    "Cache-Control: no-cache, private",
    "Content-Type: application/json",
    "X-Kubernetes-Pf-Flowschema-Uid: 0b0b4e1e-8a08-4c6b-9f4c-0d2c6f1f7a10",
    "X-Kubernetes-Pf-Prioritylevel-Uid: 5d2f7b7c-43b7-4f3e-8a8e-7b7d1b3a4c11",
    "Date: Sat, 28 Nov 2026 05:53:{second:02} GMT",
    "Content-Length: {length}",
)
"""What kube-apiserver answers a GET with."""


def head_of(lines: Sequence[str], number: int = 0) -> bytes:
    """A head whose own values are those of the answer of this number."""
    text = "\r\n".join(lines).format(id=f"id-{number}", second=number % 60, length=number)
    return text.encode("latin-1") + b"\r\n\r\n"


def outcome(heads: AnswerHeads | None, raw: bytes, method: bytes = b"GET") -> object:
    """What a head is read as, or the error."""
    try:
        return read_head(raw, method) if heads is None else heads.read(raw, method)
    except UpstreamProtocolError as error:
        return str(error)


def is_remembered(heads: AnswerHeads, first: bytes, second: bytes) -> bool:
    """Whether the second was not parsed: it shares what is the same with the first."""
    one, other = heads.read(first, b"GET"), heads.read(second, b"GET")
    return any(line is same for line in one.headers for same in other.headers)


NGINX = ("HTTP/1.1 404 Not Found", "Server: nginx", *KUBE[1:], "Connection: keep-alive")
CHUNKED = (*KUBE[:-1], "Transfer-Encoding: chunked")
KINDS = [
    KUBE,
    NGINX,
    CHUNKED,
    KUBE[:2],
    ("HTTP/1.1 204 No Content", *KUBE[1:-1]),
    ("HTTP/1.1 304 Not Modified", *KUBE[1:]),
    ("HTTP/1.1 200 ", *KUBE[1:]),
    ("HTTP/1.1 503 Service Unavailable", "connection: close", "content-length: {length}"),
    ("HTTP/1.1 200 OK", "date: Sat, 28 Nov 2026 05:53:{second:02} GMT", "audit-id: {id}"),
    ("HTTP/1.1 200 OK", "Audit-Id: {id}", "Audit-Id: theirs-{id}", "Content-Length: {length}"),
    ("HTTP/1.1 200 OK", "Server: Date: Sat", "Date: Sat", "Content-Length: {length}"),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_same_again(kind: tuple[str, ...]) -> None:
    """Every answer of a kind is read as on its own, and only the first of them is parsed."""
    heads = AnswerHeads()
    for number in (3, 3, 4, 0, 100_000):
        raw = head_of(kind, number)
        assert heads.read(raw, b"GET") == read_head(raw, b"GET")
    assert is_remembered(heads, head_of(kind, 5), head_of(kind, 6)) is (
        # Nothing of these is the same but its framing.
        len(set(kind[1:]) - {line for line in kind if "{" in line}) > 0
    )


def test_own_values() -> None:
    """An answer has its own id, date and length, in its headers and in the client's lines."""
    heads = AnswerHeads()
    heads.read(head_of(KUBE, 1), b"GET")
    head = heads.read(head_of(KUBE, 27), b"GET")
    assert head.content_length == 27
    assert dict(head.headers)[b"Audit-Id"] == b"id-27"
    assert head.facts.lines == (
        b"Cache-Control: no-cache, private\r\n"
        b"Content-Type: application/json\r\n"
        b"X-Kubernetes-Pf-Flowschema-Uid: 0b0b4e1e-8a08-4c6b-9f4c-0d2c6f1f7a10\r\n"
        b"X-Kubernetes-Pf-Prioritylevel-Uid: 5d2f7b7c-43b7-4f3e-8a8e-7b7d1b3a4c11\r\n"
        b"Date: Sat, 28 Nov 2026 05:53:27 GMT\r\n"
    )


@pytest.mark.parametrize("place", range(len(KUBE)))
def test_everything_else_is_its_own(place: int) -> None:
    """A head that differs in any other byte is another head."""
    lines = list(KUBE)
    heads = AnswerHeads()
    heads.read(head_of(KUBE), b"GET")
    for changed in (lines[place].replace("a", "b"), lines[place].upper(), lines[place] + "0"):
        if "{" in changed:
            continue
        other = head_of([*lines[:place], changed, *lines[place + 1 :]])
        assert outcome(heads, other) == outcome(None, other)
        assert outcome(heads, head_of(KUBE)) == outcome(None, head_of(KUBE))


def test_the_method() -> None:
    """T116: an answer to HEAD has no body, whatever one to GET with the same head has."""
    heads = AnswerHeads()
    for method in (b"HEAD", b"GET", b"HEAD", b"POST", b"HEAD"):
        for number in (7, 8):
            head = heads.read(head_of(KUBE, number), method)
            assert (head.has_body, head.content_length) == (method != b"HEAD", number)


@pytest.mark.parametrize(
    "line",
    [
        "Set-Cookie: canary",
        "Location: /canary",
        "Warning: 299 - canary",
        "WWW-Authenticate: Bearer canary",
        "X-Canary: 1",
        "Upgrade: h2c",
        "Content-Type: caf\xe9",
        "Cache-Control: a\tb",
        "Server: " + "x" * MAXIMUM_HEAD,
        "Connection: Date",
        "Date: today",
        "date: today",
        "Audit-Id: " + "x" * 129,
        "Audit-Id:no-space",
    ],
)
def test_what_is_not_remembered(line: str) -> None:
    """Headers that may hold what is one client's, and unusual ones, are read each time."""
    heads = AnswerHeads()
    lines = (*KUBE, line)
    for number in range(3):
        assert outcome(heads, head_of(lines, number)) == outcome(None, head_of(lines, number))
    assert not is_remembered(heads, head_of(lines, 4), head_of(lines, 5))


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "+1",
        "1 1",
        "1,1",
        "0x1",
        "1e1",
        "\xb2",
        "",
        "1" * 16,
        "1" * 19,
        "9" * 128,
        "007",
        "1\t",
    ],
)
def test_lengths(value: str) -> None:
    """T114: a length that is no number is refused also where the rest of the head was read before."""
    heads = AnswerHeads()
    heads.read(head_of(KUBE), b"GET")
    raw = head_of([*KUBE[:-1], f"Content-Length: {value}"])
    for _ in range(2):
        assert outcome(heads, raw) == outcome(None, raw)
    for more in ("Content-Length: 1", "Transfer-Encoding: chunked"):
        raw = head_of([*KUBE, more])
        assert isinstance(outcome(heads, raw), str)
        assert outcome(heads, raw) == outcome(None, raw)


@pytest.mark.parametrize("name", ["Audit-Id", "Date", "Content-Length"])
@pytest.mark.parametrize(
    "value",
    [" 1", "1 ", "\t1", "1\t", " ", "", "a b", "\x7f", "\xff", "\0", "1\r\n 2", "1\r", "1\n"],
)
def test_values_that_are_not_plain(name: str, value: str) -> None:
    """What a parser trims, joins or refuses in one of the own values, it does there too."""
    heads = AnswerHeads()
    heads.read(head_of(KUBE), b"GET")
    lines = [line if not line.startswith(name) else f"{name}: {value}" for line in KUBE]
    for _ in range(2):
        assert outcome(heads, head_of(lines)) == outcome(None, head_of(lines))


def test_bounds() -> None:
    """After many other kinds the first one is parsed anew."""
    heads = AnswerHeads()
    assert is_remembered(heads, head_of(KUBE, 1), head_of(KUBE, 2))
    known = heads.read(head_of(KUBE, 3), b"GET")
    for number in range(MAXIMUM_HEADS):
        heads.read(head_of([*KUBE, f"Server: {number}"]), b"GET")
    again = heads.read(head_of(KUBE, 3), b"GET")
    assert again == known
    assert not any(line is same for line in known.headers for same in again.headers)


def test_each_has_its_own() -> None:
    """What one upstream's answers were is nothing to another's."""
    one, other = AnswerHeads(), AnswerHeads()
    first, second = one.read(head_of(KUBE), b"GET"), other.read(head_of(KUBE), b"GET")
    assert first == second
    assert not any(line is same for line in first.headers for same in second.headers)


PIECES = st.sampled_from(
    [
        *(line.format(id="a", second=1, length=1).encode() for line in KUBE[1:]),
        b"Date: Sat, 28 Nov 2026 05:53:02 GMT",
        b"Date: a",
        b"date: a ",
        b"Audit-Id: b",
        b"audit-id: \tb",
        b"Audit-Id: b: c\r\n d",
        b"Content-Length: 2",
        b"content-length: 02",
        b"Content-Length: 2 ",
        b"Content-Length: x",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: Date, Content-Type, Content-Length",
        b"Server: Date: a",
        b"Server: \r",
        b"Vary:Audit-Id: b",
        b"Set-Cookie: a",
        b"",
        b"\nDate: a",
        b"Audit-Id: \xff",
    ]
)
HEADS = st.builds(
    lambda status, lines: b"\r\n".join([status, *lines]) + b"\r\n\r\n",
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 101 S"]
    ),
    st.lists(PIECES, max_size=6),
)
OWN_VALUE = re.compile(rb"(?i)(\r\n(?:Audit-Id|Date|Content-Length): )([^\r\n]*)")
VALUES = st.one_of(
    st.sampled_from([b"1", b"12", b"close", b"a b", b"a\r\nX: b", b" ", b"\0", b"1:"]),
    st.binary(max_size=3),
)


@given(HEADS, st.lists(VALUES, min_size=1, max_size=4), st.sampled_from([b"GET", b"HEAD"]))
def test_any_head(raw: bytes, values: list[bytes], method: bytes) -> None:
    """Whatever came before, with whatever own values a head comes again, it is read as alone."""
    heads = AnswerHeads()
    seen = [raw]
    for value in values:
        seen.append(OWN_VALUE.sub(lambda found: found[1] + value, raw))  # noqa: B023 - called now
    for each in (*seen, *reversed(seen)):
        assert outcome(heads, each, b"GET") == outcome(None, each, b"GET")
        assert outcome(heads, each, method) == outcome(None, each, method)


@given(st.binary(max_size=80))
def test_any_bytes(raw: bytes) -> None:
    """Nothing but a head or UpstreamProtocolError comes out."""
    heads = AnswerHeads()
    for each in (raw, b"HTTP/1.1 200 OK\r\n" + raw + b"\r\n\r\n"):
        for _ in range(2):
            found = outcome(heads, each)
            assert found == outcome(None, each)
            assert isinstance(found, ResponseHead | str)


def relayed(raw: bytes, method: bytes, audit_id: bytes) -> bytes | None:
    """A whole answer of a 2xx with its length, as the chain writes it for a client."""
    end = raw.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    head, body = read_head(raw[:end], method), raw[end:]
    if head.content_length != len(body) or not head.has_body or not 200 <= head.status < 300:
        return None
    start = b"HTTP/1.1 %d %b\r\nAudit-Id: %b\r\n" % (head.status, head.reason, audit_id)
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (start, head.facts.lines, len(body), body)


def whole(heads: AnswerHeads, raw: bytes, method: bytes = b"GET") -> bytes | None:
    """The same by ``whole``."""
    found = heads.whole(raw, method, b"ours")
    again = None
    for like in (head_of(KUBE, 2) + b"bb", raw):
        kind = heads.whole(like, b"GET", b"ours")
        again = heads.whole(raw, method, b"ours", None if kind is None else kind.kind)
    assert again == found or (
        again is not None and found is not None and again.written == found.written
    )
    return None if found is None else found.written


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_whole_answers(kind: tuple[str, ...]) -> None:
    """What is taken as a whole is what the chain gives the client; all else is left to it."""
    heads = AnswerHeads()
    for number in (3, 3, 4, 0, 2000):
        raw = head_of(kind, number) + b"b" * number
        found = whole(heads, raw)
        assert found in (None, relayed(raw, b"GET", b"ours"))
    assert found is not None or kind is not KUBE


@pytest.mark.parametrize(
    ("raw", "method"),
    [
        (head_of(KUBE, 3) + b"abcd", b"GET"),
        (head_of(KUBE, 3) + b"ab", b"GET"),
        (head_of(KUBE, 3) + b"abc", b"HEAD"),
        (head_of(KUBE, 3)[:-1], b"GET"),
        (head_of(KUBE, 3) + b"abc" + head_of(KUBE, 0), b"GET"),
        (head_of([*KUBE[:-1], "Content-Length: 03"]) + b"abc", b"GET"),
        (head_of([*KUBE, "Content-Length: 3"], 3) + b"abc", b"GET"),
        (head_of([*KUBE, "Warning: 299 - w"], 3) + b"abc", b"GET"),
        (head_of([*KUBE, "Set-Cookie: c"], 3) + b"abc", b"GET"),
        (head_of([*KUBE, "Audit-Id: theirs"], 3) + b"abc", b"GET"),
        (head_of(["HTTP/1.1 404 Not Found", *KUBE[1:]], 3) + b"abc", b"GET"),
        (head_of(["HTTP/1.1 101 Switching Protocols", *KUBE[1:]], 3) + b"abc", b"GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", b"GET"),
        (b"garbage\r\n\r\n", b"GET"),
        (b"", b"GET"),
    ],
)
def test_what_is_not_taken_as_a_whole(raw: bytes, method: bytes) -> None:
    """Anything that is not exactly one such answer is left to be read, whatever came before."""
    heads = AnswerHeads()
    for _ in range(3):
        assert whole(heads, raw, method) is None
        assert whole(heads, head_of(KUBE, 1) + b"x") is not None


@given(st.binary(max_size=40), st.integers(0, 5), st.integers(0, 300))
def test_any_bytes_are_taken_as_the_chain_would(noise: bytes, number: int, place: int) -> None:
    """Bytes put anywhere into an answer: taken, it is what the chain gives; else it is left."""
    heads = AnswerHeads()
    raw = head_of(KUBE, number) + b"b" * number
    assert whole(heads, raw) is not None
    changed = raw[:place] + noise + raw[place:]
    found = whole(heads, changed)
    if found is not None:
        assert found == relayed(changed, b"GET", b"ours")
