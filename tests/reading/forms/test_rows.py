"""CSV exports of tables."""

import csv
import io
import json
from typing import Any

import pytest

from auditproxy.reading.forms import rows
from auditproxy.reading.forms.rows import is_of_rows, rows_of
from auditproxy.reading.meaning.events import TORN, Counts


def table(*made: list[Any]) -> str:
    """Rows as a cloud writes them."""
    out = io.StringIO()
    csv.writer(out).writerows(made)
    return out.getvalue()


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b"@timestamp,@message,@logStream\n", True),
        (b'\xef\xbb\xbf"TimeGenerated [UTC]","log_s"\r\n', True),
        (b"AuditId,Level\n", True),
        (b'{"@message":"x"}\n', False),
        (b"[1]\n", False),
        (b"a,b\n", False),
        (b"", False),
        (b"klog @message,\n", False),
    ],
)
def test_headings(beginning: bytes, expected: bool) -> None:
    """By a column that has events."""
    assert is_of_rows(beginning) is expected


def test_rows() -> None:
    """Quotes and line ends within a field; empty cells are left out."""
    text = table(
        ["@timestamp", "@message", "x [UTC]"], ["t", '{"a": "b\n,"}\n', ""], ["u", "v", "w"]
    )
    counts = Counts()
    assert list(rows_of(io.StringIO(text, newline=""), counts)) == [
        {"@timestamp": "t", "@message": '{"a": "b\n,"}\n'},
        {"@timestamp": "u", "@message": "v", "x": "w"},
    ]
    assert counts == {}


def test_broken_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted, and the next is read."""
    monkeypatch.setattr(rows, "LONGEST_FIELD", 100)
    before = csv.field_size_limit()
    lines = ["@message,b\n", "1\n", "1,2,3\n", "\n", "x" * 200 + ",2\n", "3,4\n"]
    counts = Counts()
    assert list(rows_of(lines, counts)) == [{"@message": "3", "b": "4"}]
    assert counts[TORN] == 3
    assert csv.field_size_limit() == before


def test_no_rows() -> None:
    """Nothing at all."""
    assert list(rows_of([], Counts())) == []
    assert json.dumps(list(rows_of(["@message\n"], Counts()))) == "[]"
