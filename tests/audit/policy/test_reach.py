"""Reach: what is proved about rules is what trying every request shows."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy import reach as reaching
from auditproxy.audit.policy.matching import Matcher
from auditproxy.audit.policy.reach import Reach, UndecidedError

AUTHENTICATED = "system:authenticated"


def of(*texts: str, group: str = "", names: tuple[str, ...] = ()) -> Selectors:
    """Selectors of resources."""
    return Selectors(
        resources=(GroupResources(group=group, resources=texts, resource_names=names),)
    )


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([Selectors()], of("pods")),
        ([of("*")], of("pods/exec")),
        ([of("pods/*")], of("pods")),
        ([of("pods/*")], of("pods/exec")),
        ([of("*/exec")], of("pods/exec")),
        ([of("pods", group="*")], of("pods", group="apps")),
        ([Selectors(resources=(GroupResources(),))], of("pods", "pods/log")),
        ([of("pods")], of("pods", names=("a",))),
        ([Selectors(verbs=("get",)), of("pods")], Selectors(verbs=("get",), resources=of("pods").resources)),
        ([of("a"), of("b")], of("a", "b")),
        ([Selectors(users=("a",)), Selectors(users=("b",))], Selectors(users=("a", "b"))),
        ([Selectors(user_groups=(AUTHENTICATED,))], Selectors(users=("bob",))),
        (
            [Selectors(user_groups=(AUTHENTICATED, "system:unauthenticated"))],
            Selectors(user_groups=("dev",)),
        ),
        ([Selectors(non_resource_urls=("/health*",))], Selectors(non_resource_urls=("/healthz*",))),
        ([Selectors(non_resource_urls=("*",))], Selectors(non_resource_urls=("/a", "/b*"))),
        ([], Selectors(non_resource_urls=("/api/v1/pods",))),
        ([], Selectors(non_resource_urls=("/apis/apps/v1/deployments*",))),
        ([], Selectors(verbs=("exec",), resources=of("pods").resources)),
        ([], of("a/b/c")),
        # A path that kube-apiserver answers with 500 before it asks the policy.
        ([], Selectors(non_resource_urls=("/api/v1/watch",))),
    ],
)  # fmt: skip
def test_not_reached(earlier: list[Selectors], later: Selectors) -> None:
    """Alone or together, what is before takes everything; or nothing is as the rule says."""
    reach = Reach([*earlier, later])
    assert not reach.decides(len(earlier))
    assert reach.decides(len(earlier), before=0) is bool(earlier)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([of("pods")], of("pods/exec")),
        ([of("pods", names=("a",))], of("pods")),
        ([of("*")], of("pods", group="apps")),
        ([Selectors(users=("a",))], Selectors(users=("a", "b"))),
        ([Selectors(user_groups=("dev",))], Selectors(users=("bob",))),
        # Failed authentication: no user, and no group.
        ([Selectors(user_groups=(AUTHENTICATED, "system:unauthenticated"))], Selectors()),
        ([Selectors(user_groups=(AUTHENTICATED,))], Selectors(users=("system:anonymous",))),
        # A user whom a front proxy puts into this group is in no other one of the system's.
        (
            [Selectors(user_groups=(AUTHENTICATED,))],
            Selectors(user_groups=("system:unauthenticated",)),
        ),
        ([Selectors(non_resource_urls=("*",))], Selectors()),
        ([of("*", group="*")], Selectors()),
        ([Selectors(namespaces=("a",))], Selectors(namespaces=("",))),
        ([Selectors(non_resource_urls=("/a*",))], Selectors(non_resource_urls=("/*",))),
        ([Selectors(non_resource_urls=("/api/v1",))], Selectors(non_resource_urls=("/api/v1*",))),
        ([Selectors(non_resource_urls=("/api/v1/",))], Selectors(non_resource_urls=("/api/v1/*",))),
        # OPTIONS has no verb.
        ([Selectors(verbs=reaching._VERBS)], of("pods")),
    ],
)  # fmt: skip
def test_reached(earlier: list[Selectors], later: Selectors) -> None:
    """There is a request left for it."""
    assert Reach([*earlier, later]).decides(len(earlier))


def test_taken_by() -> None:
    """One rule where one is enough, else those that are needed."""
    rules = [of("x"), of("a"), of("b"), of("*", group="*"), of("a", "b")]
    assert Reach(rules).taken_by(4) == (3,)
    del rules[3]
    assert Reach(rules).taken_by(3) == (1, 2)


def test_probes() -> None:
    """A question about a part of a rule."""
    rules = [of("a"), of("a", "b")]
    reach = Reach(rules, [of("a"), of("b"), Selectors(verbs=("get",))])
    assert [reach.decides(1, probe) for probe in range(3)] == [False, True, True]


def test_bounds() -> None:
    """What takes too much work is not judged; a question that was answered stays so."""
    with pytest.raises(UndecidedError):
        Reach([of("a"), of("b")], work=0)
    reach = Reach([Selectors(), Selectors()], work=50)
    assert not reach.decides(1)
    with pytest.raises(UndecidedError):
        [reach.decides(1) for _ in range(50)]


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of a few texts."""
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


