"""Explanations: what an annotation of an event means.

Pure. Those of Kubernetes are documented at
https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations/, ours in
docs/behaviour.md.
"""

_EXACT = {
    "authorization.k8s.io/decision": "what the authorizer decided",
    "authorization.k8s.io/reason": "why; of several bindings that allow it, one",
    "k8s.io/deprecated": "this version of the API is deprecated",
    "k8s.io/removed-release": "the release that does not serve it any more",
    "audit.k8s.io/truncated": "bodies were left out, the event was too large",
    "apiserver.k8s.io/shutdown": "the server was shutting down",
    "authentication.k8s.io/legacy-token": "a service account token that never expires was used",
    "authentication.k8s.io/stale-token": "a token was used after its time, in its grace period",
    "authentication.kubernetes.io/issued-credential-id": "the ID of the token that this issued",
    "pod-security.kubernetes.io/enforce-policy": "the Pod Security level that was enforced",
    "pod-security.kubernetes.io/audit-violations": "what violates the level that is audited",
    "pod-security.kubernetes.io/exempt": "why Pod Security did not apply",
    "auditproxy.io/upstream-error": "why the answer of the API server did not come whole",
    "auditproxy.io/trace-id": "the trace of the request (docs/tracing.md)",
    "auditproxy.io/retried": "it was sent again: the first connection was closed",
    "auditproxy.io/redacted": "members that the proxy redacted",
    "auditproxy.io/shortened": "members that were cut because the event was too large",
    "auditproxy.io/request-object-omitted": "why the body of the request is not here",
    "auditproxy.io/response-object-omitted": "why the body of the answer is not here",
    "auditproxy.io/ended": "what ended it",
    "auditproxy.io/session-id": "the session; auditproxy sessions show has what was done in it",
    "auditproxy.io/session-command": "what the request itself ran",
    "auditproxy.io/session-container": "the container",
    "auditproxy.io/session-recording": "the recording, with its SHA-256 at the end",
    "auditproxy.io/session-exit-code": "the exit code of the command",
    "auditproxy.io/session-reason": "why it ended",
    "auditproxy.io/session-duration": "how long it took",
    "auditproxy.io/session-bytes-in": "bytes from the client",
    "auditproxy.io/session-bytes-out": "bytes to the client",
    "auditproxy.io/session-missing-bytes": "bytes that are not in the recording",
    "auditproxy.io/session-tty": "whether it had a terminal",
    "auditproxy.io/session-ephemeral": "the container is one that kubectl debug added",
    "auditproxy.io/ephemeral-containers": "debug containers that this added",
}
_PREFIXES: tuple[tuple[str, str], ...] = (
    ("mutation.webhook.admission.k8s.io/", "whether a mutating webhook changed the object"),
    ("patch.webhook.admission.k8s.io/", "what a mutating webhook changed"),
    ("failed-open.mutating.webhook.admission.k8s.io/", "a mutating webhook failed"),
    ("failed-open.validating.webhook.admission.k8s.io/", "a validating webhook failed"),
    ("validation.policy.admission.k8s.io/", "what a validating admission policy found"),
    ("apiserver.latency.k8s.io/", "time that this part of a slow request took"),
    ("missing-san.invalid-cert.kubernetes.io/", "a webhook's certificate names no host"),
    ("insecure-sha1.invalid-cert.kubernetes.io/", "a webhook's certificate is signed with SHA-1"),
    ("auditproxy.io/chain", "the line's place in the hash chain; see docs/tamper-evidence.md"),
    ("auditproxy.io/checkpoint", "a signed checkpoint; see docs/tamper-evidence.md"),
    ("auditproxy.io/", "see docs/behaviour.md"),
)


def explanation(key: str) -> str:
    """What an annotation means; "" for one that is not known."""
    exact = _EXACT.get(key)
    if exact is not None:
        return exact
    return next((text for prefix, text in _PREFIXES if key.startswith(prefix)), "")
