"""Rights that are granted and not used: what is removed refuses nothing that was allowed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.rbac.manifests import ClusterManifests, Grant
from auditproxy.reading.rbac.rules import AskedRight, RbacRule
from auditproxy.reading.rbac.unused import (
    MOST_PARTS,
    PARTLY,
    UNKNOWN,
    UNUSED,
    USED,
    RightsUse,
    narrower,
    state_of,
)
from tests.reading.granted import account, binding, group, role, rule, user

VERBS = ("get", "list", "bind", "*")
GROUPS = ("", "apps", "*")
RESOURCES = ("pods", "pods/exec", "deployments/scale", "*", "*/scale")
NAMES = ("", "a", "b")
URLS = ("/a", "/a/b", "/a/*", "*")


def some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of these, each once."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=3, unique=True).map(tuple)


RULES = st.one_of(
    st.builds(
        RbacRule,
        verbs=some(VERBS),
        api_groups=some(GROUPS),
        resources=some(RESOURCES),
        resource_names=some(NAMES[1:], 0),
    ),
    st.builds(RbacRule, verbs=some(VERBS), non_resource_urls=some(URLS)),
)
GRANTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                user("alice"),
                user("bob"),
                group("ops"),
                group("system:authenticated"),
                account("web", "shop"),
                group("system:serviceaccounts:shop"),
            ]
        ),
        st.sampled_from(["", "shop", "other"]),
        st.lists(RULES, max_size=3),
    ),
    max_size=4,
)
ASKED = st.one_of(
    st.builds(
        AskedRight,
        st.sampled_from(("get", "list")),
        st.sampled_from(("", "apps")),
        st.sampled_from(("pods", "pods/exec", "deployments/scale")),
        st.sampled_from(("", "shop")),
        st.sampled_from(NAMES),
    ),
    st.builds(AskedRight, st.just("get"), path=st.sampled_from(("/a", "/a/b", "/a/c", "/x"))),
)
WEB = "system:serviceaccount:shop:web"
MEMBERS: dict[str, tuple[str, ...]] = {
    "alice": ("ops", "system:authenticated"),
    "bob": ("system:authenticated",),
    WEB: ("system:authenticated", "system:serviceaccounts", "system:serviceaccounts:shop"),
}


def holds(grant: Grant, who: str, asked: AskedRight) -> bool:
    """Whether a grant is asked about a request, by the words of Kubernetes' documents."""
    is_theirs = grant.subject in (MEMBERS[who] if grant.kind == "Group" else (who,))
    return is_theirs and grant.namespace in ("", asked.namespace)


@given(GRANTS, st.lists(st.tuples(st.sampled_from(sorted(MEMBERS)), ASKED), max_size=8))
def test_what_is_unused_is_not_needed(
    granted: list[tuple[dict[str, Any], str, list[RbacRule]]],
    requests: list[tuple[str, AskedRight]],
) -> None:
    """Without all unused rules, and with narrower ones, every request is allowed as before."""
    manifests = ClusterManifests()
    for number, (subject, namespace, rules) in enumerate(granted):
        written = [
            {
                "verbs": one.verbs,
                "apiGroups": one.api_groups,
                "resources": one.resources,
                "resourceNames": one.resource_names,
                "nonResourceURLs": one.non_resource_urls,
            }
            for one in rules
        ]
        plain = [{key: list(value) for key, value in one.items()} for one in written]
        manifests.take(role(f"r{number}", *plain))
        made = binding(f"b{number}", f"ClusterRole/r{number}", subject, namespace=namespace)
        manifests.take(made)
    grants = list(manifests.grants())
    assert len(grants) == len(granted)
    use = RightsUse(grants)
    for who, asked in requests:
        use.add(who, MEMBERS[who], asked, 1, "2026-11-23", "2026-11-23")
    kept: list[tuple[Grant, RbacRule]] = []
    for one in use.grants:
        for number, each in enumerate(one.grant.rules):
            counted = one.uses.get(number)
            state = state_of(each, counted, is_namespaced=bool(one.grant.namespace))
            allowed = [
                asked
                for who, asked in requests
                if holds(one.grant, who, asked) and each.allows(asked)
            ]
            # Used is what allows some request, and nothing else.
            assert (state in (USED, PARTLY)) == bool(allowed)
            if counted is None:
                continue
            assert counted.requests == len(allowed)
            left = narrower(each, counted)
            assert all(any(less.allows(asked) for less in left) for asked in allowed)
            kept += [(one.grant, less) for less in left]
            # Narrower is never wider, whatever is asked.
            for _, asked in requests:
                assert each.allows(asked) or not any(less.allows(asked) for less in left)
    for who, asked in requests:
        before = any(
            holds(grant, who, asked) and any(each.allows(asked) for each in grant.rules)
            for grant in grants
        )
        assert before == any(
            holds(grant, who, asked) and each.allows(asked) for grant, each in kept
        )
        is_without = any(
            each == who and other == asked and who in use.without for each, other in requests
        )
        assert before or is_without


