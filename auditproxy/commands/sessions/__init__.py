"""``auditproxy sessions``: recordings listed, shown and played. What they say is never trusted."""
