"""Tamper evidence of the audit log: the hash chain and its signed checkpoints."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.units import SECOND
from auditproxy.options.backends import BackendGroups
from auditproxy.options.declared import Declared

ANCHORS = ("", "stderr", "webhook")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChainOptions:
    """The hash chain of the audit log."""

    hash_chain: Annotated[
        bool,
        Declared(
            "audit-log-hash-chain",
            "bool",
            "Give each line of the audit log its place in a chain of SHA-256 digests, in "
            "annotations, so that auditproxy verify names lines that were changed, removed, added "
            "or reordered. Needs a file in --audit-log-path, and the format json.",
        ),
    ] = False
    checkpoint_key_file: Annotated[
        str,
        Declared(
            "audit-log-checkpoint-key-file",
            "path",
            "Ed25519 private key (PEM, PKCS#8) that signs checkpoints of the chain, which are "
            "written to a file beside the log, its path with .checkpoints behind it. Empty means "
            "no checkpoints: who can write the log can then make the chain again.",
        ),
    ] = ""
    checkpoint_interval: Annotated[
        int,
        Declared(
            "audit-log-checkpoint-interval",
            "duration",
            "How long lines may wait for a checkpoint; one is also made where a file ends, at the "
            "start and at the end.",
        ),
    ] = 60 * SECOND
    checkpoint_anchor: Annotated[
        str,
        Declared(
            "audit-log-checkpoint-anchor",
            "string",
            "Where checkpoints go beside their file, for a copy that who can write the log cannot "
            "change: stderr (a line for operators each) or webhook (an event each to the audit "
            "webhook, in an annotation). Empty means nowhere.",
        ),
    ] = ""
    """One of ANCHORS."""


def chain_faults(chain: AuditChainOptions, groups: BackendGroups) -> list[str]:
    """Faults of the chain, and of the log that cannot have one."""
    faults = []
    if not chain.hash_chain:
        if chain.checkpoint_key_file:
            faults.append(
                "--audit-log-checkpoint-key-file needs --audit-log-hash-chain; checkpoints are of "
                "a chain"
            )
        return faults
    log = groups.audit_log
    if log.format == "legacy":
        faults.append(
            "--audit-log-hash-chain needs json as --audit-log-format; a line's place in the chain "
            "is in annotations, which the format legacy does not have"
        )
    if log.path in ("", "-"):
        faults.append(
            "--audit-log-hash-chain needs a file in --audit-log-path: on standard output the next "
            "start cannot find where the chain ended"
        )
    if chain.checkpoint_interval < SECOND:
        faults.append("--audit-log-checkpoint-interval must be at least 1s; the default is 1m")
    return faults + _anchor_faults(chain, groups)


def _anchor_faults(chain: AuditChainOptions, groups: BackendGroups) -> list[str]:
    flag = "--audit-log-checkpoint-anchor"
    if chain.checkpoint_anchor not in ANCHORS:
        return [f"{flag} must be one of {', '.join(ANCHORS[1:])}, or empty"]
    if chain.checkpoint_anchor and not chain.checkpoint_key_file:
        return [f"{flag} needs --audit-log-checkpoint-key-file; there are no checkpoints without"]
    if chain.checkpoint_anchor == "webhook" and not groups.audit_webhook.is_configured:
        return [f"{flag}=webhook needs --audit-webhook-config-file"]
    return []
