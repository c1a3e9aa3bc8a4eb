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
        (
            AlertOptions(rules_file=BUILTIN, destinations_file="d", spool_dir="s"),
            [],
        ),
        (
            AlertOptions(rules_file=BUILTIN, spool_dir="s"),
            [
                "--alert-spool-dir has no effect without --alert-destinations-file; give both, or "
                "remove it"
            ],
        ),
        (
            AlertOptions(spool_max_bytes=5, spool_full_policy="refuse"),
            [
                'invalid --alert-spool-full-policy "refuse", allowed values are '
                '"drop-oldest,block"',
                "--alert-spool-max-bytes has no effect without --alert-spool-dir; give both, or "
                "remove it",
                "--alert-spool-full-policy has no effect without --alert-spool-dir; give both, or "
                "remove it",
                "--alert-spool-max-bytes must be at least 1Mi; the default is 64Mi",
            ],
        ),
    ],
)
def test_faults(options: AlertOptions, faults: list[str]) -> None:
    """What shows without reading a file."""
    assert alert_faults(options) == faults
