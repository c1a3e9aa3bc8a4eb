"""Where events go: the log file and what wraps it (floor 5)."""
