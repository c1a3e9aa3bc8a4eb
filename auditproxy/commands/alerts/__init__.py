"""``auditproxy alerts``: rule files checked, tried on existing logs, and printed."""
