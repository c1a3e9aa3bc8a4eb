"""Unusable: its lines, its text and its exit code."""

from auditproxy.apis.faults import FAILED, MISCONFIGURED, Unusable


class OutsideError(Unusable):
    """An error that no correction of a setting mends."""

    code = FAILED


def test_faults() -> None:
    """Every line is kept by itself; the text has them all."""
    error = Unusable("--a is bad; correct it", "--b is missing")
    assert error.faults == ("--a is bad; correct it", "--b is missing")
    assert str(error) == "--a is bad; correct it; --b is missing"


def test_codes() -> None:
    """A correction is asked for, unless the class or the place says otherwise."""
    assert Unusable("x").code == MISCONFIGURED
    assert OutsideError("x").code == FAILED
    assert Unusable("x", code=FAILED).code == FAILED


def test_under() -> None:
    """Each line gets the name in front, and the exit code stays."""
    error = OutsideError("a", "b").under("--flag path")
    assert error.faults == ("--flag path: a", "--flag path: b")
    assert error.code == FAILED
