"""Reviews: asking kube-apiserver who a token stands for and what a user may do.

    CachingReviewer(TokenReviewer | SelfSubjectReviewer | FallbackReviewer)    authentication
    SubjectAccessReviewAuthorizer                                              authorization

Answers are remembered for ten seconds, as delegated authentication and
authorization in kube do; failures to get one are not. Many who ask the same at
once share one question, which goes on when the one who asked first leaves.

With --upstream-identity=impersonate a TokenReview is asked with our own
credential, and where that is forbidden a SelfSubjectReview with the client's
token. With passthrough only the latter: it needs no rights of ours at all.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.tokenreview import (
    SELF_SUBJECT_REVIEWS,
    TOKEN_REVIEWS,
    Reviewer,
    cache_key,
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
from auditproxy.server.apiclient import ApiClient, ReviewError

__all__ = [
    "CachingReviewer",
    "FallbackReviewer",
    "ReviewError",
    "ReviewForbiddenError",
    "SelfSubjectReviewer",
    "SubjectAccessReviewAuthorizer",
    "TokenReviewer",
]

TIME_TO_LIVE = 10.0
"""Seconds for which an answer is remembered."""

TOKENS = 4096
"""Tokens whose answers are remembered."""

DECISIONS = 8192
"""Questions of authorization whose answers are remembered, as kube's webhook authorizer."""

FALLBACK_PERIOD = 300.0
"""Seconds after which a TokenReview is tried again where it was forbidden."""

Clock = Callable[[], float]
Value = TypeVar("Value")


class ReviewForbiddenError(ReviewError):
    """We may not ask this: a matter of our rights, not of the token."""


class ExpiringCache(Generic[Value]):
    """A bounded memory of values, each until its own time; the least used goes first."""

    def __init__(self, size: int, clock: Clock = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> tuple[Value] | None:
        """The value in a tuple of one (it may be None itself), or None when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry[0]:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return (entry[1],)

    def put(self, key: bytes, value: Value, time_to_live: float) -> None:
        """Remember a value for so many seconds; not at all for zero."""
        if time_to_live <= 0:
            return
        self._entries[key] = (self._clock() + time_to_live, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Flights(Generic[Value]):
    """One task per key: who comes while it is under way waits for the same answer."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, key: bytes, start: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The result of the flight for ``key``; a caller who is cancelled does not end it."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(start())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: bytes, task: "asyncio.Task[Value]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Everybody who waited may have left.
            task.exception()

    async def close(self) -> None:
        """End every flight."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TokenReviewer:
    """Asks a TokenReview with our own credential."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def review(self, token: str) -> UserInfo | None:
        """The token's user, None when it is not good; raises ReviewError."""
        code, body = await self._client.post_json(TOKEN_REVIEWS, token_review(token))
        if code == 403:
            raise ReviewForbiddenError("our credential may not create tokenreviews")
        if code not in (200, 201):
            raise ReviewError(f"TokenReview was answered with {code}")
        return read_token_review(body)


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
    when somebody may have granted it.
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
            except ReviewForbiddenError:
                self._forbidden_until = self._clock() + self._period
            else:
                self._forbidden_until = None
                return user
        return await self._second.review(token)


class CachingReviewer:
    """Remembers what a reviewer said, good or bad, and asks once for all who want to know.

    ``key`` is random and keys the digests under which answers are kept;
    ``authenticator`` tells the answers of one reviewer from another's.
    """

    def __init__(
        self,
        inner: Reviewer,
        *,
        authenticator: str,
        key: bytes,
        success_time_to_live: float = TIME_TO_LIVE,
        failure_time_to_live: float = TIME_TO_LIVE,
        size: int = TOKENS,
        clock: Clock = time.monotonic,
    ) -> None:
        self._inner = inner
        self._authenticator = authenticator
        self._key = key
        self._success_time_to_live = success_time_to_live
        self._failure_time_to_live = failure_time_to_live
        self._cache: ExpiringCache[UserInfo | None] = ExpiringCache(size, clock)
        self._flights: Flights[UserInfo | None] = Flights()

    async def review(self, token: str) -> UserInfo | None:
        """The remembered answer, or a new one."""
        key = cache_key(self._key, self._authenticator, token)
        cached = self._cache.get(key)
        if cached is not None:
            return cached[0]
        return await self._flights.run(key, lambda: self._ask(key, token))

    async def _ask(self, key: bytes, token: str) -> UserInfo | None:
        user = await self._inner.review(token)
        time_to_live = self._failure_time_to_live if user is None else self._success_time_to_live
        self._cache.put(key, user, time_to_live)
        return user

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()


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
