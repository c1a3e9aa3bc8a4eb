"""RequestHeaderAuthenticator: users that a front proxy names in headers.

The headers are used only on a connection whose certificate is issued by one of the
front proxies' own authorities and has an allowed common name. A certificate of
--client-ca-file does not authorize these headers, and a certificate of these authorities
is not a user by itself (apiserver authentication/request/headerrequest/requestheader.go).
"""

from dataclasses import dataclass

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity, identify
from auditproxy.authentication.x509.authenticator import Authorities, CertificateError, verify
from auditproxy.request.extrakeys import unescape_extra_key
from auditproxy.request.headers import ClientHeaders


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeaderConfig:
    """Allowed common names of front proxies, () for any, and the header names they use."""

    allowed_names: frozenset[str] = frozenset()
    username_headers: tuple[str, ...] = ()
    uid_headers: tuple[str, ...] = ()
    group_headers: tuple[str, ...] = ()
    extra_prefixes: tuple[str, ...] = ()


class RequestHeaderAuthenticator:
    """Authenticates users named by front proxies with a certificate of ``authorities``."""

    def __init__(self, authorities: Authorities, config: RequestHeaderConfig) -> None:
        self._authorities = authorities
        self._config = config

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the headers' user; None without a certificate or without a username header."""
        certificate = request.peer_certificate
        if certificate is None:
            return None
        verify(certificate, self._authorities, request.now)
        allowed = self._config.allowed_names
        if allowed and certificate.common_name not in allowed:
            raise CertificateError("the front proxy's common name is not in the allowed list")
        user = user_from(request.headers, self._config)
        return None if user is None else identify(user, method="requestheader")


def user_from(headers: ClientHeaders, config: RequestHeaderConfig) -> UserInfo | None:
    """Return the user named in the headers, None if they name none.

    Of the username and uid headers, the first one whose first value is not empty
    applies. Of the group headers, every value applies. Values are not split at commas.
    """
    username = _first(headers, config.username_headers)
    if not username:
        return None
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in config.extra_prefixes:
        for name, value in headers.with_prefix(prefix):
            key = unescape_extra_key(name[len(prefix) :])
            extra[key] = (*extra.get(key, ()), value)
    return UserInfo(
        username=username,
        uid=_first(headers, config.uid_headers),
        groups=tuple(
            value for name in config.group_headers for value in headers.values(name) if value
        ),
        extra=extra,
    )


def _first(headers: ClientHeaders, names: tuple[str, ...]) -> str:
    return next(filter(None, map(headers.get, names)), "")
