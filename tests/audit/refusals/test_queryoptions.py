"""Options in a query: those that kube-apiserver refuses, and those that it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.refusals.queryoptions import (
    list_options_refused,
    options_kind,
    options_refused,
)
from auditproxy.request.target import Query

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@pytest.mark.parametrize(
    ("verb", "query", "content_type", "refused"),
    [
        ("create", "dryRun=bad", "", True),
        ("create", "dryRun=All&dryRun=bad", "", True),
        ("create", "dryRun=", "", True),
        ("create", "dryRun=All", "", False),
        ("create", "fieldManager=" + "m" * 129, "", True),
        ("create", "fieldManager=" + "%C3%A4" * 65, "", True),
        ("create", "fieldManager=" + "m" * 128, "", False),
        ("update", "fieldManager=%07", "", True),
        ("update", "fieldValidation=x", "", True),
        ("update", "fieldValidation=Strict", "", False),
        ("update", "force=true", "", False),
        ("patch", "force=false", MERGE, True),
        ("patch", "force=true&fieldManager=m", APPLY, False),
        ("patch", "", APPLY, True),
        ("patch", "", MERGE, False),
        ("patch", "fieldManager=m", APPLY + "; charset=utf-8", False),
        ("deletecollection", "resourceVersionMatch=Exact", "", True),
        ("deletecollection", "labelSelector=a", "", False),
    ],
)
def test_options(verb: str, query: str, content_type: str, refused: bool) -> None:
    """A6: the validation of each verb's options."""
    assert options_refused(verb, Query(query.encode()), content_type) is refused


def test_kinds() -> None:
    """A delete has its options in its body, or nothing else that could be recorded."""
    assert options_kind("patch") == "PatchOptions"
    assert options_kind("delete") == ""


@pytest.mark.parametrize(
    ("query", "message", "refused"),
    [
        ("limit=abc", "", True),
        ("limit=", "", True),
        ("limit=5", "", False),
        ("timeoutSeconds=1.5", "", True),
        ("labelSelector=%3D%3D", "", True),
        ("fieldSelector=bogus", "", True),
        ("fieldSelector=spec.x%3D1", '"spec.x" is not a known field selector: only "a"', True),
        ("fieldSelector=spec.x%3D1", "field label not supported: spec.x", True),
        ("fieldSelector=spec.x%3D1", '"spec.y" is not a known field selector: only "a"', False),
        ("fieldSelector=metadata.name%3D1", "invalid continue token", False),
        ("continue=xx", "invalid continue token", False),
    ],
)
def test_list_options(query: str, message: str, refused: bool) -> None:
    """A6: what selects the objects to delete is read before the body."""
    assert list_options_refused(Query(query.encode()), message) is refused


@given(st.binary(), st.sampled_from(["create", "update", "patch", "deletecollection"]), st.text())
def test_never_raises(raw: bytes, verb: str, text: str) -> None:
    """Any query has an answer."""
    assert options_refused(verb, Query(raw), text) in (True, False)
    assert list_options_refused(Query(raw), text) in (True, False)
