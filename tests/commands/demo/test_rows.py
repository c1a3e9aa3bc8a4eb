"""Rows of the demo: safe for a terminal, and exactly as wide as it (faults from outside, D)."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.commands.demo.rows import (
    GAP,
    HEADING,
    NARROWEST,
    Row,
    cells,
    row_of,
    seconds_in_words,
    text_of,
)
from auditproxy.reading.meaning.cells import columns, fitted, visible

EVENT: dict[str, Any] = {
    "auditID": "a",
    "stage": "ResponseComplete",
    "level": "RequestResponse",
    "requestURI": "/api/v1/namespaces/default/pods/hello/exec?command=env",
    "verb": "get",
    "user": {"username": "admin"},
    "objectRef": {
        "resource": "pods",
        "namespace": "default",
        "name": "hello",
        "apiVersion": "v1",
        "subresource": "exec",
    },
    "responseStatus": {"code": 101},
    "requestReceivedTimestamp": "2026-11-23T13:06:31.314986Z",
    "stageTimestamp": "2026-11-23T13:06:32.814986Z",
}
LIST = {
    "verb": "list",
    "requestURI": "/api/v1/pods",
    "objectRef": {"resource": "pods", "namespace": "default"},
}


def test_session() -> None:
    """D: the row of ``kubectl exec hello -- env``."""
    row = row_of(EVENT)
    assert row == Row(
        "13:06:32",
        "admin",
        "exec hello -n default -- env",
        "101, 1.5 s",
        "metadata",
        "changed",
        "2026-11-23T13:06:31.314986Z",
    )
    begun = row_of({**EVENT, "stage": "ResponseStarted"})
    assert (begun.result, begun.tone) == ("101 open", "open")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"impersonatedUser": {"username": "viewer"}}, {"user": "admin as viewer"}),
        ({"user": {}}, {"user": "-"}),
        ({**LIST, "responseStatus": {"code": 200}}, {"result": "200", "tone": "read"}),
        ({**LIST, "verb": "create"}, {"tone": "changed", "result": "101"}),
        (
            {"responseStatus": {"code": 403, "reason": "Forbidden"}},
            {"result": "403 Forbidden", "tone": "refused"},
        ),
        (
            {"responseStatus": {"code": 404, "reason": "NotFound"}},
            {"result": "404 NotFound", "tone": "refused"},
        ),
        ({"responseStatus": {"code": 799}}, {"result": "799", "tone": "failed"}),
        ({"responseStatus": {"code": 404}}, {"result": "404", "tone": "refused"}),
        ({"responseStatus": {"code": 502}}, {"result": "502", "tone": "failed"}),
        ({"responseStatus": {}}, {"result": "no answer"}),
        ({"stage": "Panic", "responseStatus": {}}, {"result": "500 Panic", "tone": "failed"}),
        ({"requestObject": {"a": 1}}, {"recorded": "request, 0.0 kB"}),
        ({"responseObject": {"a": "x" * 1500}}, {"recorded": "answer, 1.5 kB"}),
        (
            {"requestObject": {}, "responseObject": {"a": "x" * 2000}},
            {"recorded": "both bodies, 2.0 kB"},
        ),
    ],
)
def test_columns_of(change: dict[str, Any], expected: dict[str, str]) -> None:
    """User, result, what was recorded, and how it ended."""
    row = row_of({**EVENT, **change})
    assert {name: getattr(row, name) for name in expected} == expected


@pytest.mark.parametrize("width", [80, 120])
def test_lines_are_cut_not_broken(width: int) -> None:
    """D: a line longer than the terminal ends in an ellipsis, its columns stay in their place."""
    long = Row("13:06:31", "u" * 300, "list " + "p" * 300, "4" * 99, "m" * 99, "read")
    line = text_of(long, width)
    assert columns(line) == width
    assert "\n" not in line
    names = text_of(HEADING, width).split()
    assert line.count("…") == len(names) - 1
    for name in names[1:]:
        start = text_of(HEADING, width).index(name)
        assert line[start - len(GAP) : start] == GAP


def test_what_was_recorded_needs_room() -> None:
    """At 80 columns the request matters more."""
    assert "RECORDED" not in text_of(HEADING, 80)
    assert "RECORDED" in text_of(HEADING, 120)


ANY_TEXT = st.text(st.characters(codec=None), max_size=60)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.integers(1, 300))
def test_any_name_is_safe(user: str, request: str, result: str, width: int) -> None:
    """D: whatever a client calls itself, nothing steers the terminal and no line is too long."""
    row = Row("13:06:31", user, request, result, "metadata", "read")
    shown = cells(row, width)
    line = GAP.join(text for _, text in shown)
    assert columns(line) == max(width, NARROWEST)
    assert all(
        char.isprintable() and unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in line
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jx", "\\x1b[2Jx"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u200bzero", "\\u200bzero"),
        ("\ud800", "\\ud800"),
        ("❤\ufe0f", "❤\\ufe0f"),
        ("\x9b31m", "\\x9b31m"),
        ("日本 ü", "日本 ü"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """D: escape sequences, controls and direction marks are spelled out."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 5, "abcd…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日… "),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
        ("ab cdef", 4, "ab… "),
    ],
)
def test_fitted(text: str, width: int, shown: str) -> None:
    """D: wide characters count as two columns, combining ones as none."""
    assert fitted(text, width) == shown
    assert columns(shown) == width


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0004, "0 ms"), (0.04, "40 ms"), (1.44, "1.4 s"), (12.3, "12 s"), (180, "3 min")],
)
def test_seconds(seconds: float, words: str) -> None:
    """As a person would say it."""
    assert seconds_in_words(seconds) == words
