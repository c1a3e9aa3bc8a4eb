"""Derived roles allow every request that they were derived from, and no other verb or resource."""

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.rbac.roles import (
    DerivedRole,
    RightUse,
    derive,
    gives_rights,
    is_default,
    with_escalation,
)
from auditproxy.reading.rbac.rules import AskedRight

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = ("pods", "pods/exec", "configmaps", "secrets", "deployments", "deployments/scale")
PATHS = ("/metrics", "/healthz", "/logs/x")

RIGHTS = st.one_of(
    st.builds(
        AskedRight,
        verb=st.sampled_from(VERBS),
        group=st.sampled_from(("", "apps")),
        resource=st.sampled_from(RESOURCES),
        namespace=st.sampled_from(("", "a", "b")),
        name=st.sampled_from(("", "x", "y", "z")),
    ),
    st.builds(AskedRight, verb=st.sampled_from(VERBS), path=st.sampled_from(PATHS)),
)


def allows(roles: tuple[DerivedRole, ...], asked: AskedRight) -> bool:
    """Whether RBAC with these roles bound allows it: cluster-wide, or in its namespace."""
    return any(
        derived.rule.allows(asked)
        for role in roles
        if not role.namespace or (role.namespace == asked.namespace and not asked.path)
        for derived in role.rules
    )


@given(
    used=st.sets(RIGHTS, min_size=1, max_size=30), others=st.sets(RIGHTS), most=st.integers(0, 3)
)
def test_enough_and_no_more(used: set[AskedRight], others: set[AskedRight], most: int) -> None:
    """Names may be left out of a rule; verb, resource, group and namespace may not."""
    roles = derive({asked: RightUse(1) for asked in used}, most)
    for asked in used:
        assert allows(roles, asked)

    def without_name(asked: AskedRight) -> AskedRight:
        return AskedRight(asked.verb, asked.group, asked.resource, asked.namespace, "", asked.path)

    known = {without_name(asked) for asked in used}
    for asked in others:
        everywhere = without_name(
            AskedRight(asked.verb, asked.group, asked.resource, "", "", asked.path)
        )
        if without_name(asked) not in known and everywhere not in known:
            assert not allows(roles, asked)
    text = repr(roles)
    assert "'*'" not in text


def test_names() -> None:
    """Where they are few, and not made by controllers; of one verb alone."""

    def names(*used: AskedRight) -> list[tuple[str, ...]]:
        roles = derive({asked: RightUse(1) for asked in used}, 2)
        return [derived.rule.resource_names for role in roles for derived in role.rules]

    def got(name: str, resource: str = "configmaps") -> AskedRight:
        return AskedRight("get", "", resource, "a", name)

    assert names(got("x"), got("y")) == [("x", "y")]
    assert names(got("x"), got("y"), got("z")) == [()]
    assert names(got("x", "pods")) == [()]
    assert names(got("x", "pods/exec")) == [()]
    listed = AskedRight("list", "", "configmaps", "a")
    assert sorted(names(got("x"), listed)) == [(), ("x",)]
    assert names(AskedRight("list", "", "configmaps", "a", "x"), listed) == [()]


@given(
    used=st.sets(RIGHTS, min_size=1, max_size=30), others=st.sets(RIGHTS), most=st.integers(0, 2)
)
def test_enough_in_all_namespaces(
    used: set[AskedRight], others: set[AskedRight], most: int
) -> None:
    """Where a right was used in more namespaces than so many, it holds in all; nothing else does."""
    roles = derive({asked: RightUse(1) for asked in used}, 5, most)
    assert most or not any(role.namespace for role in roles)

    def kind(asked: AskedRight) -> tuple[str, ...]:
        return asked.verb, asked.group, asked.resource, asked.path

    for asked in used:
        assert allows(roles, asked)
    spaces = {
        kind(asked): {one.namespace for one in used if kind(one) == kind(asked)} for asked in used
    }
    for asked in others:
        found = spaces.get(kind(asked), set())
        if len(found - {""}) <= most and not found & {"", asked.namespace}:
            assert not allows(roles, asked)


