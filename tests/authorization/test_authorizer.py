"""Authorizers of our own."""

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Decision, PrivilegedGroupAuthorizer


class Denies:
    """Denies everything and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def authorize(self, attributes: Attributes) -> Decision:
        self.asked += 1
        return Decision(allowed=False, denied=True, reason="no")


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        (UserInfo(username="a", groups=("system:masters",)), True),
        (UserInfo(username="a", groups=("dev", "system:masters")), True),
        (UserInfo(username="system:masters"), False),
        (UserInfo(username="a", groups=("system:masters ", "System:masters")), False),
        (None, False),
    ],
)
async def test_system_masters(user: UserInfo | None, allowed: bool) -> None:
    """Members of system:masters are allowed with no reason and without asking anybody."""
    inner = Denies()
    attributes = Attributes(user=user, verb="get", is_resource_request=False, path="/")
    decision = await PrivilegedGroupAuthorizer(inner).authorize(attributes)
    assert decision.allowed is allowed
    assert inner.asked == (0 if allowed else 1)
    assert decision.reason == ("" if allowed else "no")
