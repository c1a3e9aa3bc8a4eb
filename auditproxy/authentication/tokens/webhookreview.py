"""The TokenReview of a token webhook: its request body, and what the response means.

Like kube-apiserver's (apiserver plugin/pkg/authenticator/token/webhook): two versions,
audiences, and users returned unchanged. Sending, waiting and retrying are in
auditproxy/lookups/tokenwebhook.py.
"""

from typing import Literal

import msgspec

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as, encode

Version = Literal["v1", "v1beta1"]

_KIND = "TokenReview"


class _UserInfo(msgspec.Struct):
    """UserInfo as received; any member may be null."""

    username: str | None = None
    uid: str | None = None
    groups: tuple[str | None, ...] | None = None
    extra: dict[str, tuple[str | None, ...] | None] | None = None


class _Status(msgspec.Struct):
    authenticated: bool | None = None
    user: _UserInfo | None = None
    audiences: tuple[str | None, ...] | None = None
    error: str | None = None


class _TokenReview(msgspec.Struct, rename="camel"):
    kind: str | None = None
    api_version: str | None = None
    status: _Status | None = None


def webhook_review(token: str, version: Version, audiences: tuple[str, ...]) -> bytes:
    """Return the request body, encoded as kube-apiserver does; it is never logged."""
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = audiences
    review = {
        "kind": _KIND,
        "apiVersion": f"authentication.k8s.io/{version}",
        "metadata": {},
        "spec": spec,
        "status": {"user": {}},
    }
    return encode(review) + b"\n"


def read_webhook_review(
    body: bytes, version: Version, audiences: tuple[str, ...]
) -> UserInfo | None:
    """Return the user of an answered review, exactly as the webhook names it; None if unknown.

    ``audiences`` are ours, as sent in the request. A webhook that returns audiences must
    return one of them; one that returns none is taken to mean all of them. Raises
    AuthenticationError for a refusal with an error text, and for a body that is not a
    valid review of this version.
    """
    try:
        review = decode_as(body, _TokenReview)
    except JSONError:
        raise AuthenticationError("the token webhook's answer is not a TokenReview") from None
    # A body without kind or apiVersion is taken to be what was requested.
    if (review.kind or _KIND) != _KIND or (
        review.api_version or f"authentication.k8s.io/{version}"
    ) != f"authentication.k8s.io/{version}":
        raise AuthenticationError(f"the token webhook's answer is not a TokenReview of {version}")
    status = review.status or _Status()
    if audiences and status.audiences and set(audiences).isdisjoint(status.audiences):
        return None
    if not status.authenticated:
        if status.error:
            # The error text may contain the token.
            raise AuthenticationError("the token webhook refused the token with an error")
        return None
    user = status.user or _UserInfo()
    return UserInfo(
        username=user.username or "",
        uid=user.uid or "",
        groups=_texts(user.groups),
        extra={key: _texts(values) for key, values in (user.extra or {}).items()},
    )


def _texts(values: tuple[str | None, ...] | None) -> tuple[str, ...]:
    return tuple(value or "" for value in values or ())
