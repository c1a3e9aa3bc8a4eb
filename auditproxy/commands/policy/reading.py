"""Policy files as arguments name them."""

import sys

from auditproxy.apis.audit import Policy
from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.files.trustedfile import content_of

BUILTIN = "builtin"
"""The argument that means the policy that is shipped."""


def policy_text(path: str) -> bytes:
    """The text of the policy that an argument names; raises Unusable."""
    if path == BUILTIN:
        return BUILTIN_POLICY
    return sys.stdin.buffer.read() if path == "-" else content_of(path, "")


def policy_of(path: str) -> Policy:
    """The policy that an argument names; raises Unusable with what kube-apiserver refuses."""
    return policy_in(policy_text(path), path)


def policy_in(text: bytes, path: str) -> Policy:
    """The policy that was read from ``path``; raises Unusable."""
    try:
        return load_policy(text)[0]
    except PolicyError as error:
        raise Unusable(*(f"{path}: {reason}" for reason in error.reasons)) from None
