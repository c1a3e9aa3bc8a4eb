"""Every report can be made of a saved trail; that it is the same one is for test_savedpass.py."""

from auditproxy.reading.reports.columns import COLUMNS
from auditproxy.reading.reports.subjects import SUBJECTS


def test_every_subject_has_columns() -> None:
    """One that had none could not be made of a saved trail."""
    assert COLUMNS.keys() == SUBJECTS.keys()
