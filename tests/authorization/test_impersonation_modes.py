"""The questions each mode asks, in their order, and what it makes of the groups."""

import pytest

from auditproxy.apis.attributes import Attributes, SelectorRequirement
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Decision
from auditproxy.authorization.impersonation_modes import (
    MODES,
    ImpersonationForbidden,
    ModeName,
    default_groups,
    effective_groups,
)

AUTHENTICATION = "authentication.k8s.io"

Question = tuple[str, str, str, str, str, str]
"""Verb, group, namespace, resource, subresource and name."""


class Recorder:
    """Allows everything but some verbs on some resources and names, and notes what it was asked."""

    def __init__(self, *denied: tuple[str, str]) -> None:
        self.denied = denied
        self.asked: list[Attributes] = []

    async def authorize(self, attributes: Attributes) -> Decision:
        self.asked.append(attributes)
        if (attributes.resource, attributes.name) in self.denied:
            return Decision(False, reason="deny by default")
        return Decision(True)

    @property
    def questions(self) -> list[Question]:
        """What was asked."""
        return [
            (a.verb, a.api_group, a.namespace, a.resource, a.subresource, a.name)
            for a in self.asked
        ]


REQUEST = Attributes(
    user=None,
    verb="get",
    is_resource_request=True,
    path="/api/v1/namespaces/bar/pods/foo",
    namespace="bar",
    api_version="v1",
    resource="pods",
    name="foo",
    field_selector=(SelectorRequirement("a", "In", ("b",)),),
)
REQUESTOR = UserInfo(username="tester", groups=("dev",), extra={"k": ("v",)})
AGENT = UserInfo(
    username="system:serviceaccount:default:default",
    extra={"z": ("1",), "authentication.kubernetes.io/node-name": ("node1",)},
)


async def check(
    mode: ModeName,
    wanted: UserInfo,
    *denied: tuple[str, str],
    requestor: UserInfo = REQUESTOR,
) -> tuple[Recorder, UserInfo | ImpersonationForbidden]:
    """Run one mode's checks."""
    recorder = Recorder(*denied)
    try:
        return recorder, await MODES[mode].check(recorder, REQUEST, requestor, wanted)
    except ImpersonationForbidden as refusal:
        return recorder, refusal


def on(mode: str) -> Question:
    """The question about the request itself."""
    return (f"impersonate-on:{mode}:get", "", "bar", "pods", "", "foo")


def ask(mode: str, resource: str, name: str, namespace: str = "", sub: str = "") -> Question:
    """A constrained question about one value."""
    return (f"impersonate:{mode}", AUTHENTICATION, namespace, resource, sub, name)


def legacy(resource: str, name: str, namespace: str = "", sub: str = "") -> Question:
    """A legacy question about one value."""
    group = AUTHENTICATION if resource in ("uids", "userextras") else ""
    return ("impersonate", group, namespace, resource, sub, name)


