"""The message preset in the event of a request refused with 401, as kube-apiserver writes it."""

import base64
import binascii

from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target


def attempted_methods(headers: ClientHeaders, target: Target, has_certificate: bool) -> str:
    """Return the preset message of a failed login's event (apiserver filters/authn_audit.go).

    Names the methods that the request attempted, never the credentials.
    """
    authorization = headers.get("Authorization")
    methods = []
    if _is_basic(authorization):
        methods.append("basic")
    parts = authorization.strip().split(" ")
    if len(parts) > 1 and parts[0].lower() == "bearer":
        methods.append("bearer")
    if (target.query.first("access_token") or "").strip():
        methods.append("access_token")
    if has_certificate:
        methods.append("x509")
    if not methods:
        return "Authentication failed, no credentials provided"
    return f"Authentication failed, attempted: {', '.join(methods)}"


def _is_basic(authorization: str) -> bool:
    """Return whether Go's Request.BasicAuth would find a user and a password."""
    if authorization[:6].lower() != "basic ":
        return False
    try:
        return b":" in base64.b64decode(authorization[6:], validate=True)
    except (binascii.Error, ValueError):
        return False
