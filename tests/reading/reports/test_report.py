"""Charts of reports: the first rows, where there are several."""

from auditproxy.reading.reports.report import MOST_BARS, bars


def test_bars() -> None:
    """A label of what is there, and at most so many."""
    rows = [{"who": f"u{number}", "what": "", "requests": number} for number in range(30)]
    chart = bars("Requests", rows, ("who", "what"), "requests")
    assert chart is not None
    assert len(chart.points) == MOST_BARS
    assert chart.points[1] == ("u1", 1.0)
    assert bars("Requests", rows[:1], ("who",), "requests") is None
