"""Two connections tied together after a verified 101, and the protocols used inside."""
