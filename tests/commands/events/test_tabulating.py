"""Rows of any columns, laid out."""

import json
from typing import Any

import pytest

from auditproxy.commands.events.tabulating import Laid, laid_out


def lines(output: str, columns: list[str], types: list[str], rows: list[list[Any]]) -> list[str]:
    """What is written, not on a terminal."""
    how = Laid(output=output, is_colored=False, width=None)
    return list(laid_out(columns, types, rows, how))


def test_a_table() -> None:
    """Columns are aligned; what has no value is a dash, and what is not text is as JSON has it."""
    rows: list[list[Any]] = [["a", None, True], ["longer", [1, "x"], {"k": 1}]]
    assert lines("table", ["one", "two", "three"], ["VARCHAR"] * 3, rows) == [
        "one     two       three\n",
        "a       -         true\n",
        'longer  [1, "x"]  {"k": 1}\n',
    ]


def test_no_rows() -> None:
    """The heading is there."""
    assert lines("table", ["one"], ["VARCHAR"], []) == ["one\n"]
    assert lines("csv", ["one"], ["VARCHAR"], []) == ["one\n"]
    assert lines("json", ["one"], ["VARCHAR"], []) == []


def test_many_rows() -> None:
    """They are laid out in batches, each once."""
    rows = [[str(number)] for number in range(2500)]
    assert lines("table", ["n"], ["VARCHAR"], rows) == ["n\n", *(f"{n}\n" for n in range(2500))]


def test_objects() -> None:
    """Bodies are objects, moments are RFC 3339, and no column is lost for its name."""
    types = ["TIMESTAMP WITH TIME ZONE", "JSON", "INTEGER", "INTEGER", "JSON"]
    row = ["2026-11-23 10:00:00.5+00:00", '{"a": [1]}', 1, 2, "{torn"]
    (line,) = lines("json", ["at", "body", "n", "n", "n_1"], types, [row])
    assert json.loads(line) == {
        "at": "2026-11-23T10:00:00.5Z",
        "body": {"a": [1]},
        "n": 1,
        "n_1": 2,
        "n_1_1": "{torn",
    }


def test_spreadsheets() -> None:
    """Text is no formula; numbers are numbers."""
    row = ["=1+1", -1, '-x,"', None]
    made = lines("csv", ["+a", "b", "c", "d"], ["VARCHAR", "INTEGER", "VARCHAR", "VARCHAR"], [row])
    assert made == ["'+a,b,c,d\n", '\'=1+1,-1,"\'-x,""",\n']


def test_a_terminal() -> None:
    """Lines are cut to its width, and the heading is dim."""
    how = Laid(output="table", is_colored=True, width=8)
    made = list(laid_out(["one", "two"], ["VARCHAR"] * 2, [["abcdef", "ghijkl"]], how))
    assert made == ["\x1b[2mone…\x1b[0m\n", "abcdef…\n"]


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_hostile_text(output: str) -> None:
    """Nothing steers a terminal, in columns and in values."""
    bad = "\x1b[2J\u202e\x00\x9b<script>"
    made = "".join(lines(output, [bad], ["VARCHAR"], [[bad], [[bad]], [{bad: bad}]]))
    assert "script" in made
    assert not set(made) & set("\x1b\u202e\x00\x9b")
