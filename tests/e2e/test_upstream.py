"""What a real kube-apiserver answers to our own questions, and how its refusals of us look.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.app.upstream import Connected, connect
from auditproxy.clients.apiserver import ApiClient, CollectingSink
from auditproxy.files.files import read_files
from auditproxy.monitor.questions import ADMITTED
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets, running
from tests.fakes.options import options

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server."""
    with running(tmp_path_factory.mktemp("upstream")) as started:
        yield started


def connected(kubeconfig: Path) -> Connected:
    """What speaks to the API server with the credential of a kubeconfig."""
    chosen = options(kubeconfig=str(kubeconfig))
    return connect(chosen, read_files(chosen).upstream)


async def closed(made: Connected) -> None:
    """Close it again."""
    for each in (*made.closers, *made.pools):
        await each.close()


def admitted(answer: CollectingSink) -> bool:
    """Whether the answer shows that the request reached priority and fairness."""
    return ADMITTED in {name.lower() for name, _ in answer.headers}


async def test_standings(cluster: Cluster) -> None:
    """C2: a proxy that may impersonate, one that may not, and one with a wrong token."""
    wrong = cluster.kubeconfig("wrong", token="nobody-knows-this")
    alice = cluster.kubeconfig("alice-as-proxy", certificate=cluster.folder / "pki" / "alice.crt")
    found = []
    for kubeconfig in (cluster.kubeconfig("proxy", token=ADMIN_TOKEN), alice, wrong):
        made = connected(kubeconfig)
        standing = await made.questions.ask()
        found.append((standing.ready, standing.fault.cause if standing.fault else ""))
        if standing.ready:
            assert "may impersonate users, groups, serviceaccounts, uids and" in standing.line
            assert " is v1." in standing.line
            assert standing.marks is True
        await closed(made)
    assert found == [(True, ""), (False, "impersonation-refused"), (False, "credential-refused")]


async def test_marks_of_admission(cluster: Cluster) -> None:
    """C2: only requests that were authenticated and impersonated carry the mark of admission."""
    made = connected(cluster.kubeconfig("proxy", token=ADMIN_TOKEN))
    client: ApiClient = made.own
    as_alice = ((b"Impersonate-User", b"alice"),)
    refused = await client.ask("GET", "/api/v1/secrets", b"", as_alice)
    assert (refused.status, admitted(refused)) == (403, True)
    bad = ((b"Authorization", b"Bearer nobody-knows-this"),)
    unknown = await client.ask("GET", "/api/v1/secrets", b"", bad)
    assert (unknown.status, admitted(unknown)) == (401, False)
    await closed(made)
    made = connected(
        cluster.kubeconfig("alice-as-proxy", certificate=cluster.folder / "pki" / "alice.crt")
    )
    forbidden = await made.own.ask("GET", "/api/v1/secrets", b"", ((b"Impersonate-User", b"bob"),))
    assert (forbidden.status, admitted(forbidden)) == (403, False)
    await closed(made)
