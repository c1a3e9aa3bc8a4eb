"""What is said of verdicts."""

import io
import json

from auditproxy.commands.reconcile.judging import PairVerdict, VerdictTally
from auditproxy.commands.reconcile.printing import ComparedPeriod, JsonReport, TextReport
from tests.commands.reconcile.records import record


class Written(io.StringIO):
    """Standard output that is a pipe."""

    def isatty(self) -> bool:
        """It is none."""
        return False


FOUND = ComparedPeriod(0, 2_000_000, is_by_id=True)
DIFFERENT = PairVerdict("different", record(False), (("user", "alice", ""),))


def test_json() -> None:
    """An object for each finding, and the counts at the end."""
    out, tally = Written(), VerdictTally()
    report = JsonReport(out)
    report.begin(FOUND)
    for verdict in (DIFFERENT, PairVerdict("matched", record(True))):
        report.add(verdict)
        tally.add(verdict)
    report.finish(tally)
    first, last = map(json.loads, out.getvalue().splitlines())
    assert first["differences"] == [{"member": "user", "proxy": "alice", "cloud": ""}]
    assert first["resource"] == "pods"
    assert (last["begin"], last["end"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z")
    assert last["summary"]["matched"] == last["summary"]["different"] == 1


def test_text() -> None:
    """Only tables that have something; how GKE was put together is said."""
    out, tally = Written(), VerdictTally()
    report = TextReport(out, 5)
    report.begin(ComparedPeriod(0, 1, is_by_id=False))
    report.add(DIFFERENT)
    tally.add(DIFFERENT)
    report.finish(tally)
    shown = out.getvalue()
    assert "because GKE has no audit IDs" in shown
    assert "user alice -> -" in shown
    assert "Bypassed the proxy:" not in shown