def test_all_namespaces() -> None:
    """Of many, and for who empties one: the Role in it would go halfway. The reason is kept."""
    used = {AskedRight("create", "", "pods", space): RightUse(2) for space in "abc"}
    (role,) = derive(used, 5, 2)
    assert (role.namespace, role.rules[0].use.requests) == ("", 6)
    assert role.rules[0].wide == ("used in 3",)
    assert [role.namespace for role in derive(used, 5, 3)] == ["a", "b", "c"]
    emptied = used | {AskedRight("update", "", "namespaces/finalize", "b", "b"): RightUse(1)}
    wide, *narrow = derive(emptied, 5)
    assert (wide.namespace, [role.namespace for role in narrow]) == ("", ["a", "c"])
    assert {one.rule.resources for one in wide.rules} == {("pods",), ("namespaces/finalize",)}
    assert all(one.wide == ("it empties namespaces, with the Roles in them",) for one in wide.rules)
    assert wide.rules[1].rule.resource_names == ("b",)


def test_escalation() -> None:
    """Who wrote roles or bindings may have needed escalate or bind, where and of what it was."""
    group = "rbac.authorization.k8s.io"
    written = {
        AskedRight("patch", group, "clusterroles", "", "view"): RightUse(1, "a", "b"),
        AskedRight("create", group, "roles", "shop"): RightUse(1, "a", "b"),
        AskedRight("create", group, "rolebindings", "shop"): RightUse(1, "a", "b"),
        AskedRight("update", group, "clusterrolebindings", "", "x"): RightUse(1, "a", "b"),
        AskedRight("deletecollection", group, "roles", "shop"): RightUse(1, "a", "b"),
        AskedRight("create", "", "roles", "shop"): RightUse(1, "a", "b"),
    }
    added = {asked: use for asked, use in with_escalation(written).items() if asked not in written}
    assert set(added) == {
        AskedRight("escalate", group, "clusterroles", "", "view"),
        AskedRight("escalate", group, "roles", "shop"),
        AskedRight("bind", group, "clusterroles", "shop"),
        AskedRight("bind", group, "roles", "shop"),
        AskedRight("bind", group, "clusterroles"),
    }
    assert all(use.requests == 0 and use.added for use in added.values())
    assert [gives_rights(asked) for asked in written] == [True, True, True, True, False, False]


def test_evidence() -> None:
    """Requests and days of a rule, and what was added to it."""
    used = {
        AskedRight("get", "", "pods/exec", "a", "p"): RightUse(2, "2026-01-01", "2026-01-03"),
        AskedRight("create", "", "pods/exec", "a", "p"): RightUse(0, "2026-01-01", "2026-01-03", "why"),
        AskedRight("get", "", "pods/log", "a", "p"): RightUse(1, "2026-01-02", "2026-01-05"),
    }  # fmt: skip
    (role,) = derive(used, 5)
    session, log = role.rules
    assert (session.rule.verbs, session.use.requests) == (("create", "get"), 2)
    assert session.added == ("create: why",)
    assert (log.use.first, log.use.last, log.added) == ("2026-01-02", "2026-01-05", ())


def test_a_use_is_more_than_a_reason() -> None:
    """A right that was added and used is used."""
    use = RightUse(0, "b", "b", "why")
    use.add(RightUse(1, "a", "c"))
    assert use == RightUse(1, "a", "c", "")


def test_defaults() -> None:
    """What every authenticated user may."""
    assert is_default(AskedRight("get", path="/openapi/v3"))
    group = "authorization.k8s.io"
    assert is_default(AskedRight("create", group, "selfsubjectaccessreviews"))
    assert not is_default(AskedRight("get", path="/metrics"))
    assert not is_default(AskedRight("create", group, "subjectaccessreviews"))
