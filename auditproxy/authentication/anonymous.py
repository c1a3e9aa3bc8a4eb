"""The anonymous user, for clients without credentials."""

from auditproxy.apis.user import ANONYMOUS, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity, identify

ANONYMOUS_USER = UserInfo(username=ANONYMOUS, groups=(UNAUTHENTICATED,))


class AnonymousAuthenticator:
    """Authenticate every client as system:anonymous in system:unauthenticated; must be last.

    With ``paths``, only requests whose decoded path equals one of them.
    """

    def __init__(self, paths: tuple[str, ...] = ()) -> None:
        self._paths = frozenset(paths)
        self._identity = identify(ANONYMOUS_USER, method="anonymous")

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the anonymous identity; None if the path does not allow anonymous access."""
        if self._paths and request.target.path not in self._paths:
            return None
        return self._identity
