"""Requests of two trails, side by side."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.commands.reconcile import pairing
from auditproxy.commands.reconcile.pairing import SideRecord, pairs_of
from tests.commands.reconcile.records import record


def names(records: list[SideRecord], apart: int = 10) -> list[tuple[Any, Any]]:
    """The pairs, as their times."""
    return [
        (a.received if a is not None else None, b.received if b is not None else None)
        for a, b in pairs_of(records, apart)
    ]


def test_pairs() -> None:
    """Of one key and about one time; each record once."""
    made = [
        record(True, key="a", received=1),
        record(False, key="a", received=3),
        record(True, key="b", received=4),
        record(False, key="c", received=5),
    ]
    assert names(made) == [(1, 3), (4, None), (None, 5)]


def test_an_audit_id_that_is_used_again() -> None:
    """One that comes later, or beside it, is a request of its own."""
    once = [record(True, received=1), record(False, received=2)]
    assert names([*once, record(False, received=500)]) == [(1, 2), (None, 500)]
    assert names([*once, record(False, received=4)]) == [(1, 2), (None, 4)]
    assert names([record(False, received=-400), *once]) == [(None, -400), (1, 2)]


def test_what_was_exported_twice() -> None:
    """Is one, and requests of one moment with audit IDs of their own are several."""
    made = [record(True, received=1), record(False, received=2), record(False, received=2)]
    assert names(made) == [(1, 2)]
    others = [record(False, received=2, audit_id=name) for name in "ab"]
    assert names(others) == [(None, 2), (None, 2)]


@pytest.mark.parametrize(
    "other",
    [
        {"username": "mallory"}, {"impersonated": "mallory"}, {"verb": "delete"}, {"code": 403},
        {"uri": "/api/v1/namespaces/shop/secrets/s"}, {"resource": "secrets"}, {"name": "q"},
        {"peer": "192.0.2.66"}, {"client": "curl/8"}, {"ended": 7}, {"message": "x"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_first", [False, True])
def test_one_that_differs_is_no_repetition(other: dict[str, Any], is_first: bool) -> None:
    """It has the audit ID and the microsecond of one that came through the proxy."""
    ours, theirs = record(True, received=1), record(False, received=1)
    direct = record(False, **{"received": 1} | other)
    beside = [direct, theirs] if is_first else [theirs, direct]
    found = list(pairs_of([ours, *beside, *beside], 10))
    assert [one for one in found if one[0] is None and one[1] in (theirs, direct)]
    assert {one for pair in found for one in pair} == {ours, theirs, direct, None}
    assert len(found) == 2


def test_the_one_that_is_alike_is_the_pair() -> None:
    """Whatever the order is: the direct request is the one that is left."""
    ours, theirs = record(True, received=5), record(False, received=6)
    for other in ({"username": "aaron"}, {"verb": "delete"}, {"uri": "/api/v1/nodes"}):
        direct = record(False, received=2, **other)
        assert list(pairs_of([direct, ours, theirs], 10)) == [(None, direct), (ours, theirs)]


def test_coarse_times() -> None:
    """Of a log with whole seconds requests of one second are as many as there are of ours."""
    second = 1_000_000
    ours = [record(True, received=second + n, uri=uri) for n, uri in enumerate("caab")]
    theirs = [record(False, received=second, uri=uri) for uri in "aabc"]
    found = list(pairs_of([*theirs, *ours], second))
    assert [(a.uri, b.uri) for a, b in found if a is not None and b is not None] == [
        (uri, uri) for uri in "aabc"
    ]
    repeated = list(pairs_of([*theirs, *theirs[:2], *ours], second))
    assert repeated == found


def test_a_key_of_many(monkeypatch: Any) -> None:
    """They are put together in parts."""
    monkeypatch.setattr(pairing, "MOST_OF_ONE_KEY", 4)
    made = [record(n % 2 == 0, received=n, audit_id=str(n // 2)) for n in range(20)]
    assert names(made, 1) == [(n, n + 1) for n in range(0, 20, 2)]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.integers(0, 50)), unique=True))
def test_nothing_is_lost(drawn: list[tuple[bool, str, int]]) -> None:
    """Each record is in one pair, on its side, and pairs are of one key and one time."""
    made = [
        record(side, key=key, received=at)
        for side, key, at in sorted(drawn, key=lambda each: (each[1], each[2]))
    ]
    found = list(pairs_of(made, 5))
    flat = [one for pair in found for one in pair if one is not None]
    assert sorted(map(repr, flat)) == sorted(map(repr, made))
    for ours, theirs in found:
        if ours is not None and theirs is not None:
            assert ours.is_ours
            assert not theirs.is_ours
            assert ours.key == theirs.key
            assert abs(ours.received - theirs.received) <= 5


def test_what_a_request_is() -> None:
    """Its actor, its path and its kind."""
    made = record(True, impersonated="bob", uri="/api/v1/pods?watch=1", resource="pods")
    assert (made.actor, made.path, made.what) == ("bob", "/api/v1/pods", ("get", "", "pods", ""))
    assert record(True, username=None, resource=None, uri="/livez").what == (
        "get",
        "",
        "/livez",
        "",
    )
    assert record(True, username=None).actor == ""
