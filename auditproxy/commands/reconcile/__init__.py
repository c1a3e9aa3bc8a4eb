"""``auditproxy reconcile``: the proxy's trail beside that of the API server."""
