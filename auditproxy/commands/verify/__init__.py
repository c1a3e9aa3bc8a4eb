"""``auditproxy verify``: whether an audit log is what the proxy wrote. It writes nothing."""
