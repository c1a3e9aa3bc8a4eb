"""``auditproxy view``: a page of this machine alone that shows a trail and its recordings."""
