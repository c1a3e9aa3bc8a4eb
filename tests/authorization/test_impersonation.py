"""Impersonation from the client's headers to the effective user: impersonation_test.go and more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Decision
from auditproxy.authorization.impersonation import (
    DeferredImpersonator,
    ImpersonationBadRequest,
    Impersonator,
    parse,
)
from auditproxy.authorization.impersonation_modes import ImpersonationForbidden
from auditproxy.request.headers import ClientHeaders

REQUEST = Attributes(
    user=None,
    verb="get",
    is_resource_request=True,
    path="",
    namespace="bar",
    api_version="v1",
    resource="pods",
    name="foo",
)
BOB = UserInfo(username="bob", groups=("dev",))


def headers(*lines: tuple[str, str]) -> ClientHeaders:
    """Headers as a client sends them."""
    return ClientHeaders(tuple((name.encode(), value.encode()) for name, value in lines))


def user(name: str, *rest: tuple[str, str]) -> ClientHeaders:
    """Headers that ask for a user and more; short names stand for the families."""
    return headers(
        ("Impersonate-User", name), *((f"Impersonate-{part}", value) for part, value in rest)
    )


class Rights:
    """Allows what one of its rules names: verb, resource, name; ``*`` allows any."""

    def __init__(self, *rules: tuple[str, str, str]) -> None:
        self.rules = list(rules)
        self.asked: list[str] = []

    async def authorize(self, attributes: Attributes) -> Decision:
        self.asked.append(attributes.verb)
        resource = attributes.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        question = (attributes.verb, resource, attributes.name)
        for rule in self.rules:
            if all(want in ("*", have) for want, have in zip(rule, question, strict=True)):
                return Decision(True)
        return Decision(False, reason="deny by default")


ALL = ("*", "*", "*")
USERS = ("impersonate", "users", "*")
GROUPS = ("impersonate", "groups", "*")


class TestParse:
    """What the headers ask for."""

    @pytest.mark.parametrize(
        ("lines", "wanted"),
        [
            ((), None),
            ((("Impersonate-User", ""),), None),
            ((("Impersonate-User", "a"),), UserInfo(username="a")),
            (
                (("iMPERSONATE-uSER", "a"), ("IMPERSONATE-GROUP", "g"), ("impersonate-uid", "u")),
                UserInfo(username="a", uid="u", groups=("g",)),
            ),
            (
                (("Impersonate-User", "first"), ("Impersonate-User", "second")),
                UserInfo(username="first"),
            ),
            (
                (
                    ("Impersonate-User", "a"),
                    ("Impersonate-Group", "x,y"),
                    ("Impersonate-Group", ""),
                    ("Impersonate-Group", "x,y"),
                ),
                UserInfo(username="a", groups=("x,y", "", "x,y")),
            ),
            (
                (
                    ("Impersonate-User", "a"),
                    ("Impersonate-Extra-Scopes", "1"),
                    ("Impersonate-Extra-scopes", "2,3"),
                    ("Impersonate-Extra-", "4"),
                ),
                UserInfo(username="a", extra={"scopes": ("1", "2,3"), "": ("4",)}),
            ),
            (
                (
                    ("Impersonate-User", "a"),
                    ("Impersonate-Extra-example.com%2fescaped%e1%9b%84scopes", "1"),
                ),
                UserInfo(username="a", extra={"example.com/escapedᛄscopes": ("1",)}),
            ),
            (
                (
                    ("Impersonate-User", "a"),
                    ("Impersonate-Extra-almost%zzpercent%xxencoded", "1"),
                    ("Impersonate-Extra-cut%2", "2"),
                    ("Impersonate-Extra-twice%252F", "3"),
                ),
                UserInfo(
                    username="a",
                    extra={
                        "almost%zzpercent%xxencoded": ("1",),
                        "cut%2": ("2",),
                        "twice%2f": ("3",),
                    },
                ),
            ),
        ],
    )
    def test_wanted(self, lines: tuple[tuple[str, str], ...], wanted: UserInfo | None) -> None:
        """T005: names in any case; first user, every group and extra value, unsplit."""
        assert parse(headers(*lines)) == wanted

    @pytest.mark.parametrize(
        ("lines", "text"),
        [
            (
                (("Impersonate-Group", "a"),),
                'Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)',
            ),
            (
                (("Impersonate-Group", "a\tb"), ("Impersonate-Group", 'q"\\')),
                'Name:"", UID:"", Groups:[]string{"a\\tb", "q\\"\\\\"}, '
                "Extra:map[string][]string(nil)",
            ),
            (
                (("Impersonate-Uid", "u"),),
                'Name:"", UID:"u", Groups:[]string(nil), Extra:map[string][]string(nil)',
            ),
            (
                (
                    ("Impersonate-User", ""),
                    ("Impersonate-Extra-foo", "a"),
                    ("Impersonate-Extra-Bar", ""),
                ),
                'Name:"", UID:"", Groups:[]string(nil), '
                'Extra:map[string][]string{"bar":[]string{""}, "foo":[]string{"a"}}',
            ),
        ],
    )
    def test_without_a_user(self, lines: tuple[tuple[str, str], ...], text: str) -> None:
        """T002, T003: anything without a user is a 400, in the words of Go's %#v."""
        with pytest.raises(ImpersonationBadRequest) as caught:
            parse(headers(*lines))
        assert str(caught.value) == (
            f"requested &user.DefaultInfo{{{text}}} without impersonating a user name"
        )

    @given(st.lists(st.tuples(st.sampled_from(["User", "Uid", "Group", "Extra-k"]), st.text())))
    def test_any_values(self, lines: list[tuple[str, str]]) -> None:
        """Any values are a user, nobody, or a 400."""
        raw = tuple(
            (f"Impersonate-{name}".encode(), value.encode("utf-8", "replace"))
            for name, value in lines
        )
        try:
            wanted = parse(ClientHeaders(raw))
        except ImpersonationBadRequest:
            return
        assert wanted is None or wanted.username


