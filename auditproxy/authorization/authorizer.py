"""Authorizers: decide whether a user may perform a request.

An authorizer that cannot decide returns no opinion; one that fails returns no
opinion and an error (apiserver authorization/authorizer/interfaces.go).
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import MASTERS


class Decision(msgspec.Struct, frozen=True):
    """An authorizer's answer; neither allowed nor denied means no opinion.

    ``reason`` is shown to clients and in events. ``error`` says why the authorizer
    could not decide, "" if it could; it contains no credential.
    """

    allowed: bool
    denied: bool = False
    reason: str = ""
    error: str = ""


ALLOW = Decision(allowed=True)


class Authorizer(Protocol):
    """Decides about attributes."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Return the decision; a failure is a Decision with an error, never an exception."""
        ...


@runtime_checkable
class ParallelAuthorizer(Protocol):
    """An authorizer that can decide several questions concurrently."""

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """Return the decisions, in the order of the questions."""
        ...


AT_ONCE = 8
"""Questions of one request that are sent concurrently."""


async def first_refusal(
    authorizer: Authorizer, questions: Sequence[Attributes]
) -> tuple[Attributes, Decision] | None:
    """Return the first question that is not allowed, with its decision; None if all are.

    A ParallelAuthorizer gets up to AT_ONCE questions at a time, others one at a time.
    No further questions are sent after a refusal.
    """
    at_once = AT_ONCE if isinstance(authorizer, ParallelAuthorizer) else 1
    for start in range(0, len(questions), at_once):
        asked = questions[start : start + at_once]
        if len(asked) > 1 and isinstance(authorizer, ParallelAuthorizer):
            decisions = await authorizer.authorize_all(asked)
        else:
            decisions = [await authorizer.authorize(attributes) for attributes in asked]
        for attributes, decision in zip(asked, decisions, strict=True):
            if not decision.allowed:
                return attributes, decision
    return None


class PrivilegedGroupAuthorizer:
    """Allows system:masters everything without a review; delegates all others to ``inner``."""

    def __init__(self, inner: Authorizer) -> None:
        self._inner = inner

    async def authorize(self, attributes: Attributes) -> Decision:
        """Return allowed for members of system:masters, otherwise the decision of ``inner``."""
        if attributes.user is not None and MASTERS in attributes.user.groups:
            return ALLOW
        return await self._inner.authorize(attributes)

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """Decide each question; all questions of one request are about the same user."""
        users = [attributes.user for attributes in questions]
        if all(user is not None and MASTERS in user.groups for user in users):
            return [ALLOW] * len(questions)
        if isinstance(self._inner, ParallelAuthorizer):
            return await self._inner.authorize_all(questions)
        return [await self.authorize(attributes) for attributes in questions]
