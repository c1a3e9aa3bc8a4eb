"""The kinds of differences that are known: each stands for a row of docs/parity.md."""

import re
from collections.abc import Iterable

KNOWN: tuple[tuple[str, str], ...] = (
    (r"requestObject: a default in place of an empty member", "defaults and unknown fields in requestObject"),
    (r"requestObject\.data\..*", "defaults and unknown fields in requestObject"),
    (r"only auditproxy has a Response(Complete|Started)", "a PATCH body that is not JSON"),
    (r"annotations\[auditproxy.io/request-object-omitted\] only in auditproxy", "a PATCH body that is not JSON"),
    (r"responseObject: only kube-apiserver has one", "| HEAD |"),
    (r"responseStatus: only its code is known", "| HEAD |"),
    (r"response(Object: only auditproxy has one|Status\.details\+,message\+,reason\+,status\+)", "| HEAD |"),
    (r"annotations\[authorization.k8s.io/reason\]", "the reason of an allow where several RBAC bindings allow"),
    (r"annotations\[k8s.io/deprecated\] only in kube-apiserver", "a deprecated version of a custom resource whose warning is the author's own"),
    (r"requestObject: only auditproxy has one", "`status` or `scale` of a custom resource that has it not"),
    (r"objectRef\.(resourceVersion|uid|name|namespace)\+.*", "`status` or `scale` of a custom resource that has it not"),
    (r"responseStatus\.code", "a websocket watch that is refused in its handshake"),
    (r"responseStatus\.message\+,status\+", "a client that hangs up before the first byte of a watch"),
    (r"responseStatus\.(code,)?message.*|responseObject: another kind of object|responseStatus\.message\+,status\+", "an answer that kube-apiserver cannot write as YAML"),
    (r"only kube-apiserver has a Panic", "a crash of the handler (Panic)"),
    (r"annotations\[auditproxy.io/(response-object-omitted|upstream-error)\] only in auditproxy", "a crash of the handler (Panic)"),
    (r"authenticationMetadata: only kube-apiserver has one", "impersonation in passthrough mode"),
)  # fmt: skip
"""The name of a kind, as a pattern, and words of the row that explains it."""

_PATTERNS = [re.compile(pattern) for pattern, _ in KNOWN]


def unknown(kinds: Iterable[str]) -> list[str]:
    """Those kinds that no row explains."""
    return [kind for kind in kinds if not any(p.fullmatch(kind) for p in _PATTERNS)]
