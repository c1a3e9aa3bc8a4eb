"""Headers of front proxies: in any spelling, and only those."""

import pytest

from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.upstreamheaders import upstream_headers

FRONT = FrontProxyHeaders.of(("X-Who", "X_Group"), ("X-More-",))


@pytest.mark.parametrize(
    ("key", "there"),
    [
        (b"x-who", True),
        (b"x-group", True),
        (b"x-more-", True),
        (b"x-more-a%2fb", True),
        (b"x-whoever", False),
        (b"x-more", False),
    ],
)
def test_names(key: bytes, there: bool) -> None:
    """Names as a whole, prefixes as such; without a front proxy there are none."""
    assert (key in FRONT) is there
    assert key not in NO_FRONT_PROXY


def test_headers() -> None:
    """T007: they stay behind in every spelling, and only there may a name be percent-encoded."""
    client = ClientHeaders(((b"X-WHO", b"a"), (b"X-More-a%2fb", b"c"), (b"X-Other", b"d")))
    assert client.fault(FRONT) is None
    assert client.fault() is not None
    assert ClientHeaders(((b"X-Other%", b"a"),)).fault(FRONT) is not None
    sent = upstream_headers(client, host=b"h", identity_headers=(), audit_id="i", front_proxy=FRONT)
    assert [name for name, _ in sent] == [b"Host", b"X-Other", b"Audit-ID"]
