"""What is recorded, and what is kept of bodies for it."""

from dataclasses import dataclass

from auditproxy.apis.units import MEBIBYTE
from auditproxy.options.values import choice

AUTHORIZATION_ANNOTATIONS = ("infer", "review", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What is recorded; where it goes is said by the options of the two backends."""

    policy_file: str = ""
    """audit.k8s.io/v1 Policy; "" is the built-in policy."""
    authorization_annotations: str = "infer"
    """Where the authorization.k8s.io/ annotations come from, one of AUTHORIZATION_ANNOTATIONS."""
    redact: str = ""
    """File of redaction rules; "" is the built-in rules, ``none`` records secrets as they are."""
    redact_key_file: str = ""
    """File with the key of redacted values' digests; "" is a random key for this process."""
    capture_request_limit: int = 3 * MEBIBYTE
    """Bytes of one request body that are kept for its event."""
    capture_response_limit: int = 8 * MEBIBYTE
    """Bytes of one response body that are kept for its event."""
    capture_memory_limit: int = 64 * MEBIBYTE
    """Bytes of memory for the copies of all bodies; above a quarter of it they go to files."""
    capture_spill_limit: int = 1024 * MEBIBYTE
    """Bytes of all temporary files; 0 keeps copies in memory only."""
    capture_spill_dir: str = ""
    """Folder of the temporary files; "" is the system's."""
    protobuf_tables: tuple[str, ...] = ()
    """Files with tables of types of more API groups, over the built-in one."""


def audit_faults(audit: AuditOptions) -> list[str]:
    """Faults of what is recorded, in the order of the flags."""
    faults = choice(
        "audit-authorization-annotations",
        audit.authorization_annotations,
        AUTHORIZATION_ANNOTATIONS,
    )
    if audit.redact == "none" and audit.redact_key_file:
        faults.append(
            "--audit-redact-key-file is given with --audit-redact=none, which redacts nothing; "
            "remove one of them"
        )
    for name, limit in (
        ("request", audit.capture_request_limit),
        ("response", audit.capture_response_limit),
        ("memory", audit.capture_memory_limit),
    ):
        if limit < 1:
            faults.append(f"--audit-capture-{name}-limit {limit} must be a positive number")
    if audit.capture_spill_limit < 0:
        faults.append("--audit-capture-spill-limit can't be negative; 0 makes no files")
    if audit.capture_spill_dir and not audit.capture_spill_limit:
        faults.append("--audit-capture-spill-dir does nothing with --audit-capture-spill-limit=0")
    return faults
