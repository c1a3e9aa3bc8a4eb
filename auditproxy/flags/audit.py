"""The flags of the audit policy and of what is kept of bodies."""

from auditproxy.flags.pflag import BYTES, LIST, STRING
from auditproxy.flags.settings import setting

AUDIT_SETTINGS = (
    setting(
        "audit.policy_file",
        "audit-policy-file",
        STRING,
        "Audit policy, an audit.k8s.io/v1 Policy. Empty means the built-in policy: Metadata for "
        "all requests, nothing for health checks and leases, secrets and tokens never above "
        "Metadata.",
        is_path=True,
    ),
    setting(
        "audit.authorization_annotations",
        "audit-authorization-annotations",
        STRING,
        "Where the annotations authorization.k8s.io/decision and reason come from: infer (from the "
        "answer), review (from a SubjectAccessReview, with the real reason) or off.",
    ),
    setting(
        "audit.redact",
        "audit-redact",
        STRING,
        "Rules for secret values in bodies and query parameters, which are replaced by keyed "
        "digests before any backend sees them; a RedactionConfiguration. Empty means the built-in "
        "rules: Secrets, TokenRequest, TokenReview, ?token= and ?access_token=. none disables "
        "redaction.",
        is_path=True,
        words=("none",),
    ),
    setting(
        "audit.redact_key_file",
        "audit-redact-key-file",
        STRING,
        "File with the key of the digests, at least 16 bytes, the same for all replicas whose "
        "events are compared. Empty means a random key for each process.",
        is_path=True,
    ),
    setting(
        "audit.capture_request_limit",
        "audit-capture-request-limit",
        BYTES,
        "Largest request body to record; a plain number, or with KiB, MiB or GiB.",
    ),
    setting(
        "audit.capture_response_limit",
        "audit-capture-response-limit",
        BYTES,
        "Largest response body to record; a plain number, or with KiB, MiB or GiB.",
    ),
    setting(
        "audit.capture_memory_limit",
        "audit-capture-memory-limit",
        BYTES,
        "Memory for the copies of all bodies until their events are written. Above a quarter of "
        "it, copies larger than 256 KiB move to temporary files.",
    ),
    setting(
        "audit.capture_spill_limit",
        "audit-capture-spill-limit",
        BYTES,
        "Total size of the temporary files of copies. They have no name and are encrypted with a "
        "key that exists in memory only. 0 disables them.",
    ),
    setting(
        "audit.capture_spill_dir",
        "audit-capture-spill-dir",
        STRING,
        "Folder of the temporary files. Empty means the system's default.",
        is_path=True,
    ),
    setting(
        "audit.protobuf_tables",
        "audit-protobuf-table",
        LIST,
        "File with a table of types, for protobuf bodies of API groups that are not built in; a "
        "comma-separated list or repeated. docs/protobuf.md has the format.",
    ),
)
"""In the order of help and documentation."""