RESOURCE_RULES = st.builds(
    Selectors,
    users=some("u", "v"),
    user_groups=some("g", AUTHENTICATED),
    verbs=some("get", "create"),
    namespaces=some("n", ""),
    resources=st.lists(
        st.builds(
            GroupResources,
            group=st.sampled_from(["", "x", "*"]),
            resources=some("a", "a/s", "a/*", "*/s", "*", "b"),
            resource_names=some("m"),
        ),
        max_size=2,
    ).map(tuple),
)
URL_RULES = st.builds(
    Selectors,
    users=some("u", "v"),
    verbs=some("get", "post"),
    non_resource_urls=some("/a", "/a*", "/ab*", "/*", "*", "/ab/c"),
)
EVERY_RESOURCE = [
    Attributes(
        user=user,
        verb=verb,
        is_resource_request=True,
        path="/",
        namespace=namespace,
        api_group=group,
        resource=resource,
        subresource=subresource,
        name=name,
    )
    for user in (
        None,
        UserInfo(username="system:anonymous", groups=("system:unauthenticated",)),
        *(
            UserInfo(username=name, groups=(*groups, AUTHENTICATED))
            for name in ("u", "v", "w")
            for groups in ((), ("g",))
        ),
    )
    for verb, namespace, group, resource, subresource, name in product(
        ("get", "create", "list"), ("n", "", "o"), ("", "x", "y"), ("a", "b", "c"),
        ("", "s", "t"), ("m", "k"),
    )
]  # fmt: skip
EVERY_PATH = [
    Attributes(user=user, verb=verb, is_resource_request=False, path=path)
    for user in (None, *(UserInfo(username=name, groups=(AUTHENTICATED,)) for name in "uvw"))
    for verb in ("get", "post", "put")
    for path in ("/", "/a", "/aa", "/ab", "/abb", "/ab/c", "/ab/cc", "/b", "")
]


def tried(rules: list[Selectors], requests: list[Attributes]) -> list[bool]:
    """Which rules decide one of the requests."""
    matcher = Matcher([(rule, index) for index, rule in enumerate(rules)], None)
    deciding = {matcher.first(request) for request in requests}
    return [index in deciding for index in range(len(rules))]


@settings(deadline=None, max_examples=100)
@given(st.lists(RESOURCE_RULES, min_size=1, max_size=4))
def test_as_every_request_shows(rules: list[Selectors]) -> None:
    """Requests for resources: of each coordinate every value that rules can tell from others."""
    # The first takes what is not for resources away.
    rules = [Selectors(non_resource_urls=("*",)), *rules]
    reach = Reach(rules)
    assert [reach.decides(index) for index in range(1, len(rules))] == tried(rules, EVERY_RESOURCE)[
        1:
    ]


@settings(deadline=None, max_examples=200)
@given(st.lists(URL_RULES.filter(lambda rule: rule.non_resource_urls), min_size=1, max_size=5))
def test_as_every_path_shows(rules: list[Selectors]) -> None:
    """Other requests, likewise."""
    reach = Reach(rules)
    assert [reach.decides(index) for index in range(len(rules))] == tried(rules, EVERY_PATH)


@settings(deadline=None)
@given(st.lists(st.one_of(RESOURCE_RULES, URL_RULES), min_size=2, max_size=6))
def test_removing_what_is_never_reached_changes_nothing(rules: list[Selectors]) -> None:
    """And those that take it are before it, and are enough."""
    reach = Reach(rules)
    requests = [*EVERY_RESOURCE[::7], *EVERY_PATH]
    matcher = Matcher([(rule, index) for index, rule in enumerate(rules)], None)
    for index in range(len(rules)):
        if reach.decides(index):
            continue
        taken = reach.taken_by(index)
        assert all(one < index for one in taken)
        fewer = Matcher([(rules[one], one) for one in (*taken, index)], None)
        for request in requests:
            assert matcher.first(request) != index
            assert fewer.first(request) != index
