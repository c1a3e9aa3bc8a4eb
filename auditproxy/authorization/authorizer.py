"""Authorizers: may this user do this?

An authorizer that cannot tell has no opinion; one that could not be asked has
no opinion and an error (apiserver authorization/authorizer/interfaces.go).
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import MASTERS


class Decision(msgspec.Struct, frozen=True):
    """An authorizer's answer; neither allowed nor denied is no opinion.

    ``reason`` is shown to clients and in events. ``error`` says why the
    authorizer could not tell, "" when it could; it holds no credential.
    """

    allowed: bool
    denied: bool = False
    reason: str = ""
    error: str = ""


ALLOW = Decision(allowed=True)


class Authorizer(Protocol):
    """Something that decides about attributes."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """The decision; a failure is a Decision with an error, never an exception."""
        ...


@runtime_checkable
class ParallelAuthorizer(Protocol):
    """An authorizer that can be asked several things at a time."""

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """The decisions, in the order of the questions."""
        ...


AT_ONCE = 8
"""Questions of one request that are under way at the same time."""


async def first_refusal(
    authorizer: Authorizer, questions: Sequence[Attributes]
) -> tuple[Attributes, Decision] | None:
    """The first of the questions that is not allowed, with its decision; None when all are.

    An authorizer that can is asked a few at a time, any other one after the
    other; no more is asked behind a refusal.
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
    """Lets system:masters do everything without asking; asks ``inner`` for everybody else."""

    def __init__(self, inner: Authorizer) -> None:
        self._inner = inner

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allowed for members of system:masters, else what ``inner`` decides."""
        if attributes.user is not None and MASTERS in attributes.user.groups:
            return ALLOW
        return await self._inner.authorize(attributes)

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """The same for each; all questions of one request are about one user."""
        users = [attributes.user for attributes in questions]
        if all(user is not None and MASTERS in user.groups for user in users):
            return [ALLOW] * len(questions)
        if isinstance(self._inner, ParallelAuthorizer):
            return await self._inner.authorize_all(questions)
        return [await self.authorize(attributes) for attributes in questions]
