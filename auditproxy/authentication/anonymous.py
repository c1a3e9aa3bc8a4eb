"""The anonymous user: a client that showed no credentials at all."""

from auditproxy.apis.user import ANONYMOUS, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity, identify

ANONYMOUS_USER = UserInfo(username=ANONYMOUS, groups=(UNAUTHENTICATED,))


class AnonymousAuthenticator:
    """Knows everybody, as system:anonymous in system:unauthenticated; to be asked last.

    With ``paths`` only who asks for exactly one of them, as it reads decoded.
    """

    def __init__(self, paths: tuple[str, ...] = ()) -> None:
        self._paths = frozenset(paths)

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The anonymous identity, None for a path that is not for everybody."""
        if self._paths and request.target.path not in self._paths:
            return None
        return identify(ANONYMOUS_USER, method="anonymous")
