"""options/sessions.py: settings of sessions and their faults."""

from typing import Any

import pytest

from auditproxy.options.sessions import SessionOptions, session_faults


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
            {"recording_max_session_size": 1000},
            "--session-recording-max-session-size 1000 is less than 64KiB; give a size such as "
            "64MiB",
        ),
        (
            {"recording_max_total_size": 1 << 20},
            "--session-recording-max-total-size 1048576 is less than "
            "--session-recording-max-session-size 67108864; no session could be recorded whole",
        ),
        ({"recording_max_age": -1}, "--session-recording-maxage -1 can't be a negative number"),
        ({"log_maxsize": -1}, "--session-log-maxsize -1 can't be a negative number"),
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
    ("fields", "followed"),
    [
        ({}, True),
        ({"annotations": False}, False),
        ({"annotations": False, "log_path": "-"}, True),
        ({"annotations": False, "webhook_config_file": "receiver"}, True),
        ({"annotations": False, "recording_config_file": "policy"}, True),
    ],
)
def test_followed(fields: dict[str, Any], followed: bool) -> None:
    """Sessions are read only where something comes of it."""
    assert SessionOptions(**fields).is_followed is followed
