"""Sessions through a real kube-apiserver: recordings equal what the kubelet's stand-in got and gave.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.session import Channel
from auditproxy.app.proxy import build
from auditproxy.commands.demo.cluster import DemoFiles
from tests.conformance.client import read_answer
from tests.e2e.cluster import ADMIN_TOKEN, VIEWER_TOKEN, Cluster, assets, running
from tests.e2e.kubelet import NODE, NODE_OBJECT, RUNNING, Kubelet, node_status, running_status
from tests.fakes import asciinema, sessionscenes
from tests.fakes.clientexec import node_exec, python_exec
from tests.fakes.clientpackages import install_node_package
from tests.fakes.followed import OVER_SPDY, FollowedStage
from tests.fakes.options import options
from tests.fakes.waiting import until
from tests.kubectl import Combination, kubectl_binaries, kubectl_combinations, minor_version

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

COMBINATIONS = kubectl_combinations()
NEWEST = max(kubectl_binaries(), key=minor_version, default=Path("kubectl"))
POD, TERMINAL_POD = "box", "terminal"
GONE = "--ignore-not-found --force --grace-period=0"
STATUS = "--subresource=status --type=merge -p"
MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {nodeName: e2e, containers: [{name: c, image: "example.com/box:1", stdin: true, tty: TTY}]}
"""
POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules:
- {record: InputOutput, onFailure: Deny, users: [bob], resources: [{group: "", resources: ["*"]}]}
- {record: InputOutput}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server."""
    with running(tmp_path_factory.mktemp("sessions")) as started:
        yield started


async def succeeds(stage: FollowedStage, command: str, *, text: bytes = b"") -> None:
    """Run kubectl to an end without an error."""
    code, _, err = await stage.kubectl(command, text=text)
    assert code == 0, err


@contextlib.asynccontextmanager
async def recorded(
    cluster: Cluster, folder: Path, binary: Path, *, address: str = "127.0.0.1"
) -> AsyncIterator[FollowedStage]:
    """A proxy that records everything, and two pods behind the kubelet's stand-in at ``address``."""
    pki = cluster.folder / "pki"
    files = DemoFiles(
        upstream_kubeconfig=cluster.kubeconfig("upstream", certificate=pki / "auditproxy.crt"),
        policy=cluster.policy,
        tokens=cluster.tokens,
        client_ca=cluster.ca,
        certificate=pki / "server.crt",
        private_key=pki / "server.key",
        audit_log=folder / "audit.log",
        recording_policy=folder / "recording-policy.yaml",
        recordings=folder / "recordings",
        session_log=folder / "sessions.log",
        alert_rules=folder / "alert-rules.yaml",
    )
    files.recordings.mkdir(mode=0o700)
    files.recording_policy.write_text(POLICY)
    kubelet = Kubelet(pki)
    await kubelet.start(address)
    proxy = await build(
        options(
            kubeconfig=str(files.upstream_kubeconfig),
            audit_policy_file=str(files.policy),
            audit_log_path=str(files.audit_log),
            token_auth_file=str(files.tokens),
            client_ca_file=str(files.client_ca),
            tls_cert_file=str(files.certificate),
            tls_private_key_file=str(files.private_key),
            sessions_recording_config_file=str(files.recording_policy),
            sessions_recording_dir=str(files.recordings),
            sessions_recording_min_free_space=0,
            sessions_log_path=str(files.session_log),
        ),
        listener_tls=True,
    )
    await proxy.start()
    try:
        url = f"https://127.0.0.1:{proxy.port}"
        made = cluster.kubeconfig("through", token=ADMIN_TOKEN, url=url)
        made.rename(folder / "kubeconfig")
        stage = FollowedStage(folder, files, proxy, kubelet, binary, {})
        newest = replace(stage, binary=NEWEST)
        status = node_status(kubelet.port, address)
        await succeeds(newest, "apply -f -", text=NODE_OBJECT.encode())
        await succeeds(newest, f"patch node {NODE} --subresource=status --type=merge -p {status}")
        for pod in (POD, TERMINAL_POD):
            manifest = MANIFEST.replace("NAME", pod).replace(
                "TTY", str(pod == TERMINAL_POD).lower()
            )
            await succeeds(newest, f"delete pod {pod} {pod}-copy {GONE}")
            await succeeds(newest, "create -f -", text=manifest.encode())
            await succeeds(newest, f"patch pod {pod} {STATUS} {RUNNING}")
        yield stage
    finally:
        await proxy.close()
        await kubelet.close()


