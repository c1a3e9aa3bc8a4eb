"""``auditproxy kubeconfig``: a kubeconfig that sends a context's user to the proxy."""
