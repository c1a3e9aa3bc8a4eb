"""notifiers/spooledalerts.py: alerts as lines and back, and what stands for missing ones."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.alert import SEVERITIES, Alert, AlertState
from auditproxy.audit.gaps import Gap
from auditproxy.notifiers.spooledalerts import (
    GAP_NAME,
    alert_as_line,
    alert_counted,
    alert_form,
    alert_of_line,
)
from tests.fakes.alertrules import alert

NOW = "2026-11-28T21:00:00.000000Z"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.integers(0, 10**7).map(lambda number: 1_767_225_600_000_000_000 + number * 1000)
ALERTS = st.builds(
    Alert,
    name=TEXTS,
    severity=st.sampled_from(SEVERITIES),
    state=st.sampled_from(AlertState),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=3),
    annotations=st.dictionaries(TEXTS, TEXTS, max_size=3),
    starts_at=TIMES,
    ends_at=TIMES,
    count=st.integers(1, 10**9),
)


@given(ALERTS)
def test_there_and_back(one: Alert) -> None:
    """All of it, on one line."""
    line = alert_as_line(one)
    assert b"\n" not in line
    assert alert_of_line(line) == one


def test_surrogates() -> None:
    """Half a character does not lose an alert."""
    line = alert_as_line(alert(annotations={"summary": "a\ud800"}))
    assert alert_of_line(line).annotations == {"summary": "a\ufffd"}


def test_counted() -> None:
    """An alert counts by its event or session, and when it began or ended."""
    found = alert_counted(alert_as_line(alert(annotations={"audit_id": "a", "session_id": "s"})))
    assert (found.identity, found.time) == ("a", "2026-01-01T00:00:00.000000Z")
    ended = alert(annotations={"session_id": "s"}, state=AlertState.RESOLVED)
    found = alert_counted(alert_as_line(ended))
    assert (found.identity, found.time) == ("s", "2026-01-01T00:05:00.000000Z")


def test_gaps_in_gaps() -> None:
    """One that is missing itself counts with what it stood for; its digest is its identity."""
    form = alert_form("alerts to pager", lambda: {"cluster": "c"})
    inner = Gap()
    for identity in ("a", "b"):
        inner.add(identity, NOW, "spool-full")
    line = form.gap_line(inner, NOW)
    shown = alert_of_line(line)
    assert shown.labels["cluster"] == "c"
    assert shown.annotations["summary"].startswith("2 alerts are missing here from ")
    told = form.counted(line)
    outer = Gap()
    outer.add_gap(told.identity, told.annotations)
    assert (outer.events, outer.reason) == (2, "spool-full")
    assert outer.digest == hashlib.sha256(inner.digest.encode() + b"\n").hexdigest()


def test_damage() -> None:
    """Of what cannot be read only the bytes are known."""
    for events, text in (
        (0, "alerts, in 100 damaged bytes, are missing here: damaged"),
        (1, "1 alert is missing here: damaged"),
    ):
        damage = Gap()
        damage.add_unknown(events, 100, "damaged")
        shown = alert_of_line(alert_form("o", dict).gap_line(damage, NOW))
        assert shown.name == GAP_NAME
        assert shown.annotations["summary"] == text
        assert shown.annotations["auditproxy.io/gap-bytes"] == "100"
