"""Authorizers: may this user do this?

An authorizer that cannot tell has no opinion; one that could not be asked has
no opinion and an error (apiserver authorization/authorizer/interfaces.go).
"""

from typing import Protocol

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


class PrivilegedGroupAuthorizer:
    """Lets system:masters do everything without asking; asks ``inner`` for everybody else."""

    def __init__(self, inner: Authorizer) -> None:
        self._inner = inner

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allowed for members of system:masters, else what ``inner`` decides."""
        if attributes.user is not None and MASTERS in attributes.user.groups:
            return ALLOW
        return await self._inner.authorize(attributes)
