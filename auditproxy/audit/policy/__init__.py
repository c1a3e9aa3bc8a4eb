"""The owner's audit.k8s.io/v1 Policy: read, validated, evaluated as kube-apiserver does. PURE."""
