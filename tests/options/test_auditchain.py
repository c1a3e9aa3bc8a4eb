"""Faults of the hash chain's flags."""

from typing import Any

import pytest

from auditproxy.apis.units import SECOND
from auditproxy.options import validate
from tests.fakes.options import options

LOG = {"audit_log_path": "/a.log", "hash_chain": True}
KEY = {**LOG, "checkpoint_key_file": "/k"}


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        ({}, ""),
        (LOG, ""),
        (KEY, ""),
        ({**KEY, "checkpoint_anchor": "stderr"}, ""),
        (
            {**KEY, "checkpoint_anchor": "webhook", "audit_webhook_config_file": "/w"},
            "",
        ),
        ({**LOG, "workers": 2}, ""),
        ({**LOG, "audit_log_mode": "batch", "audit_log_truncate_enabled": True}, ""),
        (
            {**LOG, "audit_log_format": "legacy"},
            "needs json as --audit-log-format; a line's place in the chain is in annotations, which "
            "the format legacy does not have",
        ),
        ({"hash_chain": True}, "--audit-log-hash-chain needs a file in --audit-log-path"),
        ({**LOG, "audit_log_path": "-"}, "the next start cannot find where the chain ended"),
        (
            {"audit_webhook_config_file": "/w", "hash_chain": True},
            "--audit-log-hash-chain needs a file",
        ),
        (
            {"audit_log_path": "/a.log", "checkpoint_key_file": "/k"},
            "--audit-log-checkpoint-key-file needs --audit-log-hash-chain",
        ),
        ({**KEY, "checkpoint_interval": SECOND - 1}, "interval must be at least 1s"),
        ({**KEY, "checkpoint_anchor": "nats"}, "anchor must be one of stderr, webhook, or empty"),
        ({**LOG, "checkpoint_anchor": "stderr"}, "there are no checkpoints without"),
        ({**KEY, "checkpoint_anchor": "webhook"}, "needs --audit-webhook-config-file"),
    ],
)
def test_faults(flags: dict[str, Any], fault: str) -> None:
    """Each names its flag, what it needs, and why."""
    faults = validate(options(secure_port=1, **flags))
    assert len(faults) == bool(fault)
    assert fault in "".join(faults)
