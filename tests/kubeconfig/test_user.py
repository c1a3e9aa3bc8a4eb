"""The order in which ways to log in count; each by itself is in test_kubeconfig.py."""

from typing import Any

import pytest

from auditproxy.kubeconfig.document import Entry
from auditproxy.kubeconfig.user import credential_of

EXEC = {"command": "plugin", "apiVersion": "client.authentication.k8s.io/v1"}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, "NoCredential()"),
        ({"username": "u", "password": "s3cret"}, "StaticCredential(basic)"),
        ({"username": "u", "exec": EXEC}, "ExecCredential('plugin')"),
        ({"exec": EXEC, "token": "s3cret"}, "StaticCredential(token)"),
        ({"token": "s3cret", "tokenFile": "/t"}, "FileCredential('/t')"),
    ],
)
def test_order(user: dict[str, Any], expected: str) -> None:
    """tokenFile, token, exec, username: the first counts, and no repr shows a secret."""
    credential = credential_of(Entry(user, "/f"), Entry({}, "/f"), None, "source")
    assert repr(credential) == expected
