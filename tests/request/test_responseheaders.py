"""What a client gets of the headers of an answer."""

from hypothesis import given

from auditproxy.request.headers import RawHeaders
from auditproxy.request.responseheaders import response_headers
from tests.fakes.headers import LINES, raw_of


def response_of(*lines: str) -> RawHeaders:
    """What the client gets of an answer with these lines."""
    return response_headers(raw_of(*lines), audit_id="id-1")


AUDIT_ID = (b"Audit-Id", b"id-1")
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
        AUDIT_ID,
        CACHE_CONTROL,
        (b"Content-Type", b"application/json"),
        (b"Warning", b"299 - a"),
        (b"Warning", b"299 - b"),
        (b"Date", b"now"),
    )


def test_one_audit_id() -> None:
    """T119: however many the upstream sends, the client gets one Audit-Id, and it is ours."""
    assert response_of("Audit-Id: theirs", "AUDIT-ID: again") == (AUDIT_ID, CACHE_CONTROL)


def test_response_connection() -> None:
    """T120: what the upstream's Connection names stays behind, ours cannot."""
    found = response_of(
        "Set-Cookie: a",
        "Connection: Set-Cookie, Audit-Id,,",
        "connection:\tX-B\t",
        "x-b: 1",
        "X-C: 2",
    )
    assert found == (AUDIT_ID, CACHE_CONTROL, (b"X-C", b"2"))


def test_cache_control() -> None:
    """kube-apiserver's default stands in only for a Cache-Control that does not pass."""
    assert response_of("cache-control: public") == (AUDIT_ID, (b"cache-control", b"public"))
    found = response_of("Cache-Control: public", "Connection: cache-control")
    assert found == (AUDIT_ID, CACHE_CONTROL)


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
    kept = (*switching[:3], switching[5])
    assert response_headers(switching, audit_id="", upgrade=True) == kept
    found = response_headers(switching, audit_id="id-1", upgrade=True)
    assert found == (AUDIT_ID, *switching[:3])


@given(LINES)
def test_nothing_of_the_upstream_changes_ours(raw: RawHeaders) -> None:
    """Whatever an upstream sends, the client gets one Audit-Id, ours, and no framing."""
    found = response_headers(raw, audit_id="id-1")
    names = [name.lower() for name, _ in found]
    assert found[0] == AUDIT_ID
    assert names.count(b"audit-id") == 1
    assert b"cache-control" in names
    assert not {b"connection", b"content-length", b"transfer-encoding"} & set(names)
