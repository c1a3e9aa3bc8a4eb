"""RequestHeaderAuthenticator: users that a front proxy names in headers.

The headers count only on a connection whose certificate is one of the front
proxies' own authorities, with a common name that is allowed. A certificate of
--client-ca-file does not vouch for them, and one of these authorities makes no
user by itself (apiserver authentication/request/headerrequest/requestheader.go).
"""

from dataclasses import dataclass

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity, identify
from auditproxy.authentication.x509.authenticator import Authorities, CertificateError, verify
from auditproxy.request.extrakeys import unescape_extra_key
from auditproxy.request.headers import ClientHeaders


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeaderConfig:
    """Which common names a front proxy has, () for any, and which headers say what."""

    allowed_names: frozenset[str] = frozenset()
    username_headers: tuple[str, ...] = ()
    uid_headers: tuple[str, ...] = ()
    group_headers: tuple[str, ...] = ()
    extra_prefixes: tuple[str, ...] = ()


class RequestHeaderAuthenticator:
    """Knows the users that front proxies with a certificate of ``authorities`` vouch for."""

    def __init__(self, authorities: Authorities, config: RequestHeaderConfig) -> None:
        self._authorities = authorities
        self._config = config

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The user of the headers; None without a certificate or without a name in them."""
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
    """The user that the headers name, None when they name nobody.

    Of the name's and the uid's headers the first counts whose first value is not
    empty; of the groups' every value. Nothing is split at commas.
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
