"""Reads --audit-redact and its key: from options to a Redactor, or faults."""

import secrets
from collections.abc import Callable
from pathlib import Path

from auditproxy.audit.redaction.decoding import RedactionError, builtin_redactor, load_redactor
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.options import AuditOptions

SHORTEST_KEY = 16
"""Bytes below which a key could be guessed, and every marker with it."""

NONE = "none"
"""The value of --audit-redact that turns it off."""


def read_redactor(
    audit: AuditOptions,
    faults: list[str],
    notes: list[str],
    new_key: Callable[[int], bytes] = secrets.token_bytes,
) -> Redactor | None:
    """The rules for bodies and request URIs; None when redaction is off or a fault was found."""
    if audit.redact == NONE:
        notes.append("--audit-redact=none: secrets and tokens in bodies are recorded as they are")
        return None
    key = new_key(32)
    try:
        if audit.redact_key_file:
            key = Path(audit.redact_key_file).read_bytes().strip()
            if len(key) < SHORTEST_KEY:
                faults.append(
                    f"--audit-redact-key-file {audit.redact_key_file} holds fewer than "
                    f"{SHORTEST_KEY} bytes; write 32 random ones, as from openssl rand -hex 32"
                )
                return None
    except OSError as error:
        faults.append(
            f"--audit-redact-key-file {audit.redact_key_file} cannot be read: {error.strerror}"
        )
        return None
    if not audit.redact:
        return builtin_redactor(key)
    try:
        return load_redactor(Path(audit.redact).read_bytes(), key)
    except OSError as error:
        faults.append(f"--audit-redact {audit.redact} cannot be read: {error.strerror}")
    except RedactionError as error:
        faults.extend(f"--audit-redact {audit.redact}: {fault}" for fault in error.faults)
    return None
