"""Names of nodes, service accounts and extra keys (serviceaccount util_test.go, validation)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.names import SUBDOMAIN, SUBDOMAIN_LENGTH
from auditproxy.authorization.names import (
    extra_fault,
    node_name,
    service_account_groups,
    split_service_account,
)


@pytest.mark.parametrize(
    ("username", "split"),
    [
        ("system:serviceaccount:foo:bar", ("foo", "bar")),
        ("system:serviceaccount:foo:bar.baz", ("foo", "bar.baz")),
        ("system:serviceaccount:FOO:bar", None),
        ("system:serviceaccount:foo:BAR", None),
        ("system:serviceaccount:a.b:bar", None),
        ("system:serviceaccount:foo:", None),
        ("system:serviceaccount::bar", None),
        ("system:serviceaccount:foo", None),
        ("system:serviceaccount:foo:bar:baz", None),
        ("system:serviceaccount: foo:bar", None),
        ("system:serviceaccount:foo:bar\n", None),
        ("system:serviceaccounts:foo:bar", None),
        ("foo:bar", None),
        (f"system:serviceaccount:{'a' * 63}:b", ("a" * 63, "b")),
        (f"system:serviceaccount:{'a' * 64}:b", None),
    ],
)
def test_service_accounts(username: str, split: tuple[str, str] | None) -> None:
    """Exactly a label and a subdomain after the prefix."""
    assert split_service_account(username) == split


@pytest.mark.parametrize(
    ("username", "node"),
    [
        ("system:node:n1", "n1"),
        ("system:node:n1.example.com", "n1.example.com"),
        ("system:node:N1", None),
        ("system:node:", None),
        ("system:node:a b", None),
        ("system:nodes:n1", None),
        ("n1", None),
        (f"system:node:{'a' * 253}", "a" * 253),
        (f"system:node:{'a' * 254}", None),
    ],
)
def test_nodes(username: str, node: str | None) -> None:
    """A subdomain after the prefix."""
    assert node_name(username) == node


def test_groups() -> None:
    """Both groups of a service account."""
    assert service_account_groups("foo") == ("system:serviceaccounts", "system:serviceaccounts:foo")


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ({"acme.io/foo": ("a",)}, None),
        ({"acme.io/foo/bar-_.~%!$&'()*+,;=:": ("a",)}, None),
        ({"": ("a",)}, "impersonating the empty string key in extra is not allowed"),
        (
            {"foo": ("a",)},
            "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "
            '"foo": must be a domain-prefixed path (such as "acme.io/foo")',
        ),
        ({"acme.io/": ("a",)}, "must be a domain-prefixed path"),
        ({"/foo": ("a",)}, "must be a domain-prefixed path"),
        (
            {"-acme/foo": ("a",)},
            'Invalid value: "-acme": a lowercase RFC 1123 subdomain must consist of lower case '
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
        (
            {"acme.io/f o": ("a",)},
            'extra.key: Invalid value: "f o": Invalid path (regex used for validation is '
            "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        ),
        (
            {"acme.io/Foo": ("a",)},
            'impersonating a non-lowercase key in extra is not allowed: "acme.io/Foo"',
        ),
        ({"acme.io/foo": ()}, "impersonating empty values in extra is not allowed"),
        (
            {"acme.io/foo": ("a", "")},
            "impersonating the empty string value in extra is not allowed",
        ),
        ({"ACME/a b": ("a",)}, "not allowed: [extra.key: Invalid value: "),
    ],
)
def test_extra(extra: dict[str, tuple[str, ...]], fault: str | None) -> None:
    """What constrained impersonation refuses, in kube-apiserver's words."""
    said = extra_fault(extra)
    if fault is None:
        assert said is None
    else:
        assert said is not None
        assert fault in said


@given(st.from_regex(SUBDOMAIN, fullmatch=True))
def test_any_subdomain_names_a_node(text: str) -> None:
    """A node may have every name that is a DNS-1123 subdomain."""
    expected = text if len(text) <= SUBDOMAIN_LENGTH else None
    assert node_name(f"system:node:{text}") == expected
