"""What a client gets of the headers of an answer, and what they say."""

from hypothesis import given

from auditproxy.request.headers import RawHeaders
from auditproxy.request.responseheaders import response_facts, switching_headers
from tests.fakes.headers import LINES, raw_of


def headers_in(lines: bytes) -> RawHeaders:
    """The headers that lines are read as."""
    *cut, end = lines.split(b"\r\n")
    assert not end
    return tuple((name, value) for name, _, value in (line.partition(b": ") for line in cut))


def response_of(*lines: str) -> RawHeaders:
    """What the client gets of an answer with these lines, besides our Audit-Id."""
    return headers_in(response_facts(raw_of(*lines)).lines)


CACHE_CONTROL = (b"Cache-Control", b"no-cache, private")


def test_response_list() -> None:
    """The upstream's headers in order, Date and doubled ones included; hop-by-hop ones not."""
    found = response_of(
        "Content-Type: application/json",
        "Connection: keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: x",
        "proxy-connection: x",
        "TE: x",
        "Trailer: x",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "Content-Length: 5",
        "Warning: 299 - a",
        "Warning: 299 - b",
        "Date: now",
    )
    assert found == (
        CACHE_CONTROL,
        (b"Content-Type", b"application/json"),
        (b"Warning", b"299 - a"),
        (b"Warning", b"299 - b"),
        (b"Date", b"now"),
    )


def test_one_audit_id() -> None:
    """T119: however many the upstream sends, the client gets none of them; they are counted."""
    assert response_of("Audit-Id: theirs", "AUDIT-ID: again") == (CACHE_CONTROL,)
    for count in range(3):
        assert response_facts(raw_of(*["Audit-Id: theirs"] * count)).audit_ids == count


def test_response_connection() -> None:
    """T120: what the upstream's Connection names stays behind, ours cannot."""
    found = response_of(
        "Set-Cookie: a",
        "Connection: Set-Cookie, Audit-Id,,",
        "connection:\tX-B\t",
        "x-b: 1",
        "X-C: 2",
    )
    assert found == (CACHE_CONTROL, (b"X-C", b"2"))


def test_cache_control() -> None:
    """kube-apiserver's default stands in only for a Cache-Control that does not pass."""
    assert response_of("cache-control: public") == ((b"cache-control", b"public"),)
    found = response_of("Cache-Control: public", "Connection: cache-control")
    assert found == (CACHE_CONTROL,)


def test_what_headers_say() -> None:
    """What a record shows of an answer, whatever its client gets of it; spelling does not matter."""
    facts = response_facts(
        raw_of(
            "content-type: application/yaml",
            "CONTENT-ENCODING: gzip",
            "X-Content-Type-Options: NoSniff",
            "Warning: 299 - a",
            "Connection: warning, content-type",
            "warning: \udcff",
        )
    )
    assert (facts.content_type, facts.content_encoding) == ("application/yaml", "gzip")
    assert facts.no_sniff
    assert facts.warnings == ("299 - a", "\ufffd")
    nothing = response_facts(())
    assert (nothing.content_type, nothing.content_encoding, nothing.warnings) == ("", "", ())
    assert not nothing.no_sniff


def test_representation_repeats_no_header() -> None:
    """Lines may carry credentials."""
    assert "canary" not in repr(response_facts(raw_of("Set-Cookie: canary", "Warning: canary")))


def test_switching_protocols() -> None:
    """T211: a 101 keeps what switches protocols and loses all framing."""
    switching = raw_of(
        "Connection: Upgrade, Sec-WebSocket-Accept",
        "Upgrade: websocket",
        "Sec-WebSocket-Accept: a",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Audit-Id: theirs",
    )
    assert switching_headers((*switching, *raw_of("Proxy-Authenticate: x", "TE: x"))) == (
        *switching[:3],
        switching[5],
    )


@given(LINES)
def test_nothing_of_the_upstream_changes_ours(raw: RawHeaders) -> None:
    """Whatever an upstream sends, the client gets no Audit-Id of it, and no framing."""
    found = headers_in(response_facts(raw).lines)
    names = [name.lower() for name, _ in found]
    assert b"cache-control" in names
    assert not {b"audit-id", b"connection", b"content-length", b"transfer-encoding"} & set(names)
    assert set(found) <= {*raw, CACHE_CONTROL}