async def add_helper(stage: FollowedStage, pod: str) -> None:
    """Wait until a pod has the container for debugging, and say that it runs, as a kubelet would."""
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        code, out, _ = await stage.kubectl(f"get pod {pod} -o json")
        found[:] = [json.loads(out)["spec"]] if code == 0 else []
        return code == 0 and sessionscenes.HELPER in out.decode()

    await until(is_there, "the container for debugging", seconds=30)
    names = [container["name"] for container in found[0]["containers"]]
    added = "" if sessionscenes.HELPER in names else sessionscenes.HELPER
    await succeeds(stage, f"patch pod {pod} {STATUS} {running_status(*names, added=added)}")


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
async def test_kubectl(cluster: Cluster, tmp_path: Path, combination: Combination) -> None:
    """Each kubectl over each protocol: every stream, every file and every connection."""
    async with recorded(cluster, tmp_path, combination.binary) as stage:
        stage.environment.update(OVER_SPDY if combination.over_spdy else {})
        newest = replace(stage, binary=NEWEST)
        await sessionscenes.commands(stage, POD)
        await sessionscenes.terminals(stage, POD, TERMINAL_POD)
        await sessionscenes.debug(stage, POD, lambda pod: add_helper(newest, pod))
        await sessionscenes.copies(stage, POD)
        await sessionscenes.port_forward(stage, POD)
    asciinema.takes(sorted(stage.files.recordings.glob("*.cast")), tmp_path)


async def test_python_client(cluster: Cluster, tmp_path: Path) -> None:
    """The package ``kubernetes``."""
    async with recorded(cluster, tmp_path, NEWEST) as stage:
        await python_exec(stage, POD)


async def test_node_client(cluster: Cluster, tmp_path: Path) -> None:
    """The package ``@kubernetes/client-node``."""
    package = tmp_path / "node"
    package.mkdir()
    await asyncio.to_thread(install_node_package, package)
    async with recorded(cluster, tmp_path, NEWEST) as stage:
        await node_exec(stage, package, POD, "c")


def own_address() -> str:
    """An address of this machine that is not its loopback's, "" without one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        found: str = probe.getsockname()[0]
    return "" if found.startswith("127.") else found


async def test_through_the_node(cluster: Cluster, tmp_path: Path) -> None:
    """``nodes/{name}/proxy`` is another way to the same shells."""
    address = own_address()
    if not address:
        pytest.skip("kube-apiserver proxies to no loopback address, and there is no other")
    base = f"/api/v1/nodes/{NODE}/proxy"
    context = ssl.create_default_context(cafile=str(cluster.ca))
    async with recorded(cluster, tmp_path, NEWEST, address=address) as stage:

        async def ask(method: str, target: str, token: str, *headers: str) -> tuple[int, bytes]:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", stage.proxy.port, ssl=context, server_hostname="localhost"
            )
            lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
            writer.write("\r\n".join([*lines, *headers, "", ""]).encode())
            async with asyncio.timeout(20):
                answer = await read_answer(reader, method)
                rest = await reader.read() if answer.status == 101 else answer.body
            writer.close()
            return answer.status, rest

        upgrade = (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: v4.channel.k8s.io",
        )
        target = f"{base}/exec/default/box/c?command=hostname&output=1"
        code, got = await ask("GET", target, ADMIN_TOKEN, *upgrade)
        assert code == 101, got
        (session,) = await stage.sessions()
        session_log, annotations = session.lines, session.annotations
        assert session_log[0]["node"] == NODE
        assert annotations["container"] == "c"
        assert json.loads(annotations["command"]) == ["hostname"]
        # kube-apiserver 1.36 drops the query of an upgrade through a node: the kubelet is asked
        # for no command, and a real one refuses. The streams are recorded all the same.
        assert session.seen.command == ()
        assert session.cast is not None
        assert session.cast.data(Channel.STDOUT) == session.seen.stdout.data
        assert session.cast.data(Channel.STDERR) == session.seen.stderr.data != b""
        assert session.seen.stderr.data in got
        assert annotations["exit-code"] == str(session.seen.exit_code) == "127"
        assert session.end["recording"]["state"] == "Complete"

        code, got = await ask("POST", f"{base}/run/default/box/c?cmd=hostname", ADMIN_TOKEN)
        assert (code, got) == (200, b"box\n")
        assert stage.server.sessions[-1].subresource == "run"
        count = len(stage.server.sessions)
        code, got = await ask("POST", f"{base}/run/default/box/c?cmd=hostname", VIEWER_TOKEN)
        assert code == 503
        assert "this session must be recorded" in json.loads(got)["message"]
        assert len(stage.server.sessions) == count
