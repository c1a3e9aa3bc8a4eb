"""Records of trails, for tests."""

from typing import Any

from auditproxy.commands.reconcile.pairing import SideRecord


def record(is_ours: bool, **members: Any) -> SideRecord:
    """One request."""
    received = members.get("received", 100)
    defaults: dict[str, Any] = {
        "key": "a", "audit_id": "a", "received": received, "ended": received, "username": "alice",
        "impersonated": None, "verb": "get", "uri": "/api/v1/namespaces/shop/pods/p", "code": 200,
        "peer": "192.0.2.7", "client": "kubectl/v1.36.1", "api_group": None, "resource": "pods",
        "subresource": None, "namespace": "shop", "name": "p",
    }  # fmt: skip
    return SideRecord(is_ours=is_ours, **(defaults | members))
