"""The policy that is used when the owner gives none."""

BUILTIN_POLICY = b"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
# Nothing for what only says that somebody is alive.
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: None
  resources:
  - group: coordination.k8s.io
    resources: ["leases"]
# Everything else by its metadata: no body is recorded, so no secret and no token is either.
- level: Metadata
"""
"""Metadata for all, nothing for health and leases; secrets and tokens never above Metadata."""
