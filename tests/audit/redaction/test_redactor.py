"""Redaction: what becomes a marker, what stays, and that nothing slips through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.redaction.decoding import BUILTIN_RULES, builtin_redactor
from auditproxy.audit.redaction.paths import Scope
from auditproxy.audit.redaction.redactor import RedactionRule, Redactor
from auditproxy.serializer.errors import SerializationError

KEY = b"0123456789abcdef"
REDACTOR = builtin_redactor(KEY)
CANARY = "Y2FuYXJ5"
MARK = REDACTOR.marker(CANARY.encode())
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def info(
    resource: str, subresource: str = "", group: str = "", verb: str = "create"
) -> RequestInfo:
    """A request for a resource."""
    return RequestInfo(
        is_resource_request=True,
        path="/",
        verb=verb,
        api_group=group,
        resource=resource,
        subresource=subresource,
    )


SECRETS = REDACTOR.paths(info("secrets"))


def marked_object(raw: bytes, *, patch: bool = False) -> tuple[bytes, bool]:
    """An object with its secrets marked, and whether there were any."""
    work = REDACTOR.body(Scope(SECRETS))
    return work.redact(raw, patch=patch), work.marked


def redacted(body: Any, *, patch: bool = False) -> Any:
    """A secret's body after redaction."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    done, _ = marked_object(raw, patch=patch)
    return json.loads(done)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (info("secrets"), 3),
        (info("Secrets"), 3),
        (info("secrets", "status"), 3),
        (info("serviceaccounts", "token"), 1),
        (info("serviceaccounts"), 0),
        (info("tokenreviews", group="authentication.k8s.io"), 1),
        (info("tokenreviews"), 0),
        (info("secrets", group="example.com"), 0),
        (info("configmaps"), 0),
        (RequestInfo(is_resource_request=False, path="/secrets", verb="get"), 0),
    ],
)
def test_rules_match(asked: RequestInfo, count: int) -> None:
    """A rule is for one group's resources and subresources."""
    assert len(REDACTOR.paths(asked)) == count


@pytest.mark.parametrize(
    ("resources", "asked", "matches"),
    [
        (("*",), info("pods", "log"), True),
        (("pods",), info("pods", "log"), False),
        (("pods/log",), info("pods", "log"), True),
        (("*/log",), info("pods", "log"), True),
        (("pods/*",), info("pods"), True),
        (("*/log",), info("pods"), False),
    ],
)
def test_resources_as_in_a_policy(
    resources: tuple[str, ...], asked: RequestInfo, matches: bool
) -> None:
    """Resource words mean what they mean in an audit policy's rule."""
    assert RedactionRule("*", resources, ()).matches(asked) is matches


SECRET = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": {"name": "s", "annotations": {LAST_APPLIED: CANARY, "other": "stays"}},
    "data": {"a": CANARY, "b": CANARY, "empty": ""},
    "stringData": {"c": CANARY},
    "type": "Opaque",
}
SECRET_REDACTED = {
    **SECRET,
    "metadata": {"name": "s", "annotations": {LAST_APPLIED: MARK, "other": "stays"}},
    "data": {"a": MARK, "b": MARK, "empty": ""},
    "stringData": {"c": MARK},
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SECRET, SECRET_REDACTED),
        (
            {"kind": "SecretList", "metadata": {}, "items": [SECRET, {"data": None}]},
            {"kind": "SecretList", "metadata": {}, "items": [SECRET_REDACTED, {"data": None}]},
        ),
        (
            {"kind": "Table", "rows": [{"cells": ["s", 1], "object": SECRET}, {"cells": []}]},
            {
                "kind": "Table",
                "rows": [{"cells": ["s", 1], "object": SECRET_REDACTED}, {"cells": []}],
            },
        ),
        ({"data": CANARY}, {"data": MARK}),
        (
            {"DATA": {"a": CANARY}, "stringdata": {"b": CANARY}},
            {"DATA": {"a": MARK}, "stringdata": {"b": MARK}},
        ),
        ({"data": {"$patch": "replace", "a": CANARY}}, {"data": {"$patch": "replace", "a": MARK}}),
        ({"metadata": CANARY}, {"metadata": MARK}),
        ({"items": CANARY}, {"items": MARK}),
        ({"metadata": {"annotations": None}}, {"metadata": {"annotations": None}}),
    ],
)
def test_objects(body: Any, expected: Any) -> None:
    """T302: objects, lists, Tables, merge patches and apply: values go, names stay."""
    assert redacted(body) == expected


def test_other_kinds_of_values_are_marked_whole() -> None:
    """A number, a list or an object where a secret's text belongs is no way around."""
    found = redacted({"data": {"a": 12345, "b": [CANARY], "c": {"d": CANARY}}})
    assert all(value.startswith("auditproxy.io/redacted:") for value in found["data"].values())
    assert redacted({"data": [CANARY]})["data"][0] == MARK


