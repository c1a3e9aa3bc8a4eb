"""What is recorded, and what is kept of bodies for it."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.units import MEBIBYTE
from auditproxy.options.declared import Declared
from auditproxy.options.values import choice

AUTHORIZATION_ANNOTATIONS = ("infer", "review", "off")
MOST_PROCESSES = 16
"""Processes that may decode bodies; each may hold several times the largest body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What is recorded; where it goes is said by the options of the two backends."""

    policy_file: Annotated[
        str,
        Declared(
            "audit-policy-file",
            "path",
            "Audit policy, an audit.k8s.io/v1 Policy. Empty means the built-in policy: Metadata "
            "for all requests, nothing for health checks and leases, secrets and tokens never "
            "above Metadata.",
        ),
    ] = ""
    authorization_annotations: Annotated[
        str,
        Declared(
            "audit-authorization-annotations",
            "string",
            "Where the annotations authorization.k8s.io/decision and reason come from: infer "
            "(from the answer), review (from a SubjectAccessReview, with the real reason) or off.",
            choices=AUTHORIZATION_ANNOTATIONS,
        ),
    ] = "infer"
    """One of AUTHORIZATION_ANNOTATIONS."""
    redact: Annotated[
        str,
        Declared(
            "audit-redact",
            "path",
            "Rules for secret values in bodies and query parameters, which are replaced by keyed "
            "digests before any backend sees them; a RedactionConfiguration. Empty means the "
            "built-in rules: Secrets, TokenRequest, TokenReview, ?token= and ?access_token=. "
            "none disables redaction.",
            words=("none",),
        ),
    ] = ""
    redact_key_file: Annotated[
        str,
        Declared(
            "audit-redact-key-file",
            "path",
            "File with the key of the digests, at least 16 bytes, the same for all replicas "
            "whose events are compared. Empty means a random key for each process.",
        ),
    ] = ""
    capture_request_limit: Annotated[
        int,
        Declared(
            "audit-capture-request-limit",
            "bytes",
            "Largest request body to record; a plain number, or with KiB, MiB or GiB.",
        ),
    ] = 3 * MEBIBYTE
    capture_response_limit: Annotated[
        int,
        Declared(
            "audit-capture-response-limit",
            "bytes",
            "Largest response body to record; a plain number, or with KiB, MiB or GiB.",
        ),
    ] = 8 * MEBIBYTE
    capture_memory_limit: Annotated[
        int,
        Declared(
            "audit-capture-memory-limit",
            "bytes",
            "Memory for the copies of all bodies until their events are written. Above a quarter "
            "of it, copies larger than 256 KiB move to temporary files.",
        ),
    ] = 64 * MEBIBYTE
    capture_spill_limit: Annotated[
        int,
        Declared(
            "audit-capture-spill-limit",
            "bytes",
            "Total size of the temporary files of copies. They have no name and are encrypted "
            "with a key that exists in memory only. 0 disables them.",
        ),
    ] = 1024 * MEBIBYTE
    capture_spill_dir: Annotated[
        str,
        Declared(
            "audit-capture-spill-dir",
            "path",
            "Folder of the temporary files. Empty means the system's default.",
        ),
    ] = ""
    decode_processes: Annotated[
        int,
        Declared(
            "audit-decode-processes",
            "int",
            "Processes that decode large bodies, such as a LIST of all Secrets, so that small "
            "requests do not wait for it; each starts with the first such body. 0 decodes on a "
            "thread. -1 is one process where the proxy may use two cores or more, and none with "
            "fewer. More than one, such as 3, are for clients that ask for large lists all the "
            "time.",
        ),
    ] = -1
    protobuf_tables: Annotated[
        tuple[str, ...],
        Declared(
            "audit-protobuf-table",
            "strings",
            "File with a table of types, for protobuf bodies of API groups that are not built "
            "in; a comma-separated list or repeated. docs/protobuf.md has the format.",
        ),
    ] = ()


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
    if not -1 <= audit.decode_processes <= MOST_PROCESSES:
        faults.append(
            f"--audit-decode-processes {audit.decode_processes} must be -1 or a number from 0 to "
            f"{MOST_PROCESSES}"
        )
    if audit.capture_spill_limit < 0:
        faults.append("--audit-capture-spill-limit can't be negative; 0 disables temporary files")
    if audit.capture_spill_dir and not audit.capture_spill_limit:
        faults.append("--audit-capture-spill-dir has no effect with --audit-capture-spill-limit=0")
    return faults
