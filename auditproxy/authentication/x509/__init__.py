"""Users from client certificates, verified by Go's rules. PURE; opens no file."""
