"""Faults of the alert flags."""

import pytest

from auditproxy.options.alerts import BUILTIN, AlertOptions, alert_faults


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        (AlertOptions(), []),
        (AlertOptions(rules_file=BUILTIN, destinations_file="d"), []),
        (
            AlertOptions(destinations_file="d"),
            [
                "--alert-destinations-file needs --alert-rules-file; name a file of rules, "
                "or builtin"
            ],
        ),
        (AlertOptions(queue_size=0), ["--alert-queue-size must be at least 1, is 0"]),
    ],
)
def test_faults(options: AlertOptions, faults: list[str]) -> None:
    """What shows without reading a file."""
    assert alert_faults(options) == faults
