"""Reviews by kube-apiserver: the user of a token, and what a user may do.

    TokenReviewer | SelfSubjectReviewer | FallbackReviewer    authentication
    SubjectAccessReviewAuthorizer                             authorization

Decisions are cached for ten seconds, like delegated authorization in kube; failures are
not cached. Concurrent equal reviews share one request, which continues if the first caller
is cancelled. Token lookups are cached in tokencache.py.

With --upstream-identity=impersonate a TokenReview is sent with our own credential. If that
is forbidden, a SelfSubjectReview is sent with the client's token. With passthrough only the
latter is used: it requires no permissions of the proxy.
"""

import asyncio
import time
from collections.abc import Sequence

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.tokens.tokenreview import (
    SELF_SUBJECT_REVIEWS,
    TOKEN_REVIEWS,
    Reviewer,
    read_self_subject_review,
    read_token_review,
    self_subject_review,
    token_review,
)
from auditproxy.authorization.authorizer import Decision
from auditproxy.authorization.subjectaccessreview import (
    SUBJECT_ACCESS_REVIEWS,
    cacheable,
    read_review,
    review,
    spec,
)
from auditproxy.clients.apiserver import ApiClient, ReviewError
from auditproxy.clients.cache import Clock, ExpiringCache, Flights

TIME_TO_LIVE = 10.0
"""Seconds for which a decision is cached."""

DECISIONS = 8192
"""Number of cached authorization decisions, as in kube's webhook authorizer."""

FALLBACK_PERIOD = 300.0
"""Seconds after which a forbidden TokenReview is tried again."""


class ReviewForbiddenError(ReviewError):
    """The proxy lacks permission for this review; says nothing about the token."""


class ReviewUnauthorizedError(ReviewError):
    """Our own credential was refused; says nothing about the token."""


class TokenReviewer:
    """Sends TokenReviews with our own credential, for the upstream's or the given audiences."""

    def __init__(self, client: ApiClient, audiences: tuple[str, ...] = ()) -> None:
        self._client = client
        self._audiences = audiences

    async def review(self, token: str) -> UserInfo | None:
        """Return the token's user, None if the token is not valid; raises ReviewError."""
        question = token_review(token, self._audiences)
        code, body = await self._client.post_json(TOKEN_REVIEWS, question)
        if code == 401:
            raise ReviewUnauthorizedError("our credential was refused")
        if code == 403:
            raise ReviewForbiddenError("our credential may not create tokenreviews")
        if code not in (200, 201):
            raise ReviewError(f"TokenReview was answered with {code}")
        return read_token_review(body, self._audiences)


class SelfSubjectReviewer:
    """Sends SelfSubjectReviews with the token itself, on connections without a certificate."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def review(self, token: str) -> UserInfo | None:
        """Return the token's user, None if the upstream does not know it; raises ReviewError."""
        authorization = b"Bearer " + token.encode("utf-8")
        code, body = await self._client.post_json(
            SELF_SUBJECT_REVIEWS, self_subject_review(), ((b"Authorization", authorization),)
        )
        if code == 401:
            return None
        if code not in (200, 201):
            raise ReviewError(f"SelfSubjectReview was answered with {code}")
        return read_self_subject_review(body)


class FallbackReviewer:
    """Uses the first reviewer, and the second one while the first is forbidden.

    A forbidden review is remembered and retried after ``period`` seconds, in case the
    permission was granted. A refused credential of ours is not remembered: it may be
    renewed at any moment and says nothing about the client's token.
    """

    def __init__(
        self,
        first: Reviewer,
        second: Reviewer,
        *,
        clock: Clock = time.monotonic,
        period: float = FALLBACK_PERIOD,
    ) -> None:
        self._first = first
        self._second = second
        self._clock = clock
        self._period = period
        self._forbidden_until: float | None = None

    @property
    def fallen_back(self) -> bool:
        """Whether the second reviewer is used at present."""
        return self._forbidden_until is not None and self._clock() < self._forbidden_until

    async def review(self, token: str) -> UserInfo | None:
        """Return the answer of the reviewer that is permitted."""
        if not self.fallen_back:
            try:
                user = await self._first.review(token)
            except ReviewUnauthorizedError:
                pass
            except ReviewForbiddenError:
                self._forbidden_until = self._clock() + self._period
            else:
                self._forbidden_until = None
                return user
        return await self._second.review(token)


class SubjectAccessReviewAuthorizer:
    """Sends SubjectAccessReviews with our credential; a failure is a Decision, not an error."""

    def __init__(
        self,
        client: ApiClient,
        *,
        allow_time_to_live: float = TIME_TO_LIVE,
        deny_time_to_live: float = TIME_TO_LIVE,
        size: int = DECISIONS,
        clock: Clock = time.monotonic,
    ) -> None:
        self._client = client
        self._allow_time_to_live = allow_time_to_live
        self._deny_time_to_live = deny_time_to_live
        self._cache: ExpiringCache[Decision] = ExpiringCache(size, clock)
        self._flights: Flights[Decision] = Flights()

    async def authorize(self, attributes: Attributes) -> Decision:
        """Return the cached decision, or a new one."""
        key = spec(attributes)
        cached = self._cache.get(key)
        if cached is not None:
            return cached[0]
        remember = cacheable(attributes)
        return await self._flights.run(key, lambda: self._ask(key, remember))

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """Return the decisions on several questions, reviewed concurrently."""
        return await asyncio.gather(*map(self.authorize, questions))

    async def _ask(self, encoded_spec: bytes, remember: bool) -> Decision:
        try:
            code, body = await self._client.post_json(SUBJECT_ACCESS_REVIEWS, review(encoded_spec))
        except ReviewError as error:
            return Decision(allowed=False, error=str(error))
        if code not in (200, 201):
            return Decision(allowed=False, error=f"SubjectAccessReview was answered with {code}")
        decision = read_review(body)
        if remember and not decision.error:
            time_to_live = self._allow_time_to_live if decision.allowed else self._deny_time_to_live
            self._cache.put(encoded_spec, decision, time_to_live)
        return decision

    async def close(self) -> None:
        """Cancel reviews in progress."""
        await self._flights.close()
