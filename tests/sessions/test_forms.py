"""Forms in the bodies of requests: which are looked for, and which can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.target import MAXIMUM_QUERY_PAIRS
from auditproxy.sessions.forms import NO_FORM, may_have_form, read_form

URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("method", "content_type", "found"),
    [
        ("POST", URLENCODED, True),
        ("PUT", URLENCODED.upper() + "; charset=utf-8", True),
        ("PATCH", "multipart/form-data; boundary=x", True),
        ("GET", URLENCODED, False),
        ("DELETE", URLENCODED, False),
        ("POST", "application/json", False),
        ("POST", "", False),
    ],
)
def test_may_have_form(method: str, content_type: str, found: bool) -> None:
    """As Go: by method and content type."""
    assert may_have_form(method, content_type) is found


@pytest.mark.parametrize(
    ("content_type", "is_read"),
    [
        (URLENCODED, True),
        (f" {URLENCODED.title()} ; charset=UTF-8 ", True),
        (f"{URLENCODED};", True),
        # Go reads none of a parameter that comes twice; no client needs any other.
        (f"{URLENCODED}; charset=a; charset=b", False),
        (f"{URLENCODED}; x=1", False),
        (f"{URLENCODED}x", False),
        ("multipart/form-data; boundary=b", False),
    ],
)
def test_read_form(content_type: str, is_read: bool) -> None:
    """What is read beyond doubt, and what is not."""
    form = read_form(content_type, b"a=1&a=2&b=%zz&c;d=1&e=+")
    assert form.is_read is is_read
    assert form.values.values("a") == (("1", "2") if is_read else ())
    assert form.values.first("b") is None
    assert read_form(content_type, b"") is NO_FORM


def test_very_many_values() -> None:
    """One behind more than Go reads now is seen: older Go reads all."""
    body = b"&" * (MAXIMUM_QUERY_PAIRS + 1) + b"cmd=id"
    assert read_form(URLENCODED, body).values.first("cmd") == "id"


@given(st.text(), st.binary())
def test_any_form(content_type: str, body: bytes) -> None:
    """Nothing that a client sends is an error."""
    read_form(content_type, body).values.first("cmd")
    read_form(URLENCODED, body).values.first("cmd")
