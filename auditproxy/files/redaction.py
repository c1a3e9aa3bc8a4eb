"""Reads --audit-redact and its key: from options to a Redactor."""

import secrets
from collections.abc import Callable

from auditproxy.apis.faults import Unusable
from auditproxy.audit.redaction.decoding import builtin_redactor, load_redactor
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.files.trustedfile import Remarks, TrustedFile, content_of, named, parsed
from auditproxy.options import AuditOptions, Options

SHORTEST_KEY = 16
"""Bytes below which a key could be guessed, and every marker with it."""

NONE = "none"
"""The value of --audit-redact that turns it off."""


def read_redactor(
    audit: AuditOptions, remarks: Remarks, new_key: Callable[[int], bytes] = secrets.token_bytes
) -> Redactor | None:
    """The rules for bodies and request URIs; None when redaction is off. Raises Unusable."""
    if audit.redact == NONE:
        remarks.notes.append(
            "--audit-redact=none: secrets and tokens in bodies are recorded unchanged"
        )
        return None
    return redactor_in(audit.redact, "--audit-redact", audit.redact_key_file, new_key)


def redactor_in(path: str, flag: str, key_file: str, new_key: Callable[[int], bytes]) -> Redactor:
    """The rules in a file that ``flag``, with its dashes, names, or the built-in ones without one.

    Raises Unusable.
    """
    key = new_key(32)
    if key_file:
        key = content_of(key_file, "--audit-redact-key-file").strip()
        if len(key) < SHORTEST_KEY:
            raise Unusable(
                f"--audit-redact-key-file {key_file} holds fewer than "
                f"{SHORTEST_KEY} bytes; write 32 random bytes, for example with "
                "openssl rand -hex 32"
            )
    if not path:
        return builtin_redactor(key)
    (redactor,) = parsed((path,), flag, lambda text: load_redactor(text, key))
    return redactor


def _read_again(options: Options, remarks: Remarks, current: Redactor) -> Redactor | None:
    # A key made at random lasts as long as the process, or its digests could not be compared.
    return read_redactor(options.audit, remarks, lambda _: current.key)


def _paths(options: Options, redactor: Redactor | None) -> tuple[str, ...]:
    if redactor is None:
        return ()
    return named(options.audit.redact, options.audit.redact_key_file)


REDACTION = TrustedFile(
    flag="audit-redact",
    field="redactor",
    read=lambda options, remarks: read_redactor(options.audit, remarks),
    paths=_paths,
    again=_read_again,
)
