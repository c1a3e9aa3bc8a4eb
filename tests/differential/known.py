"""The kinds of differences that are known: each stands for a row of docs/parity.md."""

import re

from tests.differential.compare import Report

KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"requestObject: a default in place of an empty member", r".*", "defaults and unknown fields in requestObject"),
    (r"requestObject\.data\..*", r".*", "defaults and unknown fields in requestObject"),
    (r"only auditproxy has a ResponseComplete", r"patch.*", "a PATCH body that is not JSON"),
    (r"annotations\[auditproxy.io/request-object-omitted\] only in auditproxy", r"patch.*", "a PATCH body that is not JSON"),
    (r"responseObject: only kube-apiserver has one", r"(get|list|watch|head)\b.*", "| HEAD |"),
    (r"responseStatus: only its code is known", r"(get|list|watch|head)\b.*", "| HEAD |"),
    (r"responseObject: only auditproxy has one", r"(get|list|head)\b.* 405", "| HEAD |"),
    (r"responseStatus\.details\+,message\+,reason\+,status\+", r"(get|list|head)\b.* 405", "| HEAD |"),
    (r"annotations\[auditproxy.io/request-object-doubled-members\] only in auditproxy", r".*", "duplicate members in a JSON body of a built-in type"),
    (r"annotations\[authorization.k8s.io/reason\]", r".*", "the reason of an allow where several RBAC bindings allow"),
    (r"annotations\[k8s.io/deprecated\] only in kube-apiserver", r".*", "a deprecated version of a custom resource whose warning is the author's own"),
    (r"requestObject: only auditproxy has one", r"(patch|update)/(status|scale) 404", "`status` or `scale` of a custom resource that does not have it"),
    (r"objectRef\.(namespace\+,)?(resourceVersion\+,?)?(uid\+)?", r"update/(status|scale) 404", "`status` or `scale` of a custom resource that does not have it"),
    (r"responseStatus\..*", r"watch 200", "a client that disconnects before the first byte of a watch"),
    (r"responseObject: .*", r"watch 200", "a client that disconnects before the first byte of a watch"),
    (r"responseStatus\.message\+,status\+|responseObject: another kind of object", r".* 500", "an answer that kube-apiserver cannot write as YAML"),
    (r"only kube-apiserver has a Panic", r".*", "a crash of the handler (Panic)"),
    (r"only auditproxy has a ResponseComplete", r".* 502", "a crash of the handler (Panic)"),
    (r"authenticationMetadata: only kube-apiserver has one", r".*", "impersonation in passthrough mode"),
)  # fmt: skip
"""The name of a kind and where it occurs (verb and code), as patterns, and words of the row that explains it."""

_PATTERNS = [(re.compile(kind), re.compile(where)) for kind, where, _ in KNOWN]


def unknown(report: Report) -> list[str]:
    """Those kinds, with verb and code, that no row explains."""
    return [
        f"{name} | {where}"
        for name, kind in report.kinds.items()
        for where in kind.codes
        if not any(k.fullmatch(name) and w.fullmatch(where) for k, w in _PATTERNS)
    ]
