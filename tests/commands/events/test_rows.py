"""A request as a row and as an object."""

import pytest

from auditproxy.commands.events.rows import TABLE, WIDE, as_object, cells, csv_cells, tone, user_of
from tests.fakes.trails import PANIC, STARTED, event, facts


def test_cells() -> None:
    """One text for each heading, a dash where there is nothing."""
    one = facts(event("create", "pods", "web-1", user="", code=401, stage=STARTED, userAgent=""))
    assert cells(one, "now", None, wide=False) == (
        "now", "-", "tried to create pod/web-1 -n shop", "401", "192.0.2.7",
    )  # fmt: skip
    assert len(cells(one, "now", None, wide=False)) == len(TABLE)
    assert len(cells(one, "now", None, wide=True)) == len(WIDE)


def test_users() -> None:
    """As whom somebody acted."""
    assert (
        user_of(facts(event(impersonatedUser={"username": "system:node:n1"}))) == "alice as node/n1"
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (event(code=403), "refused"),
        (event(stage=PANIC), "refused"),
        (event("delete"), "deleted"),
        (event("get", "secrets"), "sensitive"),
        (event("get", "pods/exec"), "sensitive"),
        (event("create"), "created"),
        (event(), "plain"),
    ],
)
def test_tones(made: dict[str, object], expected: str) -> None:
    """What a row is coloured by."""
    assert tone(facts(made)) == expected


def test_objects() -> None:
    """Members without a value are left out; what is always known is always there."""
    row = as_object(facts(event(stage=STARTED, code=200, objectRef=None, sourceIPs=[])))
    assert row["open"] is True
    assert row["stages"] == [STARTED]
    assert not {"ended", "resource", "namespace", "durationSeconds", "sourceIPs"} & row.keys()
    assert as_object(facts(event(took=1.5)))["durationSeconds"] == 1.5


def test_csv() -> None:
    """Lists are one cell, and formulas are none."""
    row = {"sourceIPs": ["a", "b"], "user": "-1+2", "name": "ok"}
    found = csv_cells(row)
    assert "a b" in found
    assert "'-1+2" in found
    assert "ok" in found
