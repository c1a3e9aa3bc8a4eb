"""The anonymous user: a client that showed no credentials at all."""

from auditproxy.apis.user import ANONYMOUS, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity, identify

ANONYMOUS_USER = UserInfo(username=ANONYMOUS, groups=(UNAUTHENTICATED,))


class AnonymousAuthenticator:
    """Knows everybody, as system:anonymous in system:unauthenticated; to be asked last."""

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The anonymous identity."""
        return identify(ANONYMOUS_USER, method="anonymous")
