"""Reads --audit-policy-file, or takes the built-in policy."""

from pathlib import Path

from auditproxy.apis.audit import Policy
from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.advice import advice, spelling
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import LENIENT, load_policy
from auditproxy.files.trustedfile import Remarks, TrustedFile, named
from auditproxy.options import Options
from auditproxy.options.backends import STRICT


def read_policy(options: Options, remarks: Remarks) -> Policy:
    """The policy; what strict decoding would refuse is remarked, as in kube-apiserver."""
    path = options.audit.policy_file
    if not path:
        remarks.notes.append(
            "no --audit-policy-file: the built-in policy records the metadata of all requests "
            "but health checks and leases"
        )
        return load_policy(BUILTIN_POLICY, "")[0]
    try:
        policy, not_strict = load_policy(_content(path), path)
    except Unusable as error:
        raise error.under("loading audit policy file") from None
    remarks.misspelt += (
        f"--audit-policy-file {path}: {spelling(text.removeprefix(LENIENT))}" for text in not_strict
    )
    remarks.notes += advice(policy, strict=is_strict(options))
    return policy


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        # kube-apiserver's words (apiserver audit/policy/reader.go).
        why = (error.strerror or "").lower()
        raise PolicyError(f'failed to read file path "{path}": open {path}: {why}') from None


def is_strict(options: Options) -> bool:
    """Whether a request whose arrival cannot be stored is refused."""
    webhook = options.audit_webhook
    return options.audit_log.mode == STRICT or bool(webhook.config_file and webhook.mode == STRICT)


POLICY = TrustedFile(
    flag="audit-policy-file",
    field="policy",
    read=read_policy,
    paths=lambda options, _: named(options.audit.policy_file),
)