class TestAuthorize:
    """Rows of impersonation_test.go."""

    @pytest.mark.parametrize(
        ("rules", "asked", "groups"),
        [
            ((), user("anyone"), None),
            ((USERS,), user("system:admin", ("Group", "some-group")), None),
            (
                (USERS, GROUPS),
                user("system:admin", ("Group", "some-group")),
                ("some-group", "system:authenticated"),
            ),
            (
                (USERS, ("impersonate", "userextras/other", "*")),
                user("a", ("Extra-scopes", "a"), ("Extra-scopes", "b")),
                None,
            ),
            (
                (USERS, ("impersonate", "userextras/scopes", "a")),
                user("a", ("Extra-scopes", "a"), ("Extra-scopes", "b")),
                None,
            ),
            (
                (USERS, ("impersonate", "userextras/scopes", "*")),
                user("a", ("Extra-scopes", "a"), ("Extra-scopes", "b")),
                ("system:authenticated",),
            ),
            (
                (ALL,),
                user("a", ("Extra-example.com%2fescaped%e1%9b%84scopes", "x")),
                ("system:authenticated",),
            ),
            ((ALL,), user("a", ("Extra-almost%zzpercent", "x")), ("system:authenticated",)),
            ((USERS,), user("system:serviceaccount:foo:default"), None),
            (
                (("impersonate", "serviceaccounts", "default"),),
                user("system:serviceaccount:foo:default"),
                ("system:serviceaccounts", "system:serviceaccounts:foo", "system:authenticated"),
            ),
            ((ALL,), user("system:anonymous"), ("system:unauthenticated",)),
            (
                (ALL,),
                user("unknown", ("Group", "system:unauthenticated")),
                ("system:unauthenticated",),
            ),
            (
                (ALL,),
                user("unknown", ("Group", "system:authenticated")),
                ("system:authenticated",),
            ),
            (
                (USERS, ("impersonate", "uids", "some-uid")),
                user("a", ("Uid", "some-uid")),
                ("system:authenticated",),
            ),
            ((USERS, ("impersonate", "uids", "some-uid")), user("a", ("Uid", "other")), None),
        ],
    )
    async def test_rights(
        self,
        rules: tuple[tuple[str, str, str], ...],
        asked: ClientHeaders,
        groups: tuple[str, ...] | None,
    ) -> None:
        """T001, T017: the user with exactly the groups that were checked, or a 403."""
        impersonator = Impersonator(Rights(*rules))
        if groups is None:
            with pytest.raises(ImpersonationForbidden):
                await impersonator.impersonate(asked, BOB, REQUEST)
            return
        impersonated = await impersonator.impersonate(asked, BOB, REQUEST)
        assert impersonated is not None
        assert impersonated.user.groups == groups
        wanted = parse(asked)
        assert wanted is not None
        assert impersonated.wanted == wanted
        assert impersonated.user.extra == wanted.extra
        assert impersonated.user.uid == wanted.uid

    async def test_nobody_asked_for(self) -> None:
        """Without Impersonate headers nothing is checked."""
        rights = Rights()
        assert await Impersonator(rights).impersonate(headers(), BOB, REQUEST) is None
        assert rights.asked == []

    @pytest.mark.parametrize(
        ("rules", "name", "constraint"),
        [
            ((ALL,), "anyone", "impersonate:user-info"),
            ((ALL,), "system:node:n1", "impersonate:arbitrary-node"),
            ((ALL,), "system:serviceaccount:a:b", "impersonate:serviceaccount"),
            ((USERS,), "anyone", ""),
        ],
    )
    async def test_constraint(
        self, rules: tuple[tuple[str, str, str], ...], name: str, constraint: str
    ) -> None:
        """T018: the mode that allowed it is known, legacy has no constraint."""
        impersonated = await Impersonator(Rights(*rules)).impersonate(user(name), BOB, REQUEST)
        assert impersonated is not None
        assert impersonated.constraint == constraint

    async def test_requestor_is_who_is_asked_about(self) -> None:
        """The authorizer decides about the client, whatever user the attributes carried."""

        class Users:
            """Notes about whom it was asked."""

            def __init__(self) -> None:
                self.users: list[UserInfo | None] = []

            async def authorize(self, attributes: Attributes) -> Decision:
                self.users.append(attributes.user)
                return Decision(True)

        authorizer = Users()
        await Impersonator(authorizer).impersonate(user("a", ("Group", "g")), BOB, REQUEST)
        assert authorizer.users == [BOB] * 3


