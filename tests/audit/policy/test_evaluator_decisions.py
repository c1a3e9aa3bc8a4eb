"""Remembered decisions: as if the rules had been read again, and one for all that is alike to them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import GroupResources, Level, Policy, PolicyRule, RequestAuditConfig
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.evaluator import LONGEST_KIND, MOST_GROUPS, PolicyRuleEvaluator
from auditproxy.request.attributes import attributes

ALICE = UserInfo(username="alice", groups=("dev",))


def info(**members: Any) -> RequestInfo:
    """A request for a pod."""
    values: dict[str, Any] = {
        "is_resource_request": True,
        "path": "/",
        "verb": "get",
        "resource": "pods",
    }
    return RequestInfo(**(values | members))


def path(text: str) -> RequestInfo:
    """A request for something that is not a resource."""
    return RequestInfo(is_resource_request=False, path=text, verb="get")


class Counted:
    """The decisions of a policy, and how often its rules were read for them."""

    def __init__(self, *rules: PolicyRule) -> None:
        self.read = 0
        self._evaluator = PolicyRuleEvaluator(Policy(rules=rules))
        self._inner: Callable[[Attributes], RequestAuditConfig] = self._evaluator.evaluate
        self._evaluator.evaluate = self._evaluate

    def _evaluate(self, asked: Attributes) -> RequestAuditConfig:
        self.read += 1
        return self._inner(asked)

    def levels(self, *asked: RequestInfo, user: UserInfo | None = ALICE) -> list[Level]:
        """The level of each request."""
        return [self._evaluator.decide(user, each).level for each in asked]

    def size(self) -> int:
        """How many decisions are remembered."""
        return len(self._evaluator._decisions)


def test_names_that_no_rule_mentions() -> None:
    """A thousand names share one decision; one that a rule mentions has its own."""
    named = GroupResources(resources=("pods",), resource_names=("special",))
    counted = Counted(
        PolicyRule(level=Level.REQUEST, resources=(named,)), PolicyRule(level=Level.METADATA)
    )
    names = [info(name=f"pod-{number}", namespace=f"n-{number}") for number in range(1000)]
    assert set(counted.levels(*names)) == {Level.METADATA}
    assert counted.read == 1
    assert counted.levels(info(name="special"), *names[:2], info(name="special")) == [
        Level.REQUEST,
        Level.METADATA,
        Level.METADATA,
        Level.REQUEST,
    ]
    assert counted.read == 2


def test_the_empty_namespace_is_mentioned() -> None:
    """Requests without a namespace are not like those in one that no rule mentions."""
    counted = Counted(PolicyRule(level=Level.METADATA, namespaces=("",)))
    asked = (info(namespace="other"), info(), info(namespace="other"), info())
    assert counted.levels(*asked) == [Level.NONE, Level.METADATA, Level.NONE, Level.METADATA]


def test_users_and_groups() -> None:
    """Who asks counts where a rule mentions users or groups, and only there."""
    by_user = Counted(PolicyRule(level=Level.METADATA, users=("alice",)))
    by_group = Counted(PolicyRule(level=Level.METADATA, user_groups=("dev",)))
    by_none = Counted(PolicyRule(level=Level.METADATA))
    bob, carol = UserInfo(username="bob", groups=("dev",)), UserInfo(username="carol")
    for counted, wanted in (
        (by_user, [Level.METADATA, Level.NONE, Level.NONE, Level.NONE]),
        (by_group, [Level.METADATA, Level.METADATA, Level.NONE, Level.NONE]),
        (by_none, [Level.METADATA] * 4),
    ):
        for _ in range(2):
            levels = [counted.levels(info(), user=user)[0] for user in (ALICE, bob, carol, None)]
            assert levels == wanted
    assert (by_user.read, by_group.read, by_none.read) == (2, 2, 1)


def test_rule_of() -> None:
    """Two rules that say the same are told apart, remembered or not."""
    rules = (
        PolicyRule(level=Level.METADATA, users=("alice",)),
        PolicyRule(level=Level.METADATA, verbs=("get",)),
    )
    evaluator = PolicyRuleEvaluator(Policy(rules=rules))
    bob = UserInfo(username="bob")
    asked = ((ALICE, info()), (bob, info()), (bob, info(verb="list")))
    for _ in range(2):
        found = [evaluator.rule_of(evaluator.decide(user, each)) for user, each in asked]
        assert found == [0, 1, None]


def test_paths() -> None:
    """Paths share a decision where no rule mentions one."""
    asked = [path(f"/healthz/{number}") for number in range(100)]
    every = Counted(PolicyRule(level=Level.METADATA, non_resource_urls=("*",)))
    assert set(every.levels(*asked)) == {Level.METADATA}
    assert every.read == 1
    some = Counted(PolicyRule(level=Level.METADATA, non_resource_urls=("/healthz/7", "/x*")))
    assert some.levels(*asked, *asked).count(Level.METADATA) == 2
    assert some.read == 100


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many kinds of requests are forgotten; long ones and users of many groups are not kept."""
    monkeypatch.setattr("auditproxy.audit.policy.evaluator.MAXIMUM_DECISIONS", 8)
    counted = Counted(
        PolicyRule(level=Level.METADATA, user_groups=("dev",), non_resource_urls=("/x",))
    )
    for number in range(50):
        counted.levels(info(resource=f"r-{number}"), path(f"/{number}"))
        assert counted.size() <= 8
    size = counted.size()
    crowd = UserInfo(username="alice", groups=tuple(map(str, range(MOST_GROUPS + 1))))
    for _ in range(2):
        counted.levels(info(resource="r" * (LONGEST_KIND + 1)), path("/" + "p" * LONGEST_KIND))
        counted.levels(info(resource="other"), user=crowd)
    assert counted.size() == size
    assert counted.read == 106


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of a few texts."""
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


RULES = st.builds(
    PolicyRule,
    level=st.sampled_from(Level),
    users=some("alice", "", "get"),
    user_groups=some("dev", "", "n"),
    verbs=some("get", "create", ""),
    namespaces=some("n", "", "alice"),
    resources=st.lists(
        st.builds(
            GroupResources,
            group=st.sampled_from(["", "apps", "*"]),
            resources=some("a", "a/x", "*/x", "a/*", "*", "b"),
            resource_names=some("m", ""),
        ),
        max_size=2,
    ).map(tuple),
    non_resource_urls=some("/", "/x*", "*"),
)
WORDS = st.sampled_from(["", "a", "b", "x", "m", "n", "get", "create", "alice", "apps", "/", "/xy"])
ASKED = st.tuples(
    st.none() | st.builds(UserInfo, username=WORDS, groups=st.lists(WORDS, max_size=2).map(tuple)),
    st.builds(
        RequestInfo,
        is_resource_request=st.booleans(),
        path=WORDS,
        verb=WORDS,
        api_group=WORDS,
        namespace=WORDS,
        resource=WORDS,
        subresource=WORDS,
        name=WORDS,
    ),
)


@given(st.lists(RULES, max_size=4).map(tuple), st.lists(ASKED, max_size=12))
def test_as_if_read_again(
    rules: tuple[PolicyRule, ...], asked: list[tuple[UserInfo | None, RequestInfo]]
) -> None:
    """Whatever was decided before, a request gets what the rules say about it."""
    evaluator = PolicyRuleEvaluator(Policy(rules=rules))
    for user, each in (*asked, *asked):
        assert evaluator.decide(user, each) == evaluator.evaluate(
            attributes(user, each, selectors=False)
        )
