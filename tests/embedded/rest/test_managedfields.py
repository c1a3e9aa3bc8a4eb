"""Ownership of fields and server-side apply."""

from typing import Any

import pytest

from auditproxy.embedded.answers import ApiError
from auditproxy.embedded.rest.managedfields import APPLY, UPDATE, Manager, apply, with_manager

NOW = "2026-01-01T00:00:00Z"
ALICE = Manager("alice", APPLY, NOW)
BOB = Manager("bob", APPLY, NOW)
EDITOR = Manager("editor", UPDATE, NOW)


def item(**data: Any) -> dict[str, Any]:
    """A config map."""
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": data}


def owners(found: dict[str, Any]) -> dict[str, Any]:
    """The fields of each manager."""
    return {entry["manager"]: entry["fieldsV1"] for entry in found["metadata"]["managedFields"]}


def test_a_creation_owns_everything() -> None:
    """One entry, as kube-apiserver spells it."""
    found = with_manager(None, item(a="1"), EDITOR)
    assert found["metadata"]["managedFields"] == [
        {
            "manager": "editor",
            "operation": "Update",
            "apiVersion": "v1",
            "time": NOW,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
    ]


def test_an_update_takes_what_it_changes() -> None:
    """The former owner keeps the rest."""
    before = with_manager(None, item(a="1", b="1"), EDITOR)
    changed = {**before, "data": {"a": "2", "b": "1"}}
    found = with_manager(before, changed, Manager("other", UPDATE, NOW))
    assert owners(found) == {
        "editor": {"f:data": {"f:b": {}}},
        "other": {"f:data": {"f:a": {}}},
    }


def test_keyed_lists() -> None:
    """An item of a keyed list is a field, and so are its members."""
    pod = {**item(), "spec": {"containers": [{"name": "a", "image": "i"}]}}
    assert owners(with_manager(None, pod, EDITOR))["editor"]["f:spec"] == {
        "f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:image": {}}}
    }


def test_apply_takes_back_what_it_no_longer_says() -> None:
    """Only what it owned alone."""
    live = with_manager(None, item(a="1", b="1"), ALICE)
    live = with_manager(live, {**live, "data": {"a": "1", "b": "1", "c": "1"}}, EDITOR)
    found = apply(live, item(a="1"), ALICE, force=False)
    assert found["data"] == {"a": "1", "c": "1"}
    assert owners(found)["alice"] == {"f:data": {"f:a": {}}}


def test_shared_fields_stay() -> None:
    """Two appliers of one value own it together."""
    live = with_manager(None, item(a="1", b="1"), ALICE)
    live = apply(live, item(a="1"), BOB, force=False)
    live = apply(live, item(b="1"), ALICE, force=False)
    assert live["data"] == {"a": "1", "b": "1"}
    assert apply(live, item(), BOB, force=False)["data"] == {"b": "1"}


def test_items_go_whole() -> None:
    """Defaults that nobody set go with the item."""
    spec = {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]}
    live = with_manager(None, {**item(), "spec": spec}, ALICE)
    live["spec"]["containers"][1]["imagePullPolicy"] = "Always"
    wanted = {**item(), "spec": {"containers": spec["containers"][:1]}}
    assert apply(live, wanted, ALICE, force=False)["spec"] == wanted["spec"]


def test_conflicts() -> None:
    """kube's words for one and for more; force takes the fields."""
    live = with_manager(None, item(a="1", b="1"), ALICE)
    with pytest.raises(ApiError) as caught:
        apply(live, item(a="2"), BOB, force=False)
    status = caught.value.status
    assert (status.code, status.reason) == (409, "Conflict")
    assert status.message == 'Apply failed with 1 conflict: conflict with "alice" using v1: .data.a'
    with pytest.raises(ApiError) as caught:
        apply(live, item(a="2", b="2"), BOB, force=False)
    assert caught.value.status.message == (
        'Apply failed with 2 conflicts: conflict with "alice" using v1:\n- .data.a\n- .data.b'
    )
    found = apply(live, item(a="2"), BOB, force=True)
    assert found["data"] == {"a": "2", "b": "1"}
    assert owners(found) == {"alice": {"f:data": {"f:b": {}}}, "bob": {"f:data": {"f:a": {}}}}