class TestErrors:
    """Which refusal the client sees."""

    async def message(self, impersonator: Impersonator, asked: ClientHeaders) -> str:
        """The text of the 403."""
        with pytest.raises(ImpersonationForbidden) as caught:
            await impersonator.impersonate(asked, BOB, REQUEST)
        return caught.value.status.message

    async def test_first_mode_speaks(self) -> None:
        """The first refusal in the order of the modes, not legacy's."""
        text = await self.message(Impersonator(Rights()), user("anyone"))
        assert text == (
            'pods "foo" is forbidden: User "bob" cannot impersonate-on:user-info:get resource '
            '"pods" in API group "" in the namespace "bar": deny by default'
        )

    async def test_legacy_speaks_alone(self) -> None:
        """A service account with a uid is for legacy only, so its words are shown."""
        text = await self.message(
            Impersonator(Rights()), user("system:serviceaccount:foo:bar", ("Uid", "u"))
        )
        assert text == (
            'serviceaccounts "bar" is forbidden: User "bob" cannot impersonate resource '
            '"serviceaccounts" in API group "" in the namespace "foo": deny by default'
        )

    async def test_non_resource_request(self) -> None:
        """Paths are refused in their own words."""
        request = Attributes(user=None, verb="get", is_resource_request=False, path="/healthz")
        with pytest.raises(ImpersonationForbidden) as caught:
            await Impersonator(Rights()).impersonate(user("anyone"), BOB, request)
        assert caught.value.status.message == (
            'forbidden: User "bob" cannot impersonate-on:user-info:get path "/healthz"'
            ": deny by default"
        )

    async def test_remembered_mode_speaks_first(self) -> None:
        """After legacy succeeded once, its refusal comes first."""
        rights = Rights(("impersonate", "users", "anyone"))
        impersonator = Impersonator(rights)
        await impersonator.impersonate(user("anyone"), BOB, REQUEST)
        text = await self.message(impersonator, user("other"))
        assert text.startswith('users "other" is forbidden: User "bob" cannot impersonate resource')


