"""Settings of a spool, and what is wrong with them."""

from pathlib import Path
from typing import Any

from auditproxy.options import Options, validate
from tests.fakes.options import options


def spooled(folder: Path, **more: Any) -> Options:
    """Options with a spool in a folder."""
    return options(
        audit_webhook_config_file="x", audit_webhook_spool_dir=str(folder), secure_port=1, **more
    )


def test_faults_of_options() -> None:
    """Each names its flag; a spool that is not asked for has none."""
    wrong = {"spool_max_bytes": 1, "spool_full_policy": "x"}
    flags = {f"audit_webhook_{name}": given for name, given in wrong.items()}
    faults = validate(spooled(Path("x"), **flags))
    assert faults == (
        "--audit-webhook-spool-max-bytes must be at least 1Mi; the default is 1Gi",
        "--audit-webhook-spool-full-policy must be one of block, refuse, drop-oldest",
    )
    assert validate(options(audit_webhook_config_file="x", secure_port=1, **flags)) == ()
    refuse = spooled(Path("x"), audit_webhook_spool_full_policy="refuse")
    assert "refuse needs --audit-webhook-mode=blocking-strict" in validate(refuse)[-1]
