"""auditproxy: an authenticating reverse proxy that writes kube-apiserver's audit trail."""

__version__ = "0.1.0"