class TestMemory:
    """The mode that last succeeded is tried first, per requestor."""

    async def test_outcome_depends_on_history(self) -> None:
        """A cluster admin becomes another node user after legacy succeeded once."""
        impersonator = Impersonator(Rights(ALL))
        node = user("system:node:n1")
        fresh = await impersonator.impersonate(node, BOB, REQUEST)
        assert fresh is not None
        assert fresh.user.groups == ("system:nodes", "system:authenticated")
        await impersonator.impersonate(user("a", ("Group", "system:masters")), BOB, REQUEST)
        later = await impersonator.impersonate(node, BOB, REQUEST)
        assert later is not None
        assert (later.user.groups, later.constraint) == (("system:authenticated",), "")
        other = await impersonator.impersonate(node, UserInfo(username="carol"), REQUEST)
        assert other is not None
        assert other.constraint == "impersonate:arbitrary-node"

    async def test_second_request_asks_once(self) -> None:
        """A requestor with legacy rights costs one question from the second request on."""
        rights = Rights(USERS)
        impersonator = Impersonator(rights)
        await impersonator.impersonate(user("anyone"), BOB, REQUEST)
        assert rights.asked == ["impersonate-on:user-info:get", "impersonate"]
        rights.asked.clear()
        await impersonator.impersonate(user("anyone"), BOB, REQUEST)
        assert rights.asked == ["impersonate"]

    async def test_refusals_are_not_remembered(self) -> None:
        """Only success moves a mode to the front."""
        rights = Rights()
        impersonator = Impersonator(rights)
        for _ in range(2):
            rights.asked.clear()
            with pytest.raises(ImpersonationForbidden):
                await impersonator.impersonate(user("anyone"), BOB, REQUEST)
            assert rights.asked == ["impersonate-on:user-info:get", "impersonate"]

    async def test_bounded(self) -> None:
        """Of too many requestors the one not seen for longest is forgotten."""
        rights = Rights(USERS)
        impersonator = Impersonator(rights, memory=2)
        requestors = [UserInfo(username=name) for name in ("a", "b", "a", "c")]
        for requestor in requestors:
            await impersonator.impersonate(user("x"), requestor, REQUEST)
        rights.asked.clear()
        await impersonator.impersonate(user("x"), UserInfo(username="a"), REQUEST)
        assert rights.asked == ["impersonate"]
        await impersonator.impersonate(user("x"), UserInfo(username="b"), REQUEST)
        assert len(rights.asked) == 3


class TestDeferred:
    """Passthrough: the upstream decides about what the client asked for."""

    async def test_effective_user(self) -> None:
        """The event shows the groups that the upstream will add; the headers do not."""
        impersonator = DeferredImpersonator()
        impersonated = await impersonator.impersonate(
            user("system:serviceaccount:a:b"), BOB, REQUEST
        )
        assert impersonated is not None
        assert impersonated.user.groups == (
            "system:serviceaccounts",
            "system:serviceaccounts:a",
            "system:authenticated",
        )
        assert impersonated.wanted == UserInfo(username="system:serviceaccount:a:b")
        assert impersonated.constraint == ""
        assert await impersonator.impersonate(headers(), BOB, REQUEST) is None
        with pytest.raises(ImpersonationBadRequest):
            await impersonator.impersonate(headers(("Impersonate-Uid", "u")), BOB, REQUEST)


async def test_too_many() -> None:
    """T326: one request does not make thousands of questions; as many as are taken are asked."""
    asked = 0

    class Counting:
        async def authorize(self, attributes: Attributes) -> Decision:
            nonlocal asked
            asked += 1
            return Decision(attributes.name != "*")

    lines = [("Group", f"g{number}") for number in range(511)]
    wanted = await Impersonator(Counting()).impersonate(
        user("a", *lines, ("Extra-example.com%2fx", "1")), BOB, REQUEST
    )
    assert wanted is not None
    assert asked == 515
    with pytest.raises(ImpersonationBadRequest, match="more than 512"):
        await Impersonator(Counting()).impersonate(
            user("a", *lines, ("Extra-x", "1"), ("Extra-x", "2")), BOB, REQUEST
        )
    assert asked == 515
    # Who decides elsewhere bounds it elsewhere.
    await DeferredImpersonator().impersonate(user("a", *lines, *lines), BOB, REQUEST)
