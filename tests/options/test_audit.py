"""What is recorded: the settings of the policy and of captured bodies."""

from typing import Any

import pytest

from auditproxy.options.audit import AuditOptions, audit_faults


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"authorization_annotations": "guess"},
            'invalid --audit-authorization-annotations "guess", '
            'allowed values are "infer,review,off"',
        ),
        (
            {"redact": "none", "redact_key_file": "key"},
            "--audit-redact-key-file is given with --audit-redact=none, which redacts nothing; "
            "remove one of them",
        ),
        ({"capture_request_limit": 0}, "--audit-capture-request-limit 0 must be a positive number"),
        (
            {"capture_response_limit": -1},
            "--audit-capture-response-limit -1 must be a positive number",
        ),
        (
            {"decode_processes": -2},
            "--audit-decode-processes -2 must be -1 or a number from 0 to 16",
        ),
        (
            {"decode_processes": 17},
            "--audit-decode-processes 17 must be -1 or a number from 0 to 16",
        ),
    ],
)
def test_faults(fields: dict[str, Any], fault: str) -> None:
    """Each names the flag and what it takes."""
    assert audit_faults(AuditOptions(**fields)) == [fault]