def test_a_doubled_member_does_not_hide_a_secret() -> None:
    """The earlier of two members of one name is dropped, not written raw."""
    raw = (
        b'{"data":{"a":"%s"},"data":{},"metadata":{"annotations":{"%s":"%s"},"annotations":{}}}'
        % (
            CANARY.encode(),
            LAST_APPLIED.encode(),
            CANARY.encode(),
        )
    )
    done, marked = marked_object(raw)
    assert CANARY.encode() not in done
    assert not marked


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            {"op": "add", "path": "/data/a", "value": CANARY},
            {"op": "add", "path": "/data/a", "value": MARK},
        ),
        (
            {"op": "replace", "path": "/data", "value": {"a": CANARY}},
            {"op": "replace", "path": "/data", "value": {"a": MARK}},
        ),
        (
            {"op": "add", "path": "", "value": {"stringData": {"a": CANARY}}},
            {"op": "add", "path": "", "value": {"stringData": {"a": MARK}}},
        ),
        (
            {"op": "test", "path": "/data/a/deeper", "value": CANARY},
            {"op": "test", "path": "/data/a/deeper", "value": MARK},
        ),
        (
            {
                "op": "add",
                "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
                "value": CANARY,
            },
            {
                "op": "add",
                "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
                "value": MARK,
            },
        ),
        (
            {"op": "add", "path": "/metadata/labels/a", "value": "x"},
            {"op": "add", "path": "/metadata/labels/a", "value": "x"},
        ),
        ({"op": "remove", "path": "/data/a"}, {"op": "remove", "path": "/data/a"}),
        (
            {"op": CANARY, "path": "data", "value": CANARY},
            {"op": MARK, "path": "data", "value": MARK},
        ),
        ({"data": CANARY}, {"data": MARK}),
        (CANARY, MARK),
        (
            {"op": "copy", "from": "/data/a", "path": "/data/b"},
            {"op": "copy", "from": "/data/a", "path": "/data/b"},
        ),
    ],
)
def test_json_patch(operation: Any, expected: Any) -> None:
    """T302: a JSON patch loses the values at, below and above a secret's path."""
    assert redacted([operation], patch=True) == [expected]


@pytest.mark.parametrize("raw", [b"[1]", b'"text"', b"1", b"null", b"", b"{", b'{"a"'])
def test_what_is_no_object(raw: bytes) -> None:
    """What cannot be looked into is an error, so that nobody writes it as it is."""
    with pytest.raises(SerializationError):
        marked_object(raw)


def test_what_was_not_marked_keeps_its_spelling() -> None:
    """Numbers, escapes and order beside the secrets stay as they were sent."""
    raw = b'{"z":1.0e2,"data":{"a":"%s"},"x":"\\u00e9\\u003c"}' % CANARY.encode()
    done, marked = marked_object(raw)
    assert done == b'{"z":1.0e2,"data":{"a":"%s"},"x":"\\u00e9\\u003c"}' % MARK.encode()
    assert marked


def test_text_that_is_not_utf_8() -> None:
    """Bytes that are not UTF-8 and halves of surrogate pairs are no way around either."""
    for text in (b"canary\xff", b"canary\\ud800"):
        done, marked = marked_object(b'{"data":{"a":"%s"}}' % text)
        assert marked
        assert b"canary" not in done.replace(b"auditproxy", b"")


def test_markers_compare() -> None:
    """Equal values have equal markers under one key, and other ones under another."""
    other = builtin_redactor(b"another key of 16")
    assert REDACTOR.marker(b"x") == builtin_redactor(KEY).marker(b"x") != REDACTOR.marker(b"y")
    assert other.marker(b"x") != REDACTOR.marker(b"x")
    assert len(REDACTOR.marker(b"x")) == len("auditproxy.io/redacted:hmac-sha256:") + 16


def test_the_key_is_not_shown() -> None:
    """T301: the key stays out of the value's own text."""
    assert "0123456789" not in repr(REDACTOR)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/api/v1/pods?token=abc&x=1", f"/api/v1/pods?token={REDACTOR.marker(b'abc')}&x=1"),
        ("/x?ACCESS_TOKEN=abc", f"/x?ACCESS_TOKEN={REDACTOR.marker(b'abc')}"),
        ("/x?%74oken=a%62c", f"/x?%74oken={REDACTOR.marker(b'abc')}"),
        ("/x?a=1;token=abc", f"/x?a=1;token={REDACTOR.marker(b'abc')}"),
        ("/x?token=abc;d&b", f"/x?token={REDACTOR.marker(b'abc;d')}&b"),
        ("/x?token=a?b=c", f"/x?token={REDACTOR.marker(b'a?b=c')}"),
        ("/x?token=", "/x?token="),
        ("/x?mytoken=abc&tokens=1", "/x?mytoken=abc&tokens=1"),
        ("/token=abc", "/token=abc"),
        ("/x?command=ls&stdin=true", "/x?command=ls&stdin=true"),
    ],
)
def test_request_uri(uri: str, expected: str) -> None:
    """T298: bearer tokens in query strings, however the name is written."""
    assert REDACTOR.request_uri(uri) == expected


def test_no_query_parameters() -> None:
    """Without parameters every URI stays."""
    redactor = Redactor(BUILTIN_RULES, frozenset(), KEY)
    assert redactor.request_uri("/x?token=abc") == "/x?token=abc"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(CANARY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["data", "stringData", "Data", "STRINGDATA"]),
    VALUES,
    st.sampled_from(["object", "list", "table", "add", "root"]),
)
def test_no_canary_survives(name: str, value: Any, shape: str) -> None:
    """T302: whatever stands below data, and however it is wrapped, its text is gone."""
    body: Any = {"metadata": {"name": "s"}, name: value}
    if shape == "list":
        body = {"items": [body]}
    elif shape == "table":
        body = {"rows": [{"object": body}]}
    elif shape == "add":
        body = [{"op": "add", "path": f"/{name}/k", "value": value}]
    elif shape == "root":
        body = [{"op": "add", "path": "", "value": body}]
    assert CANARY not in json.dumps(redacted(body, patch=True))
