"""Questions and answers of SubjectAccessReview."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import Attributes, SelectorRequirement
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Decision
from auditproxy.authorization.subjectaccessreview import cacheable, read_review, review, spec

ALICE = UserInfo(username="alice", uid="u", groups=("dev",), extra={"b": ("2",), "a": ("1", "0")})


def test_resource_question() -> None:
    """Every member of a resource request, selectors included."""
    attributes = Attributes(
        user=ALICE,
        verb="list",
        is_resource_request=True,
        path="/not/asked",
        namespace="ns",
        api_group="apps",
        api_version="v1",
        resource="deployments",
        subresource="scale",
        name="web",
        field_selector=(SelectorRequirement("metadata.name", "In", ("web",)),),
        label_selector=(SelectorRequirement("x", "Exists"),),
    )
    assert json.loads(review(spec(attributes))) == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "namespace": "ns",
                "verb": "list",
                "group": "apps",
                "version": "v1",
                "resource": "deployments",
                "subresource": "scale",
                "name": "web",
                "fieldSelector": {
                    "requirements": [{"key": "metadata.name", "operator": "In", "values": ["web"]}]
                },
                "labelSelector": {"requirements": [{"key": "x", "operator": "Exists"}]},
            },
            "user": "alice",
            "groups": ["dev"],
            "extra": {"a": ["1", "0"], "b": ["2"]},
            "uid": "u",
        },
    }


def test_non_resource_question() -> None:
    """Path and verb of other requests; a user that is nobody has no members."""
    attributes = Attributes(user=None, verb="get", is_resource_request=False, path="/healthz")
    assert json.loads(spec(attributes)) == {
        "nonResourceAttributes": {"path": "/healthz", "verb": "get"}
    }


def test_equal_questions() -> None:
    """The order of extra keys makes no other question."""
    other = UserInfo(
        username="alice", uid="u", groups=("dev",), extra={"a": ("1", "0"), "b": ("2",)}
    )
    first, second = (
        spec(Attributes(user=user, verb="get", is_resource_request=False, path="/"))
        for user in (ALICE, other)
    )
    assert first == second


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        ({"allowed": True, "reason": "RBAC: allowed"}, Decision(True, reason="RBAC: allowed")),
        ({"allowed": False, "reason": "no"}, Decision(False, reason="no")),
        ({"allowed": False, "denied": True, "reason": "no"}, Decision(False, True, "no")),
        ({}, Decision(False)),
        ({"allowed": False, "evaluationError": "x"}, Decision(False)),
        (
            {"allowed": True, "denied": True, "reason": "r"},
            Decision(
                False,
                True,
                "r",
                "webhook subject access review returned both allow and deny response",
            ),
        ),
    ],
)
def test_answers(status: dict[str, object], decision: Decision) -> None:
    """Allow, deny and no opinion; both at once is a denial with an error."""
    assert read_review(json.dumps({"status": status}).encode()) == decision


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"status":{"allowed":"true"}}', b"\xff"])
def test_not_an_answer(body: bytes) -> None:
    """T072: what is no review allows nothing and says so."""
    decision = read_review(body)
    assert not decision.allowed
    assert decision.error


@given(st.binary(max_size=50))
def test_any_answer(body: bytes) -> None:
    """Any bytes allow nothing."""
    assert not read_review(body).allowed


def test_huge_questions_are_not_remembered() -> None:
    """Attributes of ten thousand bytes a client chose are asked again each time."""
    for length, remembered in ((9_900, True), (10_001, False)):
        attributes = Attributes(
            user=ALICE, verb="get", is_resource_request=True, path="", name="x" * length
        )
        assert cacheable(attributes) is remembered
    path = Attributes(user=ALICE, verb="get", is_resource_request=False, path="ä" * 5_000)
    assert not cacheable(path)


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    """Names of any bytes, lone surrogates included, encode."""
    attributes = Attributes(
        user=UserInfo(username="a"), verb=text, is_resource_request=False, path=text
    )
    assert json.loads(review(spec(attributes)))["kind"] == "SubjectAccessReview"
    assert isinstance(cacheable(attributes), bool)
