"""Redaction files: what they may say, and every fault of one that says something else."""

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.redaction.decoding import (
    BUILTIN_QUERY_PARAMETERS,
    BUILTIN_RULES,
    RedactionError,
    builtin_redactor,
    load_redactor,
    parse_field,
)
from auditproxy.audit.redaction.redactor import RedactionRule

KEY = b"0123456789abcdef"
HEADER = "apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\n"
EXAMPLE = (
    HEADER
    + """\
resources:
- group: Example.com
  resources: [Databases, databases/credentials]
  fields: [".spec.password", "$.spec.users[*].token", "spec['a.b/c'].*"]
queryParameters: [Password]
"""
)


def test_example() -> None:
    """A file adds to the built-in rules; names are compared in lower case."""
    redactor = load_redactor(EXAMPLE.encode(), KEY)
    assert redactor.rules == (
        *BUILTIN_RULES,
        RedactionRule(
            "example.com",
            ("databases", "databases/credentials"),
            (
                ("spec", "password"),
                ("spec", "users", None, "token"),
                ("spec", "a.b/c", None),
            ),
        ),
    )
    assert redactor.query_parameters == {"password", *BUILTIN_QUERY_PARAMETERS}


def test_without_the_built_in_rules() -> None:
    """``builtinRules: false`` leaves only what the file says, which may be nothing."""
    redactor = load_redactor((HEADER + "builtinRules: false\n").encode(), KEY)
    assert redactor.rules == ()
    assert redactor.query_parameters == frozenset()
    assert load_redactor(HEADER.encode(), KEY) == builtin_redactor(KEY)


def test_a_rule_of_a_file_works() -> None:
    """A custom resource's field becomes a marker, in every user's entry."""
    redactor = load_redactor(EXAMPLE.encode(), KEY)
    info = RequestInfo(
        is_resource_request=True,
        path="/",
        verb="create",
        api_group="example.com",
        resource="databases",
    )
    raw = b'{"spec":{"password":"canary","users":[{"name":"a","token":"canary"}],"a.b/c":{"x":1}}}'
    scope = redactor.scope(info)
    assert scope is not None
    body = redactor.body(scope)
    done, marked = body.redact(raw, patch=False), body.marked
    mark = redactor.marker(b"canary").encode()
    one = redactor.marker(b"1").encode()
    assert marked
    assert done == (
        b'{"spec":{"password":"%s","users":[{"name":"a","token":"%s"}],"a.b/c":{"x":"%s"}}}'
        % (mark, mark, one)
    )


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "",
            ("the file must be a mapping with kind: RedactionConfiguration",),
        ),
        ("kind: RedactionConfiguration\n", ("apiVersion: must be auditproxy.io/v1alpha1",)),
        (
            HEADER + "rules: []\n",
            (
                "rules: unknown field; known fields are apiVersion, kind, builtinRules, "
                "resources, queryParameters",
            ),
        ),
        (HEADER + "builtinRules: 1\n", ("builtinRules: must be true or false",)),
        (HEADER + "resources: x\n", ("resources: must be a list",)),
        (
            HEADER + "queryParameters: [1]\n",
            ("queryParameters: must be a list of texts, none of them empty",),
        ),
        (
            HEADER + "resources: [{group: 1, resources: [], path: x}]\n",
            (
                "resources[0].path: unknown field; known fields are group, resources, fields",
                'resources[0].group: must be text, "" for the core group',
                "resources[0].resources: must be a list of texts, none of them empty",
                "resources[0].fields: must be a list of texts, none of them empty",
            ),
        ),
        (
            HEADER + "resources: [1]\n",
            (
                "resources[0]: must be a mapping",
                "resources[0].resources: must be a list of texts, none of them empty",
                "resources[0].fields: must be a list of texts, none of them empty",
            ),
        ),
        (
            HEADER + "resources: [{resources: [a], fields: ['.a[0]', '']}]\n",
            ("resources[0].fields: must be a list of texts, none of them empty",),
        ),
        (
            HEADER + "resources: [{resources: [a], fields: ['.a[0]', '$']}]\n",
            (
                "resources[0].fields[0]: is not a valid path of members and wildcards; write it as "
                ".spec.password, .metadata.annotations['example.com/key'] or .data[*]",
                "resources[0].fields[1]: must have 1 to 32 steps",
            ),
        ),
        (HEADER + "kind: RedactionConfiguration\n", None),
        (HEADER + "{", None),
    ],
)
def test_faults(text: str, faults: tuple[str, ...] | None) -> None:
    """Every fault at once, each with its path and the fix; doubled keys and bad YAML are faults."""
    with pytest.raises(RedactionError) as caught:
        load_redactor(text.encode(), KEY)
    assert caught.value.faults
    if faults is not None:
        assert caught.value.faults == faults


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".a", ("a",)),
        ("a.B", ("a", "b")),
        ("$['a b']", ("a b",)),
        ('["a\\"b"]', ('a"b',)),
        (".*.x[*]", (None, "x", None)),
    ],
)
def test_fields(text: str, path: tuple[str | None, ...]) -> None:
    """The subset of JSONPath: members and wildcards."""
    assert parse_field(text) == path


@pytest.mark.parametrize(
    "text", ["..a", ".a.", "a[", "a[]", "a['']", ".a[?(@.b)]", "a b", "." + ".a" * 33]
)
def test_no_fields(text: str) -> None:
    """Filters, indexes and recursive descent are refused, not guessed."""
    with pytest.raises(ValueError):
        parse_field(text)
