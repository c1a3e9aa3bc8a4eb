"""Identity headers of forwarded requests: how the upstream learns the user.

    impersonation   our own credential and Impersonate-* of the user: ``impersonation_headers``
    passthrough     the client's own bearer token and impersonation: ``passthrough_headers``
    request header  X-Remote-* of the user, as a front proxy: ``remote_headers``

All lines are built from values, never copied from the client's lines. Extra keys are
escaped like in client-go's transport. Capital letters are escaped too, because header
names lose their case and escaped letters do not.
"""

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity
from auditproxy.authentication.headersafe import lower_ascii, wire_safe
from auditproxy.authentication.tokens.tokenreview import sendable
from auditproxy.request.headers import RawHeaders

_KEPT_BYTES = frozenset(b"!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""Bytes that header names can contain (RFC 9110 token) and preserve, without ``%``."""


class UnforwardableIdentityError(ValueError):
    """If forwarded, this identity would act as another user; the text has no credential."""


def impersonation_headers(user: UserInfo, marker: tuple[str, str] | None = None) -> RawHeaders:
    """Return the Impersonate-* lines that make kube-apiserver see exactly this user.

    One line per value, in the user's order; a uid only if there is one. ``marker`` is an
    extra key in lower case and its single value, which come last. Raises
    UnforwardableIdentityError for a user that header values cannot carry, above all an
    empty username: without one the request would run as the proxy itself. It is also
    raised for a user with an extra of the marker's key, which only the proxy may set.
    """
    if marker is None:
        return _lines(b"Impersonate-", user)
    refuse_marked(user, marker)
    key, value = marker
    mark = (b"Impersonate-Extra-" + escape_extra_key(key), value.encode())
    return (*_lines(b"Impersonate-", user), mark)


def remote_headers(user: UserInfo) -> RawHeaders:
    """Return the X-Remote-* lines that make kube-apiserver see this user behind a front proxy.

    Like client-go's authenticating proxy transport; kube-apiserver ignores empty groups.
    Raises UnforwardableIdentityError.
    """
    return _lines(b"X-Remote-", user)


def _lines(prefix: bytes, user: UserInfo) -> RawHeaders:
    fault = wire_safe(user)
    if fault is not None:
        raise UnforwardableIdentityError(f"the user cannot be forwarded: {fault}")
    lines = [(prefix + b"User", user.username.encode())]
    if user.uid:
        lines.append((prefix + b"Uid", user.uid.encode()))
    lines += [(prefix + b"Group", group.encode()) for group in user.groups]
    for key, values in user.extra.items():
        name = prefix + b"Extra-" + escape_extra_key(key)
        lines += [(name, value.encode()) for value in values]
    return tuple(lines)


def refuse_marked(user: UserInfo, marker: tuple[str, str]) -> None:
    """Raise UnforwardableIdentityError for a user with an extra of the marker's key.

    Keys are compared the way kube-apiserver reads them from header names: A-Z lowered.
    """
    if any(lower_ascii(key) == marker[0] for key in user.extra):
        raise UnforwardableIdentityError(
            "the user cannot be forwarded: an extra key is the proxy's own marker"
        )


def passthrough_headers(identity: Identity, wanted: UserInfo | None = None) -> RawHeaders:
    """Return the client's own bearer token, and Impersonate-* lines for the user it wants.

    ``wanted`` is the requested user, before groups were added. An anonymous client
    gets no lines. Raises UnforwardableIdentityError for a client authenticated by
    anything but a token: there is no credential to pass on.
    """
    if identity.method == "anonymous":
        authorization: RawHeaders = ()
    elif not identity.token:
        raise UnforwardableIdentityError(
            f"a client authenticated by {identity.method} has no bearer token to pass through; "
            "log in with a token"
        )
    elif not sendable(identity.token):
        raise UnforwardableIdentityError("the bearer token cannot be sent in a header")
    else:
        token = identity.token.encode("utf-8", "surrogateescape")
        authorization = ((b"Authorization", b"Bearer " + token),)
    return authorization if wanted is None else authorization + impersonation_headers(wanted)


def escape_extra_key(key: str) -> bytes:
    """Encode the key as the tail of a header name: %XX for all but lower-case token bytes."""
    return b"".join(
        bytes((byte,)) if byte in _KEPT_BYTES else b"%%%02X" % byte for byte in key.encode()
    )
