"""Header lists for tests: from lines, and any that could come."""

from hypothesis import strategies as st

from auditproxy.request.headers import ClientHeaders, RawHeaders

IDENTITY: RawHeaders = (
    (b"Authorization", b"Bearer ours"),
    (b"Impersonate-User", b"alice"),
    (b"Impersonate-Group", b"dev"),
    (b"Impersonate-Group", b"system:authenticated"),
    (b"Impersonate-Extra-example.com%2Fkey", b"value"),
)


def headers_of(*lines: str) -> ClientHeaders:
    """Headers from ``Name: value`` lines."""
    return ClientHeaders(raw_of(*lines))


def raw_of(*lines: str) -> RawHeaders:
    """Raw headers from ``Name: value`` lines."""
    cut = (line.encode("utf-8", "surrogateescape").partition(b":") for line in lines)
    return tuple((name, value.removeprefix(b" ")) for name, _, value in cut)


NAMES = st.one_of(
    st.sampled_from(
        [
            "Impersonate-User",
            "impersonate_group",
            "X-Remote-User",
            "AUTHORIZATION",
            "Host",
            "Connection",
            "Audit-ID",
            "Content-Length",
            "Transfer-Encoding",
            "Accept",
            "X-A",
        ]
    ),
    st.text("aA-_xX0", min_size=1, max_size=12),
)
VALUES = st.one_of(
    st.sampled_from(["Impersonate-User", "authorization, host, audit-id", "x-a", "chunked"]),
    st.text("aA,- \t\u00e4", max_size=20),
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=12).map(
    lambda pairs: tuple((name.encode(), value.encode()) for name, value in pairs)
)
