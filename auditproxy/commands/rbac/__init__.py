"""``auditproxy rbac derive|unused``: roles from use, and rights that were not used."""
