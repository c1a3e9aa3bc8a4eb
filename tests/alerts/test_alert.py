"""What an alert is."""

from auditproxy.alerts.alert import SEVERITIES, AlertState
from tests.fakes.alertrules import alert


def test_the_same_alert_in_another_state_has_the_same_identity() -> None:
    """Labels say which alert it is; the state, the times and the annotations do not."""
    firing = alert()
    resolved = alert(state=AlertState.RESOLVED, annotations={}, count=5)
    assert firing.labels == resolved.labels
    assert firing != resolved


def test_severities_from_the_least() -> None:
    """The words that a rule may use."""
    assert SEVERITIES[0] == "info"
    assert SEVERITIES[-1] == "critical"
