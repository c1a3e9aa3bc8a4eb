"""Which kubectl command sends a request."""

import pytest

from auditproxy.commands.policy.kubectl import kubectl_commands
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target

POD = "/api/v1/namespaces/shop/pods/web"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web"


@pytest.mark.parametrize(
    ("method", "target", "command"),
    [
        ("GET", POD, "kubectl get pods web -n shop"),
        ("GET", "/api/v1/pods", "kubectl get pods --all-namespaces"),
        ("GET", "/api/v1/nodes", "kubectl get nodes"),
        ("GET", "/api/v1/namespaces/shop", "kubectl get namespaces shop"),
        ("GET", "/api/v1/pods?watch=1", "kubectl get pods --all-namespaces --watch"),
        ("POST", "/api/v1/namespaces/shop/pods", "kubectl create -f FILE"),
        ("PUT", POD, "kubectl replace -f FILE"),
        ("PATCH", DEPLOYMENT, "kubectl apply -f FILE (of an existing object)"),
        ("DELETE", POD, "kubectl delete pods web -n shop"),
        ("DELETE", "/api/v1/namespaces/shop/pods", ""),
        ("GET", f"{POD}/exec", "kubectl exec web -n shop -- COMMAND (since 1.31)"),
        ("POST", f"{POD}/exec", "kubectl exec web -n shop -- COMMAND (before 1.31)"),
        ("GET", f"{POD}/log", "kubectl logs web -n shop"),
        ("GET", f"{POD}/proxy/x", f"kubectl get --raw {POD}/proxy/x"),
        ("POST", f"{POD}/binding", ""),
        ("PATCH", f"{DEPLOYMENT}/scale", "kubectl scale deployments.apps web -n shop --replicas=N"),
        ("PATCH", f"{DEPLOYMENT}/status",
         "kubectl edit deployments.apps web -n shop --subresource=status"),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/ci/token",
         "kubectl create token ci -n shop"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
         "kubectl auth can-i VERB RESOURCE"),
        ("PATCH", "/api/v1/nodes/a", "kubectl cordon a"),
        ("GET", "/healthz", "kubectl get --raw /healthz"),
        ("POST", "/healthz", ""),
        ("OPTIONS", POD, ""),
    ],
)  # fmt: skip
def test_commands(method: str, target: str, command: str) -> None:
    """The first, or none."""
    info = resolve(method, parse_target(method, target.encode()))
    found = kubectl_commands(info, target)
    assert next(iter(found), "") == command
