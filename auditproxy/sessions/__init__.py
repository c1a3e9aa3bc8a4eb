"""What passes through a tunnel, read: streams, commands, recordings as text. PURE; no I/O."""
