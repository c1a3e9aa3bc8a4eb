"""The subjects of reports: each has a word of the command."""

from auditproxy.commands.report.command import WORDS
from auditproxy.reading.reports.subjects import SUBJECTS
from tests.reading.reports.made import sections


def test_words() -> None:
    """None is missing, and each has tables without any request."""
    assert tuple(SUBJECTS) == (*WORDS, "rbac", "rbac derive")
    for word in WORDS:
        assert all(not section.rows and section.empty for section in sections(word).values())
