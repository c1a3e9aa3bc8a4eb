"""Users from client certificates, verified by Go's rules. PURE; reads no files."""
