"""Authorizers of our own."""

from collections.abc import Sequence

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import (
    AT_ONCE,
    Decision,
    PrivilegedGroupAuthorizer,
    first_refusal,
)


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


class Many:
    """Allows all but some names, several at a time, and notes what it was asked together."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.asked: list[list[str]] = []

    async def authorize(self, attributes: Attributes) -> Decision:
        """One decision."""
        return (await self.authorize_all([attributes]))[0]

    async def authorize_all(self, questions: Sequence[Attributes]) -> list[Decision]:
        """Several."""
        self.asked.append([attributes.name for attributes in questions])
        return [Decision(attributes.name not in self.denied) for attributes in questions]


def questions(count: int, group: str = "dev") -> list[Attributes]:
    """Questions about 0, 1, 2, ..."""
    user = UserInfo(username="a", groups=(group,))
    return [
        Attributes(user=user, verb="impersonate", is_resource_request=True, path="", name=str(name))
        for name in range(count)
    ]


async def test_several_at_a_time() -> None:
    """Questions go in handfuls; the first refusal of their order counts and ends it."""
    many = Many("9", "11")
    refused = await first_refusal(PrivilegedGroupAuthorizer(many), questions(30))
    assert refused is not None
    assert refused[0].name == "9"
    assert [len(asked) for asked in many.asked] == [AT_ONCE, AT_ONCE]
    assert await first_refusal(Many(), questions(9)) is None
    assert await first_refusal(Many(), []) is None
    masters = Many()
    privileged = PrivilegedGroupAuthorizer(masters)
    assert await first_refusal(privileged, questions(9, "system:masters")) is None
    assert masters.asked == []


async def test_one_after_the_other() -> None:
    """Who can be asked one question only is asked no more than is needed."""
    denies = Denies()
    refused = await first_refusal(denies, questions(5))
    assert refused is not None
    assert refused[1].reason == "no"
    assert denies.asked == 1
    again = Denies()
    assert await first_refusal(PrivilegedGroupAuthorizer(again), questions(5)) is not None
