"""Pages of requests and the timeline, from a real index."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.trail import MOST_BUCKETS, PAGE, ViewedTrail
from auditproxy.reading.meaning.facts import OUTCOMES
from tests.commands.view.viewing import InProcess, write_numbered
from tests.fakes.trails import event, write
from tests.reading.shop import write_shop

NUMBER = 2 * PAGE + 50


def opened(folder: Path, *logs: Path) -> tuple[ViewedTrail, InProcess]:
    """A trail with a clock that stands."""
    index = InProcess(folder / "index", *logs)
    return ViewedTrail(index, lambda: 1_795_478_400_000_000_000), index


@pytest.fixture
def numbered(tmp_path: Path) -> Iterator[ViewedTrail]:
    """A trail of two pages and a half."""
    trail, index = opened(tmp_path, write_numbered(tmp_path / "audit.log", NUMBER))
    yield trail
    index.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ViewedTrail]:
    """The trail of the documents."""
    write_shop(tmp_path / "shop" / "logs")
    trail, index = opened(tmp_path / "shop", tmp_path / "shop" / "logs")
    yield trail
    index.close()


def numbers(page: dict[str, Any]) -> list[int]:
    """The numbers in the names of a page."""
    return [int(row["request"].split("pod-")[1].split()[0]) for row in page["rows"]]


def keyed(page: dict[str, Any], which: str) -> dict[str, str]:
    """What asks for the page beside another."""
    return {which: json.dumps(page[which])}


def test_pages_there_and_back(numbered: ViewedTrail) -> None:
    """Each request is on one page, the newest first, in both directions."""
    first = numbered.page({})
    second = numbered.page(keyed(first, "older"))
    third = numbered.page(keyed(second, "older"))
    assert numbers(first) + numbers(second) + numbers(third) == list(range(NUMBER))[::-1]
    assert first["newer"] is None
    assert third["older"] is None
    assert numbers(numbered.page(keyed(third, "newer"))) == numbers(second)
    back = numbered.page(keyed(second, "newer"))
    assert numbers(back) == numbers(first)
    assert back["newer"] is None


def test_requests_of_one_moment(tmp_path: Path) -> None:
    """Their audit IDs are their order: none is lost between pages."""
    same = [event("get", "pods", f"pod-{n}", audit_id=f"id-{n:04d}") for n in range(NUMBER)]
    trail, index = opened(tmp_path, write(tmp_path / "audit.log", same))
    first = trail.page({})
    second = trail.page(keyed(first, "older"))
    third = trail.page(keyed(second, "older"))
    assert numbers(first) + numbers(second) + numbers(third) == list(range(NUMBER))[::-1]
    index.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 13),
        ({"user": "alice"}, 7),
        ({"user": "alice,bob"}, 9),
        ({"user": "!alice", "verb": "create"}, 2),
        ({"resource": "pods/exec"}, 1),
        ({"code": "4xx"}, 3),
        ({"outcome": "unauthenticated"}, 1),
        ({"text": "SECRETS shop"}, 2),
        ({"text": "nothing has this"}, 0),
        ({"since": "2026-11-23T10:00:00Z"}, 7),
        ({"since": "2026-11-23T10:00:00Z", "until": "2026-11-23T10:05:30Z"}, 1),
        ({"where": "client = 'curl/8.5.0' -- a comment"}, 1),
        ({"where": "annotations['authorization.k8s.io/decision'] = 'forbid'"}, 2),
    ],
)
def test_filters(shop: ViewedTrail, given: dict[str, str], expected: int) -> None:
    """The list and the timeline agree."""
    assert len(shop.page(given)["rows"]) == expected
    assert shop.timeline(given)["total"] == expected


def test_the_timeline(numbered: ViewedTrail, shop: ViewedTrail) -> None:
    """Bars of a width that people count in; the sum of them is what there is."""
    for trail in (numbered, shop):
        shown = trail.timeline({})
        assert shown["outcomes"] == list(OUTCOMES)
        assert 0 < len(shown["buckets"]) <= MOST_BUCKETS
        assert sum(map(sum, shown["buckets"])) == shown["total"] == trail.count
        assert shown["begin"] % shown["width"] == 0
    narrow = numbered.timeline({"since": "2026-11-23T00:01:00Z", "until": "2026-11-23T00:01:10Z"})
    assert narrow["width"] == 1000
    assert [sum(counts) for counts in narrow["buckets"]] == [1] * 10
    assert numbered.timeline({"since": "2027-01-01"})["total"] == 0


def test_times_that_are_far_apart_or_missing(tmp_path: Path) -> None:
    """A clock that was wrong makes wide bars, and a request without a time is counted."""
    made = [
        event(audit_id="old", requestReceivedTimestamp="0001-01-01T00:00:00.000000Z"),
        event(audit_id="new"),
        event(audit_id="none", requestReceivedTimestamp="", stageTimestamp=""),
    ]
    trail, index = opened(tmp_path, write(tmp_path / "audit.log", made))
    shown = trail.timeline({})
    assert len(shown["buckets"]) <= MOST_BUCKETS
    assert shown["total"] == len(trail.page({})["rows"]) == 3
    index.close()


def test_an_empty_trail(tmp_path: Path) -> None:
    """Nothing to show, and no fault."""
    trail, index = opened(tmp_path, write(tmp_path / "audit.log", []))
    assert trail.page({})["rows"] == []
    assert trail.timeline({})["total"] == 0
    assert trail.suggestions()["user"] == []
    index.close()


def test_suggestions(shop: ViewedTrail) -> None:
    """The most frequent values first."""
    found = shop.suggestions()
    assert found["user"][0] == "alice"
    assert "pods/exec" in found["resource"]
    assert set(found) == {"user", "verb", "resource", "namespace", "code"}


@pytest.mark.parametrize("key", ["x", "[]", '["a","b","c"]', "[1,2,3]", "[" * 5000])
def test_keys_of_others(shop: ViewedTrail, key: str) -> None:
    """A key that is none is a fault of one line."""
    with pytest.raises(Unusable, match="take the key of a request"):
        shop.page({"older": key})


@pytest.mark.parametrize(
    "expression",
    [
        "1=1); DROP VIEW requests; --",
        "nothing = 1",
        "(SELECT count(*) FROM read_text('/etc/passwd')) > 0",
        "(SELECT getenv('HOME')) = ''",
        "true) UNION SELECT 1 --",
        "true\n) UNION ALL (SELECT 1, 2, 3 WHERE (true",
        "SELECT",
        "request_object IS NULL",
        "verb = 'get') OR (true",
    ],
)
def test_expressions_that_reach_further(shop: ViewedTrail, expression: str) -> None:
    """They are refused, and the next question is answered."""
    with pytest.raises(Unusable):
        shop.page({"where": expression})
    with pytest.raises(Unusable):
        shop.timeline({"where": expression})
    assert len(shop.page({})["rows"]) == 13


def test_the_place_in_an_expression(shop: ViewedTrail) -> None:
    """It is that in what was typed, of what is no SQL and of what has no such column."""
    for ask in (shop.page, shop.timeline):
        with pytest.raises(Unusable, match=r"\(line 1, column 14: \)\)$"):
            ask({"user": "alice", "where": "verb = 'get' ) OR (true"})
        with pytest.raises(Unusable, match=r"\(line 2, column 5: nothing\)$"):
            ask({"user": "alice", "where": "seconds > 1\nAND nothing = 1"})
