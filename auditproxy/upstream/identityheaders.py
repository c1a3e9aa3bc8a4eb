"""How the upstream learns who asks: the identity headers of a forwarded request.

    impersonation   our own credential and Impersonate-* of the user: ``impersonation_headers``
    passthrough     the client's own bearer token, and what it asks to be: ``passthrough_headers``
    request header  X-Remote-* of the user, from a front proxy: ``remote_headers``

All build the lines from values, never from the client's lines. Names of extra
keys are escaped as client-go's transport escapes them, and capital letters besides:
a header name's case is lost, that of an escaped letter is not.
"""

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity
from auditproxy.authentication.headersafe import lower_ascii, wire_safe
from auditproxy.authentication.tokens.tokenreview import sendable
from auditproxy.request.headers import RawHeaders

_KEPT_BYTES = frozenset(b"!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""Bytes that are valid in a header name (RFC 9110 token) and survive, without ``%``."""


class UnforwardableIdentityError(ValueError):
    """Forwarded, this identity would act as another user; the text holds no credential."""


def impersonation_headers(user: UserInfo, marker: tuple[str, str] | None = None) -> RawHeaders:
    """The Impersonate-* lines that make kube-apiserver see exactly this user.

    One line per value, in the user's order; uid only when there is one. ``marker``
    is an extra key, in lower case, and its one value, which come last. Raises
    UnforwardableIdentityError for a user that header values cannot carry, an empty
    username above all: without one the request would run as ourselves. Also for a
    user with an extra of the marker's key: only the proxy may set it.
    """
    if marker is None:
        return _lines(b"Impersonate-", user)
    refuse_marked(user, marker)
    key, value = marker
    mark = (b"Impersonate-Extra-" + escape_extra_key(key), value.encode())
    return (*_lines(b"Impersonate-", user), mark)


def remote_headers(user: UserInfo) -> RawHeaders:
    """The X-Remote-* lines that make kube-apiserver see this user behind a front proxy.

    As client-go's authenticating proxy transport writes them; kube-apiserver
    reads no empty group. Raises UnforwardableIdentityError.
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

    Keys are compared as kube-apiserver reads them from a header name: A-Z lowered.
    """
    if any(lower_ascii(key) == marker[0] for key in user.extra):
        raise UnforwardableIdentityError(
            "the user cannot be forwarded: an extra key is the proxy's own marker"
        )


def passthrough_headers(identity: Identity, wanted: UserInfo | None = None) -> RawHeaders:
    """The client's own bearer token, and the Impersonate-* lines for the user it asks to be.

    ``wanted`` is what the client asked for, before groups are added to it. An
    anonymous client gets no line. Raises UnforwardableIdentityError for a client
    that proved itself by anything but a token: there is nothing to hand on.
    """
    if identity.method == "anonymous":
        authorization: RawHeaders = ()
    elif not identity.token:
        raise UnforwardableIdentityError(
            f"a client known by {identity.method} has no bearer token to pass through; "
            "log in with a token"
        )
    elif not sendable(identity.token):
        raise UnforwardableIdentityError("the bearer token is not valid in a header")
    else:
        token = identity.token.encode("utf-8", "surrogateescape")
        authorization = ((b"Authorization", b"Bearer " + token),)
    return authorization if wanted is None else authorization + impersonation_headers(wanted)


def escape_extra_key(key: str) -> bytes:
    """The key as the tail of a header name: all but lower-case token bytes as %XX."""
    return b"".join(
        bytes((byte,)) if byte in _KEPT_BYTES else b"%%%02X" % byte for byte in key.encode()
    )
