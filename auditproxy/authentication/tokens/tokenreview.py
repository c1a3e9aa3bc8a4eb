"""TokenReview and SelfSubjectReview: request bodies, and what the responses mean.

Three questions can be asked about a bearer token:

    TokenReview        of kube-apiserver with our own credential; needs the right to create
                       tokenreviews
    SelfSubjectReview  of kube-apiserver with the token; open to every authenticated user
    TokenReview        of a webhook, as kube-apiserver asks one: in two versions, its users taken
                       as they are (apiserver plugin/pkg/authenticator/token/webhook)

Sending, waiting and caching are in lookups/reviews.py and lookups/tokenwebhook.py. This module
has the values (kubernetes api authentication/v1) and the decisions.
"""

import re
from typing import Literal, Protocol

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.apis.user import ANONYMOUS, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as, encode

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
SELF_SUBJECT_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

Version = Literal["v1", "v1beta1"]
"""Of a webhook's TokenReview."""

_GROUP = "authentication.k8s.io"
_KIND = "TokenReview"

_UNSENDABLE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]|\s")
"""White space, control characters, and surrogates that represent bytes outside UTF-8."""


class Reviewer(Protocol):
    """Looks up the user of a token."""

    async def review(self, token: str) -> UserInfo | None:
        """Return the user, None for an invalid token; raises AuthenticationError if unanswered."""
        ...


class TokenReviewAuthenticator:
    """Authenticates the tokens that a reviewer accepts."""

    def __init__(self, reviewer: Reviewer) -> None:
        self._reviewer = reviewer

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the reviewer's answer; None for a token that a header cannot carry."""
        user = await self._reviewer.review(token) if sendable(token) else None
        return None if user is None else TokenUser(user)


def sendable(token: str) -> bool:
    """Return whether every server reads ``Authorization: Bearer <token>`` as this token."""
    return bool(token) and _UNSENDABLE.search(token) is None


class _UserInfo(msgspec.Struct):
    """UserInfo as received; a webhook may send null for any member."""

    username: str | None = None
    uid: str | None = None
    groups: tuple[str | None, ...] | None = None
    extra: dict[str, tuple[str | None, ...] | None] | None = None

    def value(self) -> UserInfo:
        """The user; null is empty, as in Go."""
        return UserInfo(
            username=self.username or "",
            uid=self.uid or "",
            groups=_texts(self.groups),
            extra={key: _texts(values) for key, values in (self.extra or {}).items()},
        )

    def has_null(self) -> bool:
        """Whether a member is null that kube-apiserver never writes as null."""
        lists = (self.groups, *(self.extra or {}).values())
        return any(None in (values or ()) for values in lists)


class _TokenReviewStatus(msgspec.Struct):
    authenticated: bool | None = False
    user: _UserInfo | None = None
    audiences: tuple[str | None, ...] | None = None
    error: str | None = ""


@prepared
class _TokenReview(msgspec.Struct, rename="camel"):
    kind: str | None = None
    api_version: str | None = None
    status: _TokenReviewStatus | None = None


class _SelfSubjectReviewStatus(msgspec.Struct, rename="camel"):
    user_info: _UserInfo | None = None


@prepared
class _SelfSubjectReview(msgspec.Struct):
    status: _SelfSubjectReviewStatus


def token_review(token: str, audiences: tuple[str, ...] = ()) -> bytes:
    """Return the body of a TokenReview; it contains the token, so it is never logged.

    ``audiences`` () means the upstream's own.
    """
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = audiences
    return msgspec.json.encode({"apiVersion": f"{_GROUP}/v1", "kind": _KIND, "spec": spec})


def self_subject_review() -> bytes:
    """Return the body of a SelfSubjectReview, which returns the sender's own user."""
    return msgspec.json.encode({"apiVersion": f"{_GROUP}/v1", "kind": "SelfSubjectReview"})


def read_token_review(body: bytes, audiences: tuple[str, ...] = ()) -> UserInfo | None:
    """Return the user of an answered TokenReview; None if the token is not authenticated.

    An error in the status, a user without a name, or a token for none of the
    requested ``audiences`` also means that it is not authenticated.
    Raises AuthenticationError when the body is not a valid TokenReview.
    """
    try:
        status = decode_as(body, _TokenReview).status
    except JSONError:
        status = None
    if status is None or _has_null(status):
        raise AuthenticationError("the answer is not a TokenReview")
    if not status.authenticated or status.error:
        return None
    if audiences and set(audiences).isdisjoint(status.audiences or ()):
        return None
    return _named(status.user)


def read_self_subject_review(body: bytes) -> UserInfo | None:
    """Return the user of an answered SelfSubjectReview; None if the sender is anonymous.

    Raises AuthenticationError when the body is not a valid SelfSubjectReview.
    """
    try:
        status = decode_as(body, _SelfSubjectReview).status
    except JSONError:
        raise AuthenticationError("the answer is not a SelfSubjectReview") from None
    if status.user_info is not None and status.user_info.has_null():
        raise AuthenticationError("the answer is not a SelfSubjectReview")
    user = _named(status.user_info)
    if user is None or user.username == ANONYMOUS or UNAUTHENTICATED in user.groups:
        return None
    return user


def webhook_review(token: str, version: Version, audiences: tuple[str, ...]) -> bytes:
    """Return the body of a review for a webhook, as kube-apiserver encodes it; never logged."""
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = audiences
    review = {
        "kind": _KIND,
        "apiVersion": f"{_GROUP}/{version}",
        "metadata": {},
        "spec": spec,
        "status": {"user": {}},
    }
    return encode(review) + b"\n"


def read_webhook_review(
    body: bytes, version: Version, audiences: tuple[str, ...]
) -> UserInfo | None:
    """Return the user exactly as the webhook's answer names it; None for an unknown token.

    ``audiences`` are the proxy's, as sent in the review: if the answer names audiences,
    one of these must be among them; if it names none, it applies to all of them. Raises
    AuthenticationError if the webhook reports an error, and if the body is not a review
    of this version.
    """
    try:
        review = decode_as(body, _TokenReview)
    except JSONError:
        raise AuthenticationError("the token webhook's answer is not a TokenReview") from None
    # A body without kind or apiVersion is assumed to be the review requested.
    expected = f"{_GROUP}/{version}"
    if (review.kind or _KIND) != _KIND or (review.api_version or expected) != expected:
        raise AuthenticationError(f"the token webhook's answer is not a TokenReview of {version}")
    status = review.status or _TokenReviewStatus()
    if audiences and status.audiences and set(audiences).isdisjoint(status.audiences):
        return None
    if not status.authenticated:
        if status.error:
            # Its text may hold the token.
            raise AuthenticationError("the token webhook refused the token with an error")
        return None
    return (status.user or _UserInfo()).value()


def _has_null(status: _TokenReviewStatus) -> bool:
    return (
        status.authenticated is None
        or status.error is None
        or None in (status.audiences or ())
        or (status.user is not None and status.user.has_null())
    )


def _named(user: _UserInfo | None) -> UserInfo | None:
    return user.value() if user is not None and user.username else None


def _texts(values: tuple[str | None, ...] | None) -> tuple[str, ...]:
    return tuple(value or "" for value in values or ())
