"""The matcher: the first match and every match are the same reading of the rules."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.matching import Matcher

ALICE = UserInfo(username="alice", groups=("dev",))


def request(resource: str = "pods", subresource: str = "", verb: str = "get") -> Attributes:
    """A request of alice for something in the namespace n."""
    return Attributes(
        user=ALICE,
        verb=verb,
        is_resource_request=True,
        path="/",
        namespace="n",
        resource=resource,
        subresource=subresource,
        name="m",
    )


def of(*resources: str, **members: tuple[str, ...]) -> Selectors:
    """Selectors of resources in the core group."""
    return Selectors(resources=(GroupResources(resources=resources),), **members)


def test_first_and_every_in_the_order_of_the_rules() -> None:
    """A wildcard between two rules for one resource keeps its place."""
    matcher = Matcher(
        [
            (of("pods/exec"), 1),
            (of("*"), 2),
            (of("pods"), 3),
            (Selectors(users=("bob",)), 4),
            (of("*/exec", verbs=("create",)), 5),
            (of("pods/*"), 6),
        ],
        0,
    )
    assert matcher.first(request()) == 2
    assert matcher.every(request()) == (2, 3, 6)
    assert matcher.every(request("pods", "exec", "create")) == (1, 2, 5, 6)
    assert matcher.every(request("services")) == (2,)
    assert Matcher([(of("*"), 1), (of("pods"), 2)], 0).every(request()) == (1, 2)


def test_the_default_where_no_rule_matches() -> None:
    """Its absence from every() is what tells it from a match."""
    matcher = Matcher([(Selectors(namespaces=("other",)), "rule")], None)
    assert matcher.first(request()) is None
    assert matcher.every(request()) == ()


def test_urls() -> None:
    """Rules with URLs mean the other requests, a rule without any restriction means both."""
    matcher = Matcher(
        [(Selectors(non_resource_urls=("/version", "/healthz*")), 1), (Selectors(), 2)], None
    )
    path = Attributes(user=None, verb="get", is_resource_request=False, path="/healthz/ping")
    assert matcher.every(path) == (1, 2)
    assert matcher.every(request()) == (2,)


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of a few texts."""
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


SELECTORS = st.builds(
    Selectors,
    users=some("alice", "bob"),
    verbs=some("get", "create"),
    namespaces=some("n", "o"),
    resources=st.lists(
        st.builds(
            GroupResources,
            resources=some("a", "a/x", "*/x", "a/*", "*", "a/b/x", "b"),
            resource_names=some("m", "k"),
        ),
        max_size=2,
    ).map(tuple),
    non_resource_urls=some("/", "/x"),
)


@given(
    st.lists(SELECTORS, max_size=5),
    st.sampled_from(["a", "b", "a/b", ""]),
    st.sampled_from(["", "x"]),
    st.sampled_from(["get", "create", "list"]),
)
def test_together_as_each_alone(
    rules: list[Selectors], resource: str, subresource: str, verb: str
) -> None:
    """Sorting rules by verb and resource changes nothing about what each of them matches."""
    asked = request(resource, subresource, verb)
    alone = tuple(
        index
        for index, selectors in enumerate(rules)
        if Matcher([(selectors, True)], False).first(asked)
    )
    matcher = Matcher([(selectors, index) for index, selectors in enumerate(rules)], None)
    assert matcher.every(asked) == alone
    assert matcher.first(asked) == (alone[0] if alone else None)
