"""Lines of values by their paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.yamllines import line_of, lines_by_path

TEXT = b"""\
# comment
rules:
- level: None
  verbs: [get,
    list]
- {level: Metadata,
   resources: [{group: ''}]}
omitStages: []
"""


def test_lines() -> None:
    """A key's line is its value's, an item's where it begins."""
    lines = lines_by_path(TEXT)
    assert {path: lines[path] for path in (
        "rules", "rules[0]", "rules[0].level", "rules[0].verbs", "rules[0].verbs[1]", "rules[1]",
        "rules[1].resources[0].group", "omitStages",
    )} == {
        "rules": 2, "rules[0]": 3, "rules[0].level": 3, "rules[0].verbs": 4,
        "rules[0].verbs[1]": 5, "rules[1]": 6, "rules[1].resources[0].group": 7, "omitStages": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("rules[1].resources[0].resources", 7),
        ("rules[1].level", 6),
        ("rules[0] to rules[1]", 3),
        ("rules[1].resources.group", 7),
        ("rules[7].level", 2),
        ("other", None),
        ("", None),
    ],
)
def test_line_of(path: str, line: int | None) -> None:
    """What has no line of its own has that of what holds it."""
    assert line_of(lines_by_path(TEXT), path) == line


def test_json() -> None:
    """It is YAML."""
    assert lines_by_path(b'{"rules": [\n{"level": "None"}]}')["rules[0].level"] == 2


@pytest.mark.parametrize("text", [b"", b"a: [", b"\xff\xfe\xfd", b"- *x", b"? [a]\n: b\n"])
def test_unreadable(text: bytes) -> None:
    """There are no lines of what cannot be read, nor of keys that are no text."""
    assert lines_by_path(text) == {}


def test_aliases_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bytes may unfold to many places."""
    monkeypatch.setattr("auditproxy.serializer.yamllines.MOST_PLACES", 1000)
    text = b"a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for one, before in zip(b"bcdefghij", b"abcdefghi", strict=True):
        text += b"%c: &%c [%s]\n" % (one, one, b", ".join([b"*%c" % before] * 9))
    assert 1000 <= len(lines_by_path(text)) < 1100


@given(st.binary(max_size=100))
def test_any_bytes(text: bytes) -> None:
    """It never raises."""
    lines_by_path(text)
