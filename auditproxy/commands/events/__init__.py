"""``auditproxy events list|show|tail``: what a trail says, request by request."""
