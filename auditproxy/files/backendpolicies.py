"""Reads --audit-log-policy-file, --audit-log-redact and the like: what one backend alone gets.

A file of a backend that is not in use is not read, as kube-apiserver does not validate its
settings; that it has no effect is said.
"""

import dataclasses
import secrets
from collections.abc import Callable

from auditproxy.apis.audit import Policy
from auditproxy.audit.policy.advice import advice
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.files.policy import policy_in
from auditproxy.files.redaction import NONE, redactor_in
from auditproxy.files.trustedfile import Remarks, TrustedFile, named
from auditproxy.options import Options
from auditproxy.options.backendoptions import REFUSING_MODES, BackendOptions
from auditproxy.options.backends import backends_in_use
from auditproxy.options.receivergroups import ReceiverGroups


def _policy(group: str, flag: str) -> TrustedFile:
    """The row of a backend's policy; None where it has the main one."""

    def read(options: Options, remarks: Remarks) -> Policy | None:
        backend: BackendOptions = getattr(options, group)
        if not _is_read(options, backend, backend.policy_file, flag, remarks):
            return None
        policy = policy_in(backend.policy_file, f"--{flag}", remarks)
        strict = backend.mode if backend.mode in REFUSING_MODES else ""
        remarks.notes += (f"--{flag}: {text}" for text in advice(policy, strict=strict))
        return policy

    def paths(options: Options, current: Policy | None) -> tuple[str, ...]:
        return () if current is None else named(getattr(options, group).policy_file)

    return TrustedFile(flag=flag, field=f"{group}_policy", read=read, paths=paths)


def _redaction(group: str, flag: str) -> TrustedFile:
    """The row of a backend's redaction; None where it has the main one, or none at all."""

    def load(
        options: Options, remarks: Remarks, new_key: Callable[[int], bytes] = secrets.token_bytes
    ) -> Redactor | None:
        backend: BackendOptions = getattr(options, group)
        if not _is_read(options, backend, backend.redact, flag, remarks):
            return None
        if backend.redact == NONE:
            remarks.notes.append(
                f"--{flag}=none: the {backend.plugin} backend gets secrets and tokens in bodies "
                "unchanged"
            )
            return None
        return redactor_in(backend.redact, f"--{flag}", options.audit.redact_key_file, new_key)

    def paths(options: Options, current: Redactor | None) -> tuple[str, ...]:
        if current is None:
            return ()
        return named(getattr(options, group).redact, options.audit.redact_key_file)

    return TrustedFile(
        flag=flag,
        field=f"{group}_redactor",
        read=lambda options, remarks: load(options, remarks),
        paths=paths,
        # A key made at random lasts as long as the process.
        again=lambda options, remarks, current: load(options, remarks, lambda _: current.key),
    )


def _is_read(
    options: Options, backend: BackendOptions, path: str, flag: str, remarks: Remarks
) -> bool:
    if path and backend not in backends_in_use(options):
        remarks.warnings.append(
            f"--{flag} {path} has no effect: no {backend.plugin} backend is configured"
        )
        return False
    return bool(path)


def _rows(group: str) -> tuple[TrustedFile, TrustedFile]:
    words = group.replace("_", "-")
    return _policy(group, f"{words}-policy-file"), _redaction(group, f"{words}-redact")


BACKEND_POLICIES = tuple(
    row for group in dataclasses.fields(ReceiverGroups) for row in _rows(group.name)
)
"""Two rows for each backend: its policy and its redaction."""