def cluster(*items: dict[str, Any]) -> ClusterManifests:
    """What a List of these says."""
    manifests = ClusterManifests()
    manifests.take({"apiVersion": "v1", "kind": "List", "items": list(items)})
    return manifests


@pytest.mark.parametrize(
    ("made", "asked", "state"),
    [
        (rule("get", "-", "pods"), [AskedRight("get", "", "pods")], USED),
        (rule("get,list", "-", "pods"), [AskedRight("get", "", "pods")], PARTLY),
        (rule("get", "-", "*"), [AskedRight("get", "", "pods")], PARTLY),
        (rule("bind,get", "-", "pods"), [AskedRight("get", "", "pods")], USED),
        (rule("bind", "-", "pods"), [], UNKNOWN),
        (rule("bind,get", "-", "pods"), [], UNUSED),
    ],
)
def test_states(made: dict[str, Any], asked: list[AskedRight], state: str) -> None:
    """A verb that no event has says nothing."""
    use = RightsUse(cluster(role("r", made), binding("b", "ClusterRole/r", user("a"))).grants())
    for one in asked:
        use.add("a", (), one, 1, "", "")
    (grant,) = use.grants
    found = state_of(grant.grant.rules[0], grant.uses.get(0), is_namespaced=False)
    assert found == state


def test_what_only_one_rule_allows_and_masters() -> None:
    """A request that two rules allow needs neither; of masters RBAC is not asked."""
    pods = rule("get", "-", "pods")
    use = RightsUse(
        cluster(
            role("r", pods, rule("get", "-", "pods,nodes")),
            binding("b", "ClusterRole/r", user("a")),
        ).grants()
    )
    asked = AskedRight("get", "", "pods")
    use.add("a", (), asked, 2, "1", "1")
    use.add("a", (), AskedRight("get", "", "nodes"), 3, "2", "2")
    use.add("a", ("system:masters",), asked, 5, "3", "3")
    uses = use.grants[0].uses
    assert [(uses[0].requests, uses[0].alone), (uses[1].requests, uses[1].alone)] == [
        (2, 0), (5, 3),
    ]  # fmt: skip
    assert (use.without["a"].requests, use.without["a"].masters) == (5, 5)


def test_hostile_names_bound_what_is_kept_and_widen_nothing() -> None:
    """A resource that is called * is no wildcard of a narrower rule."""
    use = RightsUse(
        cluster(role("r", rule("*", "*", "*")), binding("b", "ClusterRole/r", user("a"))).grants()
    )
    use.add("a", (), AskedRight("get", "", "*"), 1, "", "")
    counted = use.grants[0].uses[0]
    whole = use.grants[0].grant.rules[0]
    assert narrower(whole, counted) == ()
    use.add("a", (), AskedRight("get", "", "pods"), 1, "", "")
    assert narrower(whole, counted) == (
        RbacRule(verbs=("get",), api_groups=("",), resources=("pods",)),
    )
    for number in range(MOST_PARTS + 10):
        use.add("a", (), AskedRight("get", "", f"r{number}"), 1, "", "")
    assert len(counted.parts) == MOST_PARTS
    assert narrower(whole, counted) == ()


@pytest.mark.parametrize(
    ("name", "member"),
    [
        (WEB, "system:serviceaccounts"),
        (WEB, "system:serviceaccounts:shop"),
        (WEB, "system:authenticated"),
        ("alice", "system:authenticated"),
        ("system:anonymous", "system:unauthenticated"),
    ],
)
def test_groups_that_an_export_leaves_out(name: str, member: str) -> None:
    """Those that servers give themselves."""
    made = cluster(
        role("r", rule("get", "-", "pods")), binding("b", "ClusterRole/r", group(member))
    )
    use = RightsUse(made.grants())
    use.add(name, (), AskedRight("get", "", "pods"), 1, "", "")
    assert use.grants[0].uses[0].requests == 1
    assert use.without == {}
