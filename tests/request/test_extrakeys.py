"""Keys of extra fields in header names (headerrequest and impersonation tests of kube)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.extrakeys import unescape_extra_key
from auditproxy.upstream.identityheaders import escape_extra_key


@pytest.mark.parametrize(
    ("tail", "key"),
    [
        ("", ""),
        ("Scopes", "scopes"),
        ("Percent%20encoded", "percent encoded"),
        ("Almost%zzpercent%xxencoded", "almost%zzpercent%xxencoded"),
        ("Example.com%2fpercent%2520encoded", "example.com/percent%20encoded"),
        ("Example.com%2F%E4%BB%8A%E6%97%A5%E3%81%AF", "example.com/今日は"),
        ("Abc123!#$+.-_*\\^`~|'", "abc123!#$+.-_*\\^`~|'"),
        ("cut%2", "cut%2"),
        ("Acme.io%2f%56ia", "acme.io/Via"),
        ("ACME.IO%2F%76IA", "acme.io/via"),
        ("%2556ia", "%56ia"),
    ],
)
def test_rows(tail: str, key: str) -> None:
    """kube's rows: lowered, decoded, and left alone when an escape is broken."""
    assert unescape_extra_key(tail) == key


@given(st.text())
def test_what_we_write_is_read_again(key: str) -> None:
    """A12: a key survives being written as a header name, whatever Go makes of the name's case."""
    if not any(0xD800 <= ord(char) <= 0xDFFF for char in key):
        name = escape_extra_key(key).decode("ascii")
        for spelled in (name, name.lower(), name.upper(), name.title()):
            assert unescape_extra_key(spelled) == key


@given(st.text(alphabet="%09aFzZ.\udc80"))
def test_any_tail_is_read(tail: str) -> None:
    """Nothing is raised."""
    unescape_extra_key(tail)
