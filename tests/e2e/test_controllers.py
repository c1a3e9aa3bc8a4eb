"""kube-controller-manager through the proxy, for a short while (``python -m tests.e2e.controllers``)."""

from pathlib import Path

import pytest

from tests.e2e.cluster import assets
from tests.e2e.controllers import work

pytestmark = [
    pytest.mark.skipif(
        not ((folder := assets()) and (folder / "kube-controller-manager").exists()),
        reason="KUBEBUILDER_ASSETS names no folder with kube-controller-manager",
    ),
    pytest.mark.timeout(300),
]


def test_controllers(tmp_path: Path) -> None:
    """Thousands of events of controllers and kubectl, in protobuf and JSON, are kube-apiserver's own.

    Two things are left to chance: which of several RBAC rules an authorizer names, and what a
    client still sees that is stopped in the middle of an answer.
    """
    report = work(tmp_path, 20)
    assert report.compared > 1000, str(report)
    assert report.torn == 0
    assert {"system:kube-controller-manager", "tadmin"} <= report.users
    accounts = [user for user in report.users if user.startswith("system:serviceaccount:")]
    assert len(accounts) >= 5, report.users
    assert report.compared - report.equal <= 5, str(report)
    assert "user" not in report.faults, str(report)
