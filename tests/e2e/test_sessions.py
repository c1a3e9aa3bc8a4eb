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

import pytest

from auditproxy.apis.session import Channel
from auditproxy.app.proxy import build
from auditproxy.commands.demo.cluster import DemoFiles
from auditproxy.sessions.castnotes import ConnectionClosedNote, CopiedFileNote
from tests.conformance.client import read_answer
from tests.e2e.cluster import ADMIN_TOKEN, VIEWER_TOKEN, Cluster, assets, running
from tests.e2e.kubelet import NODE, NODE_OBJECT, RUNNING, Kubelet, node_status
from tests.fakes.followed import OVER_SPDY, FollowedStage
from tests.fakes.options import options
from tests.kubectl import kubectl_binaries, minor_version

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

NEWEST, OLDEST = (
    choose(kubectl_binaries(), key=minor_version, default=Path("kubectl")) for choose in (max, min)
)
POD = b"""\
apiVersion: v1
kind: Pod
metadata: {name: box}
spec: {nodeName: e2e, containers: [{name: c, image: "example.com/box:1"}]}
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


@contextlib.asynccontextmanager
async def recorded(
    cluster: Cluster, folder: Path, binary: Path, *, address: str = "127.0.0.1"
) -> AsyncIterator[FollowedStage]:
    """A proxy that records everything, and a pod behind the kubelet's stand-in at ``address``."""
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
        setup = (
            ("delete pod box --ignore-not-found --force --grace-period=0", b""),
            ("apply -f -", NODE_OBJECT.encode()),
            (
                f"patch node {NODE} --subresource=status --type=merge -p "
                f"{node_status(kubelet.port, address)}",
                b"",
            ),
            ("create -f -", POD),
            (f"patch pod box --subresource=status --type=merge -p {RUNNING}", b""),
        )
        with_subresources = replace(stage, binary=NEWEST)
        for command, text in setup:
            code, _, err = await with_subresources.kubectl(command, text=text)
            assert code == 0, err
        yield stage
    finally:
        await proxy.close()
        await kubelet.close()


@pytest.mark.parametrize(
    ("binary", "over_spdy"),
    [(NEWEST, False), (NEWEST, True), (OLDEST, True)],
    ids=["newest-websocket", "newest-spdy", "oldest"],
)
async def test_recordings(cluster: Cluster, tmp_path: Path, binary: Path, over_spdy: bool) -> None:
    """exec, attach, cp and port-forward: each stream, each file and each connection."""
    async with recorded(cluster, tmp_path, binary) as stage:
        stage.environment.update(OVER_SPDY if over_spdy else {})
        assert (await stage.kubectl("exec -i box -- cat", text=b"in" * 50_000))[0] == 0
        assert (await stage.kubectl("exec box --", "sh", "-c", "echo on; nope; exit 3"))[0] == 3
        assert (await stage.kubectl("attach -i box", text=b"typed\n"))[0] == 0
        for session in await stage.sessions():
            session.equals_what_the_container_saw()

        content = b"never recorded" * 1000
        (tmp_path / "there").write_bytes(content)
        assert (await stage.kubectl(f"cp {tmp_path}/there box:/tmp/copied"))[0] == 0
        assert (await stage.kubectl(f"cp box:/tmp/copied {tmp_path}/back"))[0] == 0
        assert (tmp_path / "back").read_bytes() == content
        files = []
        for session in await stage.sessions():
            session.tells_of_the_end()
            assert session.cast is not None
            assert b"never recorded" not in Path(session.end["recording"]["path"]).read_bytes()
            files += [note for note in session.cast.notes() if isinstance(note, CopiedFileNote)]
        assert [(Path(file.name).name, file.size) for file in files] == [
            ("copied", len(content)),
            ("copied", len(content)),
        ]

        process = await stage.start("port-forward", "pod/box", ":80")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(30):
                line = await process.stdout.readline()
                port = int(line.split(b" -> ")[0].rpartition(b":")[2])
                for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"said" * 1000):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(sent)
                    writer.write_eof()
                    assert await reader.read()
                    writer.close()
        finally:
            process.terminate()
            await process.communicate()
        (forward,) = await stage.sessions()
        assert forward.cast is not None
        seen = [(int(each.port), each.received, each.sent) for each in forward.seen.connections]
        notes = [note for note in forward.cast.notes() if isinstance(note, ConnectionClosedNote)]
        assert [(note.port, note.bytes_in, note.bytes_out) for note in notes] == seen
        assert [received for _, received, _ in seen] == [27, 4000]


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
