"""The preset message of a failed login: authn_audit_test.go and what was seen on a real server."""

import pytest

from auditproxy.authentication.attempts import attempted_methods
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target


@pytest.mark.parametrize(
    ("authorization", "target", "certificate", "methods"),
    [
        ("", "/", False, ""),
        ("Basic dXNlcjpwYXNz", "/", False, "basic"),
        ("BASIC dXNlcjpwYXNz", "/", False, "basic"),
        ("Basic dXNlcg==", "/", False, ""),
        ("Basic %%%", "/", False, ""),
        ("Basic dXNlcjpwYXNz", "/", True, "basic, x509"),
        ("Bearer x", "/", False, "bearer"),
        ("bearer x", "/", False, "bearer"),
        ("Bearer", "/", False, ""),
        ("Bearer  x", "/", False, "bearer"),
        ("BearerX y", "/", False, ""),
        ("Digest x", "/", False, ""),
        ("Negotiate x", "/", False, ""),
        ("", "/?access_token=foo", False, "access_token"),
        ("", "/?access_token=+", False, ""),
        ("Bearer x", "/?access_token=foo", True, "bearer, access_token, x509"),
    ],
)
def test_methods(authorization: str, target: str, certificate: bool, methods: str) -> None:
    """T028, T029: what was shown is named, what it held is not."""
    headers = ClientHeaders(((b"Authorization", authorization.encode()),) if authorization else ())
    text = attempted_methods(headers, parse_target("GET", target.encode()), certificate)
    if methods:
        assert text == f"Authentication failed, attempted: {methods}"
    else:
        assert text == "Authentication failed, no credentials provided"
