"""DNS-1123 names and the paths behind them (util/validation/validation_test.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.names import (
    HTTP_PATH,
    NOT_A_SUBDOMAIN,
    SUBDOMAIN,
    is_dns_label,
    is_dns_subdomain,
)


@pytest.mark.parametrize(
    ("text", "label", "subdomain"),
    [
        ("a", True, True),
        ("0", True, True),
        ("a-b", True, True),
        ("a.b", False, True),
        ("a" * 63, True, True),
        ("a" * 64, False, True),
        (".".join(["a" * 63] * 3 + ["b" * 61]), False, True),
        (".".join(["a" * 63] * 3 + ["b" * 62]), False, False),
        ("", False, False),
        ("A", False, False),
        ("-a", False, False),
        ("a-", False, False),
        ("a..b", False, False),
        (".a", False, False),
        ("a.", False, False),
        ("a.-b", False, False),
        ("a_b", False, False),
        ("a\n", False, False),
        ("\u0661", False, False),
    ],
)
def test_rows(text: str, label: bool, subdomain: bool) -> None:
    """Labels have 63 characters at most and no dots, subdomains 253."""
    assert (is_dns_label(text), is_dns_subdomain(text)) == (label, subdomain)


@given(st.text(max_size=70))
def test_labels_are_subdomains(text: str) -> None:
    """Every label is a subdomain without dots, and both are lower-case ASCII."""
    if is_dns_label(text):
        assert is_dns_subdomain(text)
        assert "." not in text
    if is_dns_subdomain(text):
        assert text.isascii()
        assert text == text.lower()


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["a" * 200_000 + "_", "a-" * 100_000, "a." * 100_000 + "-"])
def test_linear(text: str) -> None:
    """A long text that is none is refused in time in proportion to it."""
    assert SUBDOMAIN.fullmatch(text) is None


def test_sentence() -> None:
    """The sentence shows the pattern as Go writes it."""
    assert NOT_A_SUBDOMAIN == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        "regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


@pytest.mark.parametrize(("text", "good"), [("a/b%20~", True), ("", False), ("a b", False)])
def test_paths(text: str, good: bool) -> None:
    """The characters of a path, none of them a blank."""
    assert (HTTP_PATH.fullmatch(text) is not None) is good
