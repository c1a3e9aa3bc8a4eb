"""docs/threat-model.md tells the truth about which cases are proved."""

import re

from tests.threats.inventory import (
    BEGIN,
    DOCUMENT,
    END,
    GROUPS,
    ROOT,
    WITHOUT_A_TEST,
    documented_tests,
    missing,
    proved,
    tables,
)


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


def test_named_functions_and_tests_exist() -> None:
    """Every function and test that the table of rules names is there."""
    text = DOCUMENT.read_text(encoding="utf-8")
    tests = {f"{path}::{name}" for path, name, _ in documented_tests()}
    for name in re.findall(r"`(tests/[a-z_0-9/]+\.py::test_[a-z_0-9]+)`", text):
        assert name in tests, name
    for path, function in re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py):([A-Za-z_.0-9]+)`", text):
        source = (ROOT / "auditproxy" / path).read_text(encoding="utf-8")
        last = function.rpartition(".")[2]
        assert re.search(rf"(?:def|class) {last}\b", source), (path, function)
