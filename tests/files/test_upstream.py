"""The upstream: which kubeconfig is read, and what may change in it."""

import json
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import Remarks
from auditproxy.files.upstream import default_kubeconfig, read_upstream, read_upstream_again
from tests.fakes.authority import EPOCH, HOUR, Authority
from tests.fakes.kubeconfigs import kubeconfig, kubeconfig_file
from tests.fakes.options import options
from tests.fakes.unprivileged import folder_with, unprivileged


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KUBECONFIG": "/a:/b"}, "/a"),
        ({"KUBECONFIG": "/a", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "/a"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ""),
        ({}, str(Path.home() / ".kube" / "config")),
    ],
)
def test_default_kubeconfig(environment: dict[str, str], expected: str) -> None:
    """$KUBECONFIG, then the pod's account, then the home directory's."""
    assert default_kubeconfig(environment) == expected


def test_no_upstream_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a flag, a kubeconfig or a pod the text says what to give."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    with pytest.raises(Unusable) as caught:
        read_upstream(options(), Remarks())
    assert caught.value.faults == (
        f"there is no upstream: {tmp_path / 'nothing'} does not exist and this is not a pod of a "
        "cluster; give --kubeconfig",
    )


def test_a_default_that_cannot_be_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of another user: one line, and not that there is none."""
    # The library is loaded with the privileges of the process.
    with pytest.raises(Unusable):
        read_upstream(options(kubeconfig="/absent"), Remarks())
    with unprivileged() as parent:
        path = folder_with(parent, 0o600) / "config"
        monkeypatch.setenv("KUBECONFIG", str(path))
        with pytest.raises(Unusable) as caught:
            read_upstream(options(), Remarks())
        (fault,) = caught.value.faults
        assert str(path) in fault
        assert fault.endswith("permission denied; let the proxy's user search its folder")


def test_again(tmp_path: Path) -> None:
    """Another credential is taken, another server is refused; the start's notes are not said again."""
    given = options(kubeconfig=kubeconfig_file(tmp_path))
    first = Remarks()
    upstream = read_upstream(given, first)
    assert first.notes[0] == f"the upstream is {upstream.source}"
    remarks = Remarks()
    assert read_upstream_again(given, remarks, upstream).source == upstream.source
    assert remarks == Remarks()
    path = tmp_path / "kubeconfig"
    document = json.loads(path.read_text())
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:2"
    path.write_text(json.dumps(document))
    with pytest.raises(Unusable, match="names another server; restart to use it"):
        read_upstream_again(given, remarks, upstream)


@pytest.mark.parametrize("identity", ["impersonate", "passthrough"])
def test_an_expired_client_certificate(tmp_path: Path, identity: str) -> None:
    """Warned of where the proxy sends it: the API server will refuse it."""
    Authority("root").write_leaf(tmp_path / "u", "proxy", not_before=EPOCH - HOUR, not_after=EPOCH)
    path = tmp_path / "kubeconfig"
    user = {"client-certificate": "u.crt", "client-key": "u.key"}
    path.write_text(json.dumps(kubeconfig(user=user)), encoding="utf-8")
    remarks = Remarks()
    read_upstream(options(kubeconfig=str(path), upstream_identity=identity), remarks)
    expected = (
        f"kubeconfig {path}, context 'test': the client certificate expired at "
        "2026-01-01T00:00:00Z, and the API server refuses it; make the kubeconfig again"
    )
    assert (expected in remarks.warnings) == (identity == "impersonate")
