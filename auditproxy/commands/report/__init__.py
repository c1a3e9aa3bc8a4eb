"""``auditproxy report access|activity|deprecated|noise``: what a whole trail says, in tables."""
