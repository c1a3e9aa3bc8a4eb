"""TokenReview and SelfSubjectReview: request bodies, and what the responses mean.

kube-apiserver offers two reviews of a bearer token:

    TokenReview        with our own credential; needs the right to create tokenreviews
    SelfSubjectReview  with the token itself; open to every authenticated user

Sending, waiting and caching are in lookups/reviews.py. This module has the values
(kubernetes api authentication/v1) and the decision.
"""

import re
from typing import Protocol

import msgspec

from auditproxy.apis.user import ANONYMOUS, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
SELF_SUBJECT_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

_API_VERSION = "authentication.k8s.io/v1"

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
    """UserInfo as received; any member may be null."""

    username: str | None = None
    uid: str | None = None
    groups: tuple[str, ...] | None = None
    extra: dict[str, tuple[str, ...] | None] | None = None


class _TokenReviewStatus(msgspec.Struct):
    authenticated: bool = False
    user: _UserInfo | None = None
    audiences: tuple[str, ...] | None = None
    error: str = ""


class _TokenReview(msgspec.Struct):
    status: _TokenReviewStatus


class _SelfSubjectReviewStatus(msgspec.Struct, rename="camel"):
    user_info: _UserInfo | None = None


class _SelfSubjectReview(msgspec.Struct):
    status: _SelfSubjectReviewStatus


def token_review(token: str, audiences: tuple[str, ...] = ()) -> bytes:
    """Return the body of a TokenReview; it contains the token, so it is never logged.

    ``audiences`` () means the upstream's own.
    """
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = audiences
    return msgspec.json.encode({"apiVersion": _API_VERSION, "kind": "TokenReview", "spec": spec})


def self_subject_review() -> bytes:
    """Return the body of a SelfSubjectReview, which returns the sender's own user."""
    return msgspec.json.encode({"apiVersion": _API_VERSION, "kind": "SelfSubjectReview"})


def read_token_review(body: bytes, audiences: tuple[str, ...] = ()) -> UserInfo | None:
    """Return the user of an answered TokenReview; None if the token is not authenticated.

    An error in the status, a user without a name, or a token for none of the
    requested ``audiences`` also means that it is not authenticated.
    Raises AuthenticationError when the body is not a valid TokenReview.
    """
    try:
        status = decode_as(body, _TokenReview).status
    except JSONError:
        raise AuthenticationError("the answer is not a TokenReview") from None
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
    user = _named(status.user_info)
    if user is None or user.username == ANONYMOUS or UNAUTHENTICATED in user.groups:
        return None
    return user


def _named(user: _UserInfo | None) -> UserInfo | None:
    if user is None or not user.username:
        return None
    return UserInfo(
        username=user.username,
        uid=user.uid or "",
        groups=user.groups or (),
        extra={key: values or () for key, values in (user.extra or {}).items()},
    )
