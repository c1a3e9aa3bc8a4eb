"""Selectors of any file: read and validated as those of a policy are."""

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.audit.policy.reading import FieldReader, FieldType
from auditproxy.audit.policy.selectors import SELECTOR_FIELDS, decode_selectors

RULE = FieldType("struct", members=dict(SELECTOR_FIELDS))


def test_all_fields() -> None:
    """Each list becomes a tuple of the value."""
    reader = FieldReader([])
    members = reader.read(
        RULE,
        {
            "users": ["u"],
            "userGroups": ["g"],
            "verbs": ["get"],
            "resources": [{"group": "apps", "resources": ["a"], "resourceNames": ["m"]}, None],
            "namespaces": ["n"],
        },
        "",
    )
    assert decode_selectors(members, "match") == (
        Selectors(
            users=("u",),
            user_groups=("g",),
            verbs=("get",),
            resources=(
                GroupResources(group="apps", resources=("a",), resource_names=("m",)),
                GroupResources(),
            ),
            namespaces=("n",),
        ),
        (),
    )


def test_nothing_selects_everything() -> None:
    """No member is required."""
    assert decode_selectors({}, "match") == (Selectors(), ())


def test_faults() -> None:
    """They are kube-apiserver's, all at once, with the path of the rule."""
    members = {
        "nonResourceURLs": ["x"],
        "resources": [{"group": "A"}, {"resourceNames": ["m"]}],
    }
    _, faults = decode_selectors(members, "rules[1].match")
    assert [fault.partition(": ")[0] for fault in faults] == [
        "rules[1].match.nonResourceURLs[0]",
        "rules[1].match.resources.group",
        "rules[1].match.resources.resourceNames",
        "rules[1].match.nonResourceURLs",
    ]
