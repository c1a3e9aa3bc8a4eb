"""docs/threat-model.md tells the truth about which cases are proved."""

import re

import pytest

from tests.threats.inventory import (
    BEGIN,
    DOCUMENT,
    END,
    GROUPS,
    WITHOUT_A_TEST,
    missing,
    proved,
    tables,
)
from tests.threats.rules import ROOT, RULES, Rule


def test_no_case_is_forgotten() -> None:
    """Each case has a test or a reason why it has none, and never both."""
    assert missing() == []
    both = sorted(WITHOUT_A_TEST.keys() & proved().keys())
    assert both == [], "these have a test now: take them out of WITHOUT_A_TEST"
    assert all(any(n in cases for _, cases in GROUPS.values()) for n in WITHOUT_A_TEST)


def test_the_document_says_so() -> None:
    """The tables are those of the tests: ``python -m tests.threats.inventory --write``."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == tables()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_rules_stand_where_they_are_said_to(rule: Rule) -> None:
    """What the trial removes is there, once, in the function named, and so are the tests."""
    source = (ROOT / "auditproxy" / rule.path).read_text(encoding="utf-8")
    assert source.count(rule.kept) == 1
    assert re.search(rf"(?:def|class) {rule.function.rpartition('.')[2]}\b", source)
    for test in rule.tests:
        path, _, name = test.partition("::")
        assert f"def {name.rpartition('::')[2]}" in (ROOT / path).read_text(encoding="utf-8")
