"""Identities, the union and the group adder."""

import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditproxy
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticatedGroupAdder,
    AuthenticationError,
    AuthenticationRequest,
    Identity,
    TokenUnion,
    TokenUser,
    Union,
    identify,
    reserved_name,
    with_authenticated_group,
)
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target

REQUEST = AuthenticationRequest(ClientHeaders(()), parse_target("GET", b"/"), None, 0)

Answer = str | None | AuthenticationError


class Says:
    """An authenticator with one answer, for requests and for tokens."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0

    async def authenticate_token(self, token: str) -> TokenUser | None:
        self.asked += 1
        if isinstance(self.answer, AuthenticationError):
            raise self.answer
        return TokenUser(UserInfo(username=self.answer), expires=7) if self.answer else None

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        known = await self.authenticate_token("")
        return identify(known.user, method="bearer") if known else None


class TestIdentity:
    """The object without which nothing is forwarded."""

    def test_only_identify_makes_it(self) -> None:
        """T001: no code can make an identity up, or change one."""
        with pytest.raises(TypeError):
            Identity(user=UserInfo(username="admin"), method="bearer")
        identity = identify(UserInfo(username="alice"), method="bearer")
        with pytest.raises(TypeError):
            replace(identity, user=UserInfo(username="admin"))
        with pytest.raises(FrozenInstanceError):
            identity.user = UserInfo(username="admin")  # type: ignore[misc]

    @pytest.mark.parametrize("name", ["alice ", "a\r\nb", "\ud800", ""])
    def test_unsafe_users(self, name: str) -> None:
        """T035, T036: a user that would arrive as somebody else is not authenticated."""
        with pytest.raises(AuthenticationError) as caught:
            identify(UserInfo(username=name), method="x509")
        assert "cannot be forwarded" in str(caught.value)

    def test_every_field_is_read(self) -> None:
        """HD5: what authenticators establish, the chain uses; a field that nobody reads goes."""
        read: set[str] = set()
        for path in Path(auditproxy.__file__).parent.rglob("*.py"):
            if path.name != "authenticator.py":
                read |= set(re.findall(r"\bidentity\.(\w+)", path.read_text(encoding="utf-8")))
        assert {field.name for field in fields(Identity)} <= read

    def test_no_token_in_repr(self) -> None:
        """T301: the token does not show in a repr, not even after changes."""
        identity = identify(UserInfo(username="a"), method="bearer", token="canary-token")
        again = identity.with_user(UserInfo(username="b"))
        assert again.token == "canary-token"
        assert "canary" not in repr(identity) + repr(again)
        with pytest.raises(AuthenticationError):
            identity.with_user(UserInfo(username="b "))


class TestUnion:
    """First identity wins, errors are gathered (union_test.go)."""

    @pytest.mark.parametrize(
        ("answers", "result", "asked"),
        [
            ((), None, ()),
            ((None, None), None, (1, 1)),
            (("alice", "bob"), "alice", (1, 0)),
            ((None, "bob"), "bob", (1, 1)),
            ((AuthenticationError("bad"), "bob"), "bob", (1, 1)),
            (("alice", AuthenticationError("bad")), "alice", (1, 0)),
        ],
    )
    async def test_answers(
        self, answers: tuple[Answer, ...], result: str | None, asked: tuple[int, ...]
    ) -> None:
        """An error stops nobody, an identity stops everybody."""
        for tokens in (False, True):
            says = tuple(Says(answer) for answer in answers)
            if tokens:
                known = await TokenUnion(says).authenticate_token("t")
                assert known is None or known.expires == 7
                user = known.user if known else None
            else:
                identity = await Union(says).authenticate(REQUEST)
                user = identity.user if identity else None
            assert (user.username if user else None) == result
            assert tuple(one.asked for one in says) == asked

    @pytest.mark.parametrize(
        ("errors", "text"),
        [(("a",), "a"), (("a", "b"), "[a, b]"), (("a", "b", "a"), "[a, b]"), (("a", "a"), "a")],
    )
    async def test_errors(self, errors: tuple[str, ...], text: str) -> None:
        """Nobody knows the client and somebody erred: the whole is an error."""
        says = (Says(None), *(Says(AuthenticationError(error)) for error in errors))
        with pytest.raises(AuthenticationError) as caught:
            await Union(says).authenticate(REQUEST)
        assert str(caught.value) == text
        with pytest.raises(AuthenticationError) as caught:
            await TokenUnion(says).authenticate_token("t")
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("username", "groups", "result"),
    [
        ("alice", (), ("system:authenticated",)),
        ("alice", ("dev", "dev"), ("dev", "dev", "system:authenticated")),
        ("alice", ("system:authenticated", "dev"), ("system:authenticated", "dev")),
        ("alice", ("system:unauthenticated",), ("system:unauthenticated",)),
        ("system:anonymous", (), ()),
    ],
)
async def test_group_adder(username: str, groups: tuple[str, ...], result: tuple[str, ...]) -> None:
    """T041: system:authenticated is added last, and never to somebody anonymous."""
    user = UserInfo(username=username, groups=groups)
    assert with_authenticated_group(user).groups == result
    assert user.groups == groups

    class Inner:
        """Knows the user of this row."""

        async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
            return identify(user, method="bearer", token="t")

    identity = await AuthenticatedGroupAdder(Inner()).authenticate(REQUEST)
    assert identity is not None
    assert identity.user.groups == result
    assert identity.token == "t"


@given(st.lists(st.text(max_size=5)))
def test_group_adder_adds_once(groups: list[str]) -> None:
    """Adding twice is adding once, and what was there stays in front."""
    user = UserInfo(username="a", groups=tuple(groups))
    once = with_authenticated_group(user)
    assert with_authenticated_group(once) is once
    assert once.groups[: len(groups)] == user.groups


@pytest.mark.parametrize(
    ("username", "groups", "refused"),
    [
        ("alice", ("dev", "system:authenticated"), False),
        ("alice", ("system:masters",), True),
        ("alice", ("system:bootstrappers",), False),
        ("system:node:n", (), True),
        ("system:serviceaccount:x:y", (), True),
    ],
)
def test_reserved_names(username: str, groups: tuple[str, ...], refused: bool) -> None:
    """T040: names of Kubernetes' own are refused, groups may be excepted, usernames never."""
    user = UserInfo(username=username, groups=groups)
    fault = reserved_name(user, frozenset({"system:bootstrappers", "system:node:n"}))
    assert (fault is not None) is refused
