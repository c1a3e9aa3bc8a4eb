"""The anonymous user."""

from auditproxy.authentication.anonymous import AnonymousAuthenticator
from auditproxy.authentication.authenticator import AuthenticationRequest
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target


async def test_anonymous() -> None:
    """T041: system:anonymous in system:unauthenticated, no uid, no extra, nothing to pass on."""
    request = AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), None, 0)
    identity = await AnonymousAuthenticator().authenticate(request)
    assert identity is not None
    assert identity.user.username == "system:anonymous"
    assert identity.user.groups == ("system:unauthenticated",)
    assert (identity.user.uid, identity.user.extra, identity.token) == ("", {}, "")
    assert identity.method == "anonymous"
