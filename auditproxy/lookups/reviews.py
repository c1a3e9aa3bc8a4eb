"""Reviews: asking kube-apiserver who a token stands for and what a user may do.

    TokenReviewer | SelfSubjectReviewer | FallbackReviewer    authentication
    SubjectAccessReviewAuthorizer                             authorization

Decisions are remembered for ten seconds, as delegated authorization in kube does;
failures to get one are not. Many who ask the same at once share one question, which
goes on when the one who asked first leaves. What is known of a token is remembered
in tokencache.py.

With --upstream-identity=impersonate a TokenReview is asked with our own
credential, and where that is forbidden a SelfSubjectReview with the client's
token. With passthrough only the latter: it needs no rights of ours at all.
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
"""Seconds for which a decision is remembered."""

DECISIONS = 8192
"""Questions of authorization whose answers are remembered, as kube's webhook authorizer."""

FALLBACK_PERIOD = 300.0
"""Seconds after which a TokenReview is tried again where it was forbidden."""


class ReviewForbiddenError(ReviewError):
    """We may not ask this: a matter of our rights, not of the token."""


class ReviewUnauthorizedError(ReviewError):
    """Our own credential was refused, so nothing was said of the token."""


class TokenReviewer:
    """Asks a TokenReview with our own credential, for the upstream's audiences or given ones."""

    def __init__(self, client: ApiClient, audiences: tuple[str, ...] = ()) -> None:
        self._client = client
        self._audiences = audiences

    async def review(self, token: str) -> UserInfo | None:
        """The token's user, None when it is not good; raises ReviewError."""
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
    """Asks a SelfSubjectReview with the token itself, on connections without a certificate."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def review(self, token: str) -> UserInfo | None:
        """The token's user, None when the upstream does not know it; raises ReviewError."""
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
    """Asks the first reviewer, and the second while the first is forbidden to us.

    That it is forbidden is remembered and tried again after ``period`` seconds,
    when somebody may have granted it. A refused credential of ours is not remembered:
    it may be renewed at any moment, and says nothing of the client's token.
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
        """Whether the second is asked now."""
        return self._forbidden_until is not None and self._clock() < self._forbidden_until

    async def review(self, token: str) -> UserInfo | None:
        """The answer of whichever may be asked."""
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
    """Asks SubjectAccessReviews with our own credential; never raises, a failure is a Decision."""

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
        """The remembered decision, or a new one."""
        key = spec(attributes)
        cached = self._cache.get(key)
        if cached is not None:
            return cached[0]
        remember = cacheable(attributes)
        return await self._flights.run(key, lambda: self._ask(key, remember))

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """The decisions on several questions, asked at the same time."""
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
        """End what is under way."""
        await self._flights.close()
