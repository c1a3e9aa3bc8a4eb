"""Which rule decides, and what does not match in those before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import GroupResources, Level, Selectors, Stage
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.explaining import explain, mismatch, stages_of
from auditproxy.audit.policy.matching import Matcher
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from tests.fakes.policies import policy_of, resources

BOB = UserInfo(username="bob", groups=("dev", "system:authenticated"))


def info(target: str, method: str = "GET") -> RequestInfo:
    """What a request means."""
    return resolve(method, parse_target(method, target.encode()))


EXEC = "/api/v1/namespaces/shop/pods/web/exec?command=sh"


@pytest.mark.parametrize(
    ("rule", "target", "selector", "reason"),
    [
        ("users: [al, eve]", EXEC, "users", 'the user is "bob", not one of "al", "eve"'),
        ("userGroups: [ops]", EXEC, "userGroups",
         'the user is only in "dev", "system:authenticated", not in "ops"'),
        ("verbs: [create]", EXEC, "verbs", 'the verb is "get", not "create"'),
        ("namespaces: [x]", EXEC, "namespaces", 'the namespace is "shop", not "x"'),
        ("namespaces: [x]", "/api/v1/pods", "namespaces", 'the request has no namespace, not "x"'),
        ("namespaces: [x]", "/version", "namespaces",
         'the request is for the path "/version", not for a resource'),
        (resources("pods"), EXEC, "resources",
         'the resource is "pods/exec", not "pods", and pods alone does not match its subresources'),
        (resources("a", "b"), EXEC, "resources", 'the resource is "pods/exec", not one of "a", "b"'),
        (resources("pods/exec", group="apps"), EXEC, "resources", 'the group is "", not "apps"'),
        ("resources: [{resources: [pods/*], resourceNames: [a]}]", EXEC, "resources",
         'the name is "web", not "a"'),
        ("resources: [{resources: [pods], resourceNames: [a]}]", "/api/v1/pods", "resources",
         'the request has no name, not "a"'),
        (resources("pods"), "/version", "resources",
         'the request is for the path "/version", not for a resource'),
        ("nonResourceURLs: ['/x*']", EXEC, "nonResourceURLs", "the request is for a resource"),
        ("nonResourceURLs: ['/x*']", "/version", "nonResourceURLs",
         'the path is "/version", not "/x*"'),
        (resources(*"abcdefgh"), EXEC, "resources",
         'the resource is "pods/exec", not one of "a", "b", "c", "d", "e", "f" and 2 more'),
    ],
)  # fmt: skip
def test_mismatches(rule: str, target: str, selector: str, reason: str) -> None:
    """The first selector that does not match, in words."""
    found = explain(policy_of(rule, "level: Request"), BOB, info(target))
    first, last = found.steps
    assert (first.selector, first.reason, first.matches) == (selector, reason, False)
    assert (last.rule, last.matches, found.rule, found.level) == (1, True, 1, Level.REQUEST)


def test_no_user() -> None:
    """Failed authentication: rules with users do not match, and there is one event."""
    found = explain(policy_of("users: [a]", "userGroups: [b]", ""), None, info(EXEC))
    assert [step.reason for step in found.steps] == [
        'the request has no user, not "a"',
        'the user is in no group, not in "b"',
        "",
    ]
    assert found.stages == (Stage.RESPONSE_STARTED,)


def test_no_rule() -> None:
    """Nothing is recorded."""
    found = explain(policy_of("users: [a]", head="omitManagedFields: true\n"), BOB, info(EXEC))
    assert (found.rule, found.level, found.stages) == (None, Level.NONE, ())
    assert found.omit_managed_fields
    assert len(found.steps) == 1


@pytest.mark.parametrize(
    ("target", "rule", "stages"),
    [
        (EXEC, "", "RequestReceived ResponseStarted ResponseComplete"),
        ("/api/v1/pods?watch=1", "omitStages: [RequestReceived]",
         "ResponseStarted ResponseComplete"),
        ("/api/v1/pods", "omitStages: [ResponseStarted]", "RequestReceived ResponseComplete"),
        ("/api/v1/pods", "level: None", ""),
    ],
)  # fmt: skip
def test_stages(target: str, rule: str, stages: str) -> None:
    """Those that such a request has, without those that are omitted."""
    assert " ".join(explain(policy_of(rule), BOB, info(target)).stages) == stages
    assert Stage.PANIC not in stages_of(BOB, info(target))


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of a few texts."""
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


RULES = st.builds(
    Selectors,
    users=some("bob", "eve"),
    user_groups=some("dev", "ops"),
    verbs=some("get", "create"),
    namespaces=some("n", ""),
    resources=st.lists(
        st.builds(
            GroupResources,
            group=st.sampled_from(["", "x", "*"]),
            resources=some("a", "a/s", "a/*", "*/s", "*", "b"),
            resource_names=some("m", ""),
        ),
        max_size=2,
    ).map(tuple),
    non_resource_urls=some("/a", "/a*", "*", "/b**"),
)
REQUESTS = st.builds(
    Attributes,
    user=st.sampled_from([None, BOB, UserInfo(username="eve")]),
    verb=st.sampled_from(["get", "create", "list"]),
    is_resource_request=st.booleans(),
    path=st.sampled_from(["/a", "/ab", "/c", "", "/b"]),
    namespace=st.sampled_from(["n", "", "o"]),
    api_group=st.sampled_from(["", "x", "y"]),
    resource=st.sampled_from(["a", "b", "c"]),
    subresource=st.sampled_from(["", "s", "t"]),
    name=st.sampled_from(["m", "", "k"]),
)


@given(RULES, REQUESTS)
def test_as_the_matcher(rule: Selectors, request: Attributes) -> None:
    """A selector is named exactly where the proxy's matcher does not match."""
    matches = bool(Matcher([(rule, True)], False).first(request))
    assert (mismatch(rule, request) is None) is matches