@pytest.mark.parametrize(
    ("mode", "wanted", "questions", "groups"),
    [
        (
            "user-info",
            UserInfo(username="anyone"),
            [on("user-info"), ask("user-info", "users", "anyone")],
            ("system:authenticated",),
        ),
        (
            "user-info",
            UserInfo(username="a", uid="u", groups=("g1", "g2"), extra={"x.io/k": ("1", "2")}),
            [
                on("user-info"),
                ask("user-info", "users", "a"),
                ask("user-info", "uids", "u"),
                ask("user-info", "groups", "g1"),
                ask("user-info", "groups", "g2"),
                ask("user-info", "userextras", "1", sub="x.io/k"),
                ask("user-info", "userextras", "2", sub="x.io/k"),
            ],
            ("g1", "g2", "system:authenticated"),
        ),
        (
            "user-info",
            UserInfo(username="a", groups=("1", "2", "3", "4")),
            [
                on("user-info"),
                ask("user-info", "users", "a"),
                ask("user-info", "groups", "*"),
            ],
            ("1", "2", "3", "4", "system:authenticated"),
        ),
        (
            "user-info",
            UserInfo(username="a", extra={"x.io/k": ("1", "2"), "x.io/l": ("3", "4")}),
            [
                on("user-info"),
                ask("user-info", "users", "a"),
                ask("user-info", "userextras", "*", sub="*"),
            ],
            ("system:authenticated",),
        ),
        (
            "serviceaccount",
            UserInfo(username="system:serviceaccount:foo:bar"),
            [on("serviceaccount"), ask("serviceaccount", "serviceaccounts", "bar", "foo")],
            ("system:serviceaccounts", "system:serviceaccounts:foo", "system:authenticated"),
        ),
        (
            "arbitrary-node",
            UserInfo(username="system:node:node1"),
            [on("arbitrary-node"), ask("arbitrary-node", "nodes", "node1")],
            ("system:nodes", "system:authenticated"),
        ),
        (
            "associated-node",
            UserInfo(username="system:node:node1"),
            [on("associated-node"), ask("associated-node", "nodes", "*")],
            ("system:nodes", "system:authenticated"),
        ),
        (
            "legacy",
            UserInfo(
                username="a", uid="u", groups=("g", "", "system:masters"), extra={"K": ("1", "")}
            ),
            [
                legacy("users", "a"),
                legacy("uids", "u"),
                legacy("groups", "g"),
                legacy("groups", ""),
                legacy("groups", "system:masters"),
                legacy("userextras", "1", sub="K"),
                legacy("userextras", "", sub="K"),
            ],
            ("g", "", "system:masters", "system:authenticated"),
        ),
        (
            "legacy",
            UserInfo(username="a", groups=("1", "2", "3", "4")),
            [legacy("users", "a"), *(legacy("groups", str(number)) for number in range(1, 5))],
            ("1", "2", "3", "4", "system:authenticated"),
        ),
        (
            "legacy",
            UserInfo(username="system:serviceaccount:foo:bar"),
            [legacy("serviceaccounts", "bar", "foo")],
            ("system:serviceaccounts", "system:serviceaccounts:foo", "system:authenticated"),
        ),
        (
            "legacy",
            UserInfo(username="system:serviceaccount:foo:bar", groups=("g",)),
            [legacy("serviceaccounts", "bar", "foo"), legacy("groups", "g")],
            ("g", "system:authenticated"),
        ),
        (
            "legacy",
            UserInfo(username="system:node:node1"),
            [legacy("users", "system:node:node1")],
            ("system:authenticated",),
        ),
    ],
)
async def test_questions(
    mode: ModeName, wanted: UserInfo, questions: list[Question], groups: tuple[str, ...]
) -> None:
    """Every question in kube-apiserver's order, and the effective groups when all are allowed."""
    requestor = AGENT if mode == "associated-node" else REQUESTOR
    recorder, user = await check(mode, wanted, requestor=requestor)
    assert recorder.questions == questions
    assert isinstance(user, UserInfo)
    assert user.groups == groups
    assert (user.username, user.uid, user.extra) == (wanted.username, wanted.uid, wanted.extra)
    first = recorder.asked[0]
    if mode != "legacy":
        assert (first.field_selector, first.path) == (REQUEST.field_selector, REQUEST.path)


async def test_associated_node_asks_without_values() -> None:
    """The authorizer sees the keys of the requestor's extra and not its node."""
    recorder, _ = await check(
        "associated-node", UserInfo(username="system:node:node1"), requestor=AGENT
    )
    for asked in recorder.asked:
        assert asked.user == UserInfo(
            username=AGENT.username,
            extra={
                "authentication.kubernetes.io/associated-node-keys": (
                    "authentication.kubernetes.io/node-name",
                    "z",
                )
            },
        )


@pytest.mark.parametrize(
    ("wanted", "denied", "message"),
    [
        (
            UserInfo(username="anyone"),
            ("users", "anyone"),
            'users.authentication.k8s.io "anyone" is forbidden: User "tester" cannot '
            'impersonate:user-info resource "users" in API group "authentication.k8s.io" at the '
            "cluster scope: deny by default",
        ),
        (
            UserInfo(username="anyone"),
            ("pods", "foo"),
            'pods "foo" is forbidden: User "tester" cannot impersonate-on:user-info:get resource '
            '"pods" in API group "" in the namespace "bar": deny by default',
        ),
        (
            UserInfo(username="a", extra={"pandas.io/scopes": ("scope-a",)}),
            ("userextras", "scope-a"),
            'userextras.authentication.k8s.io "scope-a" is forbidden: User "tester" cannot '
            'impersonate:user-info resource "userextras/pandas.io/scopes" in API group '
            '"authentication.k8s.io" at the cluster scope: deny by default',
        ),
        (
            UserInfo(username="a", groups=("dev", "")),
            ("", ""),
            'groups.authentication.k8s.io is forbidden: User "tester" cannot '
            'impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the '
            "cluster scope: impersonating the empty string group is not allowed",
        ),
        (
            UserInfo(username="a", groups=("1", "2", "3", "system:masters")),
            ("", ""),
            'groups.authentication.k8s.io "system:masters" is forbidden: User "tester" cannot '
            'impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the '
            "cluster scope: impersonating the system:masters group is not allowed",
        ),
        (
            UserInfo(username="a", extra={"scopes": ("1",)}),
            ("", ""),
            'userextras.authentication.k8s.io is forbidden: User "tester" cannot '
            'impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at '
            "the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: "
            'Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")',
        ),
    ],
)
async def test_refusals(wanted: UserInfo, denied: tuple[str, str], message: str) -> None:
    """The 403's text is that of the check that was refused."""
    _, refusal = await check("user-info", wanted, denied)
    assert isinstance(refusal, ImpersonationForbidden)
    assert refusal.status.message == message
    assert (refusal.status.code, refusal.status.reason) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("wanted", "wildcard", "each"),
    [
        (
            UserInfo(username="a", groups=("1", "2", "3", "4")),
            ("groups", "*"),
            [ask("user-info", "groups", str(number)) for number in range(1, 5)],
        ),
        (
            UserInfo(username="a", extra={"tags.io/env": ("1", "2", "3", "4")}),
            ("userextras", "*"),
            [
                ask("user-info", "userextras", str(number), sub="tags.io/env")
                for number in range(1, 5)
            ],
        ),
    ],
)
async def test_wildcard_denied(
    wanted: UserInfo, wildcard: tuple[str, str], each: list[Question]
) -> None:
    """Who may not impersonate all of many is asked for each of them."""
    recorder, user = await check("user-info", wanted, wildcard)
    assert isinstance(user, UserInfo)
    assert recorder.questions[3:] == each
    assert recorder.questions[2][-1] == "*"


