"""``auditproxy policy``: what an audit policy says, before and while it is used."""
