"""The plain form of a recording's file."""

from auditproxy.recordings.forms import PlainForm


def test_lines_stay_what_they_are() -> None:
    """Nothing is added."""
    form = PlainForm()
    assert (form.suffix, form.piece(b"[]\n", "0.000001"), form.ending()) == (
        ".cast",
        b"[]\n",
        b"",
    )