async def test_first_denial_ends_it() -> None:
    """After a denial nothing more is asked."""
    recorder, refusal = await check("user-info", UserInfo(username="a", uid="u"), ("users", "a"))
    assert isinstance(refusal, ImpersonationForbidden)
    assert len(recorder.asked) == 2


async def test_an_authorizer_that_fails() -> None:
    """What cannot be decided is refused, with the error before the reason."""

    class Fails:
        """Cannot tell."""

        async def authorize(self, attributes: Attributes) -> Decision:
            return Decision(False, reason="why", error="upstream away")

    with pytest.raises(ImpersonationForbidden) as caught:
        await MODES["legacy"].check(Fails(), REQUEST, REQUESTOR, UserInfo(username="a"))
    assert caught.value.status.message.endswith("at the cluster scope: upstream away: why")


@pytest.mark.parametrize(
    ("wanted", "requestor", "modes"),
    [
        (UserInfo(username="anyone"), REQUESTOR, ["user-info", "legacy"]),
        (UserInfo(username="system:node:node1"), REQUESTOR, ["arbitrary-node", "legacy"]),
        (
            UserInfo(username="system:node:node1"),
            AGENT,
            ["associated-node", "arbitrary-node", "legacy"],
        ),
        (UserInfo(username="system:node:node2"), AGENT, ["arbitrary-node", "legacy"]),
        (UserInfo(username="system:node:node1", groups=("g",)), AGENT, ["legacy"]),
        (UserInfo(username="system:node:N1"), AGENT, ["user-info", "legacy"]),
        (
            UserInfo(username="system:serviceaccount:a:b"),
            REQUESTOR,
            ["serviceaccount", "legacy"],
        ),
        (UserInfo(username="system:serviceaccount:a:b", uid="u"), REQUESTOR, ["legacy"]),
        (UserInfo(username="system:serviceaccount:FOO:b"), REQUESTOR, ["user-info", "legacy"]),
        (
            UserInfo(username="system:node:node1"),
            UserInfo(
                username="user-impersonater",
                extra={"authentication.kubernetes.io/node-name": ("node1",)},
            ),
            ["arbitrary-node", "legacy"],
        ),
        (
            UserInfo(username="system:node:node1"),
            UserInfo(
                username=AGENT.username,
                extra={"authentication.kubernetes.io/node-name": ("node1", "node2")},
            ),
            ["arbitrary-node", "legacy"],
        ),
    ],
)
def test_which_modes_apply(wanted: UserInfo, requestor: UserInfo, modes: list[str]) -> None:
    """A mode is for its own kind of user only; legacy is for everybody."""
    assert [mode.name for mode in MODES.values() if mode.applies(wanted, requestor)] == modes


@pytest.mark.parametrize(
    ("username", "groups", "result"),
    [
        ("system:anonymous", (), ("system:unauthenticated",)),
        ("system:anonymous", ("system:unauthenticated",), ("system:unauthenticated",)),
        ("unknown", ("system:unauthenticated",), ("system:unauthenticated",)),
        ("unknown", ("system:authenticated",), ("system:authenticated",)),
        ("unknown", ("a",), ("a", "system:authenticated")),
    ],
)
def test_default_groups(username: str, groups: tuple[str, ...], result: tuple[str, ...]) -> None:
    """Every impersonated user is authenticated or not, and says so once."""
    assert default_groups(username, groups) == result


def test_effective_groups_of_nodes() -> None:
    """Only constrained modes give a node its group."""
    node = UserInfo(username="system:node:n1")
    assert effective_groups(node, constrained=True) == ("system:nodes",)
    assert effective_groups(node, constrained=False) == ()
