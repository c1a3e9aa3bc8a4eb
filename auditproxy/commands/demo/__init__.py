"""`auditproxy demo`: the proxy before an embedded API server, its events as rows of text."""
