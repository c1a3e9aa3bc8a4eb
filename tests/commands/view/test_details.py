"""One request whole, as the page shows it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.details import MOST_BODY_BYTES, Details
from auditproxy.commands.view.trail import ViewedTrail
from tests.commands.view.viewing import HOSTILE, InProcess, hostile_events
from tests.fakes.trails import COMPLETE, RECEIVED, event, write
from tests.reading.shop import write_shop


class Viewed:
    """A trail and its details."""

    def __init__(self, folder: Path, *logs: Path) -> None:
        self.index = InProcess(folder / "index", *logs)
        self.trail = ViewedTrail(self.index)
        self.details = Details(self.index, self.index.blocks)

    def one(self, **given: str) -> dict[str, Any]:
        """The newest request of a search."""
        key = self.trail.page(given)["rows"][0]["key"]
        return self.details.of({"key": json.dumps(key)})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Viewed]:
    """The trail of the documents."""
    write_shop(tmp_path / "logs")
    made = Viewed(tmp_path, tmp_path / "logs")
    yield made
    made.index.close()


def test_a_write_and_what_it_changed(shop: Viewed) -> None:
    """Against what an earlier answer showed of the object, in a file that was rotated."""
    found = shop.one(verb="patch")
    assert found["isWhole"]
    assert found["title"] == "alice patched deployment/web -n shop (image shop:1.0 -> shop:1.1)"
    assert [(one["before"], one["after"]) for one in found["changes"]] == [("shop:1.0", "shop:1.1")]
    assert "image: shop:1.1" in "\n".join(found["asked"])
    assert "replicas: 5" in "\n".join(found["answered"])
    assert ["authorization.k8s.io/decision", "allow", "what the authorizer decided"] in found[
        "annotations"
    ]


def test_stages_are_joined(shop: Viewed) -> None:
    """Each event with its time and its code."""
    stages = shop.one(resource="pods/exec")["stages"]
    assert [(one["stage"], one["after"], one["code"]) for one in stages] == [
        ("RequestReceived", "0ms", 0),
        ("ResponseStarted", "4ms", 101),
        ("ResponseComplete", "42.5s", 101),
    ]


def test_witnesses_are_one_request(tmp_path: Path) -> None:
    """The proxy and the API server wrote of it: one row, and the stages of both."""
    made = [
        event("delete", name="a", audit_id="both", stage=stage) for stage in (RECEIVED, COMPLETE)
    ]
    one = write(tmp_path / "proxy.log", made)
    other = write(tmp_path / "apiserver.log", [made[0], made[1] | {"level": "RequestResponse"}])
    viewed = Viewed(tmp_path, one, other)
    page = viewed.trail.page({})
    assert [row["witnesses"] for row in page["rows"]] == [2]
    assert viewed.trail.timeline({})["total"] == viewed.trail.count == 1
    found = viewed.one()
    assert [stage["witness"] for stage in found["stages"]] == [str(other)] * 2 + [str(one)] * 2
    assert "(2 witnesses)" in found["title"]
    viewed.index.close()


def test_secrets_are_hidden(tmp_path: Path) -> None:
    """In bodies and in what changed."""
    body = {"metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}}
    log = write(
        tmp_path / "audit.log",
        [
            event(
                "update",
                "secrets",
                "s",
                level="RequestResponse",
                requestObject=body,
                responseObject=body,
            )
        ],
    )
    viewed = Viewed(tmp_path, log)
    assert "aHVudGVyMg==" not in json.dumps(viewed.one())
    ((asked,),) = viewed.index.ask("SELECT asked FROM requests")
    assert asked is None
    viewed.index.close()


def test_hostile_texts_are_spelled(tmp_path: Path) -> None:
    """Each is shown, and none has a character that steers."""
    viewed = Viewed(tmp_path, write(tmp_path / "audit.log", hostile_events()))
    rows = viewed.trail.page({})["rows"]
    assert len(rows) == len(HOSTILE)

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):
            for each in value.values() if isinstance(value, dict) else value:
                yield from texts(each)

    for row in rows:
        found = viewed.details.of({"key": json.dumps(row["key"])})
        assert found["isWhole"]
        del found["key"]
        assert all(text.isprintable() for text in texts(found))
    viewed.index.close()


def test_large_bodies(tmp_path: Path) -> None:
    """What is too large is named with its size; the rest is shown."""
    big = {"metadata": {"name": "a"}, "data": {"x": "y" * MOST_BODY_BYTES}}
    log = write(
        tmp_path / "audit.log",
        [event("update", "configmaps", "a", responseObject=big, requestObject={"a": 1})],
    )
    viewed = Viewed(tmp_path, log)
    found = viewed.one()
    assert found["asked"] == ["a: 1"]
    (line,) = found["answered"]
    assert line.endswith("bytes are too many for this page; auditproxy events show has them")
    viewed.index.close()


def test_what_is_gone_or_has_no_id(tmp_path: Path) -> None:
    """The index has what the list shows of it."""
    log = write(
        tmp_path / "audit.log",
        [event("delete", name="a"), event(name="b", at="11:00:00") | {"auditID": ""}],
    )
    viewed = Viewed(tmp_path, log)
    assert not viewed.one(name="b")["isWhole"]
    log.unlink()
    found = viewed.one(name="a")
    assert not found["isWhole"]
    assert found["title"] == "alice deleted pod/a -n shop"
    viewed.index.close()


@pytest.mark.parametrize("key", ["", "x", '[1,"a","b"]', '[1,"a"]', "[" * 5000])
def test_keys_of_others(shop: Viewed, key: str) -> None:
    """A key that is none is a fault of one line."""
    with pytest.raises(Unusable, match="key"):
        shop.details.of({"key": key})
