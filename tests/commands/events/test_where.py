"""``--where``: requests for which an expression is true."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.where import narrowed
from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, write

MADE = [
    event(name="a", took=2.0),
    event(name="b", user="bob", took=3.0, at="11:00:00"),
    event(name="c", at="12:00:00", stage="ResponseStarted"),
]


def names(folder: Path, expression: str, search: Search | None = None) -> list[str]:
    """The names of the objects of the requests that are found."""
    files = [trail_file(str(write(folder / "audit.log", MADE)))]
    found = newest(files, narrowed(files, search or Search(), expression, 50, str(folder)), 50)
    return [one.event.object_ref.name for one in found.requests if one.event.object_ref]


def test_expressions(tmp_path: Path) -> None:
    """With the other filters, and with times."""
    assert names(tmp_path, "seconds > 1") == ["a", "b"]
    assert names(tmp_path, "outcome = 'open' -- a comment") == ["c"]
    bob = Search(conditions=conditions_of({"user": ["bob"]}))
    assert names(tmp_path, "seconds > 1", bob) == ["b"]
    assert names(tmp_path, "true", Search(since=1_795_431_600_000_000_000)) == ["b", "c"]
    assert names(tmp_path, "false") == []


@pytest.mark.parametrize("expression", ["nonsense", "1; DROP VIEW events", "("])
def test_faults(tmp_path: Path, expression: str) -> None:
    """They name the flag."""
    with pytest.raises(Unusable, match="^--where: "):
        names(tmp_path, expression)


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("verb='delete') or (verb='create'", 'near ")" (line 1, column 14: ))'),
        ("verb = ", 'near "=" (line 1, column 6: =)'),
        ("seconds > 1\n LIMIT 3", 'near "LIMIT" (line 2, column 2: LIMIT)'),
        ("seconds, verb", 'near "," (line 1, column 8: ,)'),
        ("verb = 'get' AND\nnme = 'web'", "(line 2, column 1: nme)"),
        ("seconds > 1 AS x", 'near "AS"'),
        ("verb = ?", "--where: it must be one expression, without parameters, and nothing else"),
    ],
)
def test_what_is_not_one_expression(tmp_path: Path, expression: str, fault: str) -> None:
    """The place is in what the user wrote; nothing gets out of the other filters."""
    with pytest.raises(Unusable) as caught:
        names(tmp_path, expression, Search(conditions=conditions_of({"user": ["nobody"]})))
    assert str(caught.value).endswith(fault)
    assert "ORDER BY" not in str(caught.value)
    assert "\n" not in str(caught.value)
