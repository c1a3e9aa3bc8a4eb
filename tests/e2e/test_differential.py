"""Some thousands of random requests against a real kube-apiserver (``python -m tests.differential``)."""

from pathlib import Path

import pytest

from tests.differential.known import unknown
from tests.differential.rig import Settings, run
from tests.e2e.cluster import assets

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(600),
]


def test_requests_of_all_sorts(tmp_path: Path) -> None:
    """E: nearly every event is kube-apiserver's own, and each difference is a row of docs/parity.md."""
    report = run(tmp_path, Settings(count=3000, seed=20))
    assert report.events > 5500, str(report)
    assert {200, 201, 400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429} <= set(report.answered)
    assert unknown(report) == [], str(report)
    assert report.share >= 0.995, str(report)


@pytest.mark.parametrize("identity", ["request-header", "passthrough"])
def test_other_identities(tmp_path: Path, identity: str) -> None:
    """E: the same where the server learns in another way who asks."""
    report = run(tmp_path, Settings(count=800, seed=21, upstream_identity=identity))
    assert unknown(report) == [], str(report)
    assert report.share >= 0.99, str(report)


@pytest.mark.parametrize("level", ["Metadata", "Request"])
def test_other_levels(tmp_path: Path, level: str) -> None:
    """E: the same at the levels that record less."""
    report = run(tmp_path, Settings(count=800, seed=22, level=level, cbor=False))
    assert unknown(report) == [], str(report)
    assert report.share >= 0.99, str(report)
