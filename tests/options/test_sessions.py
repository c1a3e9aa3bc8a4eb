"""options/sessions.py: settings of sessions and their faults."""

from typing import Any

import pytest

from auditproxy.options.sessions import SessionOptions, session_faults

SPOOLED = {"webhook_config_file": "receiver", "webhook_spool_dir": "spool"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"recording_dir": "recordings"},
            "--session-recording-dir has no effect without --session-recording-config-file; "
            "give both, or remove it",
        ),
        (
            {"recording_recipients_file": "keys"},
            "--session-recording-recipients-file has no effect without "
            "--session-recording-config-file; give both, or remove it",
        ),
        (
            {"recording_upload_config_file": "s3.yaml"},
            "--session-recording-upload-config-file has no effect without "
            "--session-recording-config-file; give both, or remove it",
        ),
        (
            {"log_maxsize": 1},
            "--session-log-maxsize has no effect without --session-log-path; give both, or remove "
            "it",
        ),
        (
            {"log_compress": True, "webhook_config_file": "receiver"},
            "--session-log-compress has no effect without --session-log-path; give both, or "
            "remove it",
        ),
        (
            {"annotations": "yes"},
            'invalid --audit-session-annotations "yes", allowed values are "auto,always,never"',
        ),
        (
            {"recording_max_session_size": 1000},
            "--session-recording-max-session-size 1000 is less than 64KiB; give a size such as "
            "64MiB",
        ),
        (
            {"recording_max_total_size": 1 << 20},
            "--session-recording-max-total-size 1048576 is less than "
            "--session-recording-max-session-size 67108864; no session could be recorded whole",
        ),
        (
            {"webhook_spool_dir": "spool"},
            "--session-webhook-spool-dir has no effect without --session-webhook-config-file; "
            "give both, or remove it",
        ),
        (
            {"webhook_spool_max_bytes": 1 << 21},
            "--session-webhook-spool-max-bytes has no effect without --session-webhook-spool-dir; "
            "give both, or remove it",
        ),
        (
            {**SPOOLED, "webhook_spool_max_bytes": 1},
            "--session-webhook-spool-max-bytes must be at least 1Mi; the default is 1Gi",
        ),
        (
            {**SPOOLED, "webhook_spool_full_policy": "refuse"},
            'invalid --session-webhook-spool-full-policy "refuse", allowed values are '
            '"drop-oldest,block"',
        ),
        ({"recording_max_age": -1}, "--session-recording-maxage -1 can't be a negative number"),
        (
            {"log_path": "-", "log_maxsize": -1},
            "--session-log-maxsize -1 can't be a negative number",
        ),
    ],
)
def test_faults(fields: dict[str, Any], fault: str) -> None:
    """Each names the flag and the fix."""
    assert session_faults(SessionOptions(**fields)) == [fault]


def test_nothing_is_wrong_with_the_defaults() -> None:
    """No bound on the total is no fault either."""
    assert session_faults(SessionOptions()) == []
    assert session_faults(SessionOptions(recording_max_total_size=0)) == []


@pytest.mark.parametrize(
    ("fields", "annotated"),
    [
        ({}, False),
        ({"annotations": "always"}, True),
        ({"log_path": "-"}, True),
        ({"webhook_config_file": "receiver"}, True),
        ({"recording_config_file": "policy"}, True),
        ({"annotations": "never", "log_path": "-"}, False),
    ],
)
def test_annotated(fields: dict[str, Any], annotated: bool) -> None:
    """By default events stay kube-apiserver's own where nothing is kept of sessions."""
    options = SessionOptions(**fields)
    assert options.annotates() is annotated
    assert options.annotates(heard=True) is (options.annotations != "never")
