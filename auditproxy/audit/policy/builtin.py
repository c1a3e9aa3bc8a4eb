"""The policy that is used when the owner gives none."""

BUILTIN_POLICY = b"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
# No events for health checks and leases, which only show that a component is alive.
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: None
  resources:
  - group: coordination.k8s.io
    resources: ["leases"]
# Metadata for everything else: no body is recorded, hence no secret and no token.
- level: Metadata
"""
"""Metadata for all, nothing for health and leases; secrets and tokens never above Metadata."""
