"""Storage: one resourceVersion for all, a history, and waiting for the next write."""

import asyncio
from typing import Any

import pytest

from auditproxy.embedded import kinds
from auditproxy.embedded.answers import ApiError
from auditproxy.embedded.rest.storage import Selection, Storage, TooOld, check_fields
from auditproxy.request.selectors import field_requirements, label_requirements

MAPS = kinds.of("configmaps")
PODS = kinds.of("pods")


def item(name: str, namespace: str = "n", **more: Any) -> dict[str, Any]:
    """An object with a name."""
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def test_versions() -> None:
    """Every write takes the next number, of whatever resource; a dry run takes none."""
    storage = Storage()
    first = storage.create(MAPS, "n", item("a"))
    assert storage.create(MAPS, "n", item("b"), dry_run=True) == item("b")
    second = storage.create(PODS, "n", item("a"))
    versions = [int(each["metadata"]["resourceVersion"]) for each in (first, second)]
    assert versions == [versions[0], versions[0] + 1]
    assert storage.version == versions[1]
    same = storage.update(MAPS, "n", item("a"))
    assert same is first
    changed = storage.update(MAPS, "n", item("a", data={}))
    assert int(changed["metadata"]["resourceVersion"]) == versions[1] + 1
    assert int(storage.delete(MAPS, "n", "a")["metadata"]["resourceVersion"]) == versions[1] + 2
    with pytest.raises(ApiError):
        storage.get(MAPS, "n", "a")


def test_stale_update() -> None:
    """A resourceVersion that is not the current one is a conflict."""
    storage = Storage()
    stored = storage.create(MAPS, "n", item("a"))
    storage.update(MAPS, "n", item("a", data={"x": "y"}))
    with pytest.raises(ApiError) as caught:
        storage.update(MAPS, "n", {**stored, "data": {}})
    assert caught.value.status.code == 409


def test_history() -> None:
    """Changes after a version, until the history no longer reaches that far."""
    storage = Storage(history=2)
    for name in ("a", "b", "c"):
        storage.create(MAPS, "n", item(name))
    found = storage.changes(storage.version - 2, lambda change: True)
    assert [change.last["metadata"]["name"] for change in found] == ["b", "c"]
    assert storage.changes(storage.version, lambda change: True) == ()
    with pytest.raises(TooOld):
        storage.changes(storage.version - 3, lambda change: True)


async def test_wait() -> None:
    """Woken by a write, at once when it has happened already."""
    storage = Storage()
    waiting = asyncio.ensure_future(storage.wait(storage.version))
    done, _ = await asyncio.wait((waiting,), timeout=0)
    assert not done
    storage.create(MAPS, "n", item("a"))
    async with asyncio.timeout(5):
        await waiting
        await storage.wait(storage.version - 1)


@pytest.mark.parametrize(
    ("fields", "labels", "fits"),
    [
        ("", "", True),
        ("metadata.name=a", "", True),
        ("metadata.name!=a", "", False),
        ("spec.nodeName=x,status.phase!=Failed", "", True),
        ("spec.nodeName=y", "", False),
        ("spec.unschedulable=false", "", True),
        ("", "l=1", True),
        ("", "l in (0,1),!m", True),
        ("", "l notin (1)", False),
        ("", "m", False),
        ("", "m!=1", True),
    ],
)
def test_selection(fields: str, labels: str, fits: bool) -> None:
    """Field and label selectors."""
    pod = item("a", spec={"nodeName": "x"})
    pod["metadata"]["labels"] = {"l": "1"}
    chosen = Selection("n", field_requirements(fields), label_requirements(labels))
    assert chosen.matches(pod) is fits
    assert not Selection("other").matches(pod)


def test_fields() -> None:
    """Each resource has its own."""
    check_fields(PODS, field_requirements("spec.nodeName=x"))
    with pytest.raises(ApiError, match=r"field label not supported: spec\.nodeName"):
        check_fields(MAPS, field_requirements("spec.nodeName=x"))
