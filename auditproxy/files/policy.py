"""Reads --audit-policy-file, or takes the built-in policy."""

from auditproxy.apis.audit import Policy
from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.advice import advice, spelling
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import LENIENT, load_policy, strict_decoding_error
from auditproxy.files.trustedfile import Remarks, TrustedFile, content_of, named
from auditproxy.options import Options
from auditproxy.options.backendoptions import REFUSING_MODES
from auditproxy.options.backends import backends_in_use

FLAG = "--audit-policy-file"


def read_policy(options: Options, remarks: Remarks) -> Policy:
    """The policy; what strict decoding would refuse is remarked, as in kube-apiserver.

    Raises Unusable with each fault, and with what is misspelt besides.
    """
    path = options.audit.policy_file
    if not path:
        if not all(backend.policy_file for backend in backends_in_use(options)):
            remarks.notes.append(
                "no --audit-policy-file: the built-in policy records the metadata of all requests "
                "but health checks and leases"
            )
        return load_policy(BUILTIN_POLICY, "")[0]
    policy = policy_in(path, FLAG, remarks)
    remarks.notes += advice(policy, strict=_refusing_mode(options))
    return policy


def policy_in(path: str, flag: str, remarks: Remarks) -> Policy:
    """The policy in a file that ``flag``, with its dashes, names; as ``read_policy``."""
    content = content_of(path, flag)
    try:
        policy, not_strict = load_policy(content, path)
    except PolicyError as error:
        # What is misspelt explains the fault, or would be the next one.
        found = (*error.reasons, *map(spelling, strict_decoding_error(error.strict_errors)))
        raise Unusable(*(f"{flag} {path}: {fault}" for fault in found)) from None
    remarks.misspelt += (
        f"{flag} {path}: {spelling(text.removeprefix(LENIENT))}" for text in not_strict
    )
    return policy


def is_strict(options: Options) -> bool:
    """Whether a request is refused whose arrival cannot be stored by the main policy's backends."""
    return bool(_refusing_mode(options))


def _refusing_mode(options: Options) -> str:
    """The mode because of which it is, "" where it is not."""
    backends = (options.audit_log, *backends_in_use(options))
    modes = [backend.mode for backend in backends if not backend.policy_file]
    return next((mode for mode in modes if mode in REFUSING_MODES), "")


POLICY = TrustedFile(
    flag="audit-policy-file",
    field="policy",
    read=read_policy,
    paths=lambda options, _: named(options.audit.policy_file),
)
