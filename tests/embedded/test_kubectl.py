"""Real kubectl against the embedded API server, over TLS with client certificates."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.embedded import make_pki, running
from tests.kubectl import kubectl_binaries, minor_version

# The texts are those of today's kubectl; older ones have test_kubectl_through_proxy.py.
BINARIES = tuple(binary for binary in kubectl_binaries() if minor_version(binary) >= 30)
pytestmark = pytest.mark.skipif(not BINARIES, reason="there is no kubectl here")

MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: b, c: d}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: dep}
spec:
  selector: {matchLabels: {app: dep}}
  template:
    metadata: {labels: {app: dep}}
    spec:
      containers:
      - {name: one, image: "i:1"}
      - {name: two, image: "i:2"}
"""
CHANGED = MANIFEST.replace(", c: d", "").replace('      - {name: two, image: "i:2"}\n', "")
CHANGED = CHANGED.replace("i:1", "i:9")


@dataclass(frozen=True)
class Result:
    """What kubectl said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """One kubectl, whose home is a test's folder."""

    binary: Path
    folder: Path
    url: str

    def arguments(self, *words: str, token: str = "") -> tuple[str, ...]:
        """A whole command line; without a token it is the admin's certificate's."""
        user: tuple[str, ...] = (f"--token={token}",)
        if not token:
            pki = self.folder / "pki"
            user = (
                f"--client-certificate={pki / 'admin.crt'}",
                f"--client-key={pki / 'admin.key'}",
            )
        return (
            str(self.binary),
            f"--server={self.url}",
            f"--certificate-authority={self.folder / 'pki' / 'ca.crt'}",
            *user,
            *words,
        )

    async def start(self, *words: str, token: str = "") -> asyncio.subprocess.Process:
        """A kubectl that runs."""
        return await asyncio.create_subprocess_exec(
            *self.arguments(*words, token=token),
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": "/dev/null"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *words: str, token: str = "", text: str = "") -> Result:
        """Run to the end with ``text`` as standard input."""
        process = await self.start(*words, token=token)
        async with asyncio.timeout(30):
            out, err = await process.communicate(text.encode())
        assert process.returncode is not None
        return Result(process.returncode, out.decode(), err.decode())

    async def good(self, *words: str, text: str = "") -> str:
        """Standard output of a command that must succeed."""
        result = await self(*words, text=text)
        assert result.code == 0, result.err
        return result.out


@pytest.fixture(params=BINARIES, ids=lambda binary: binary.parent.parent.name)
async def kubectl(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kubectl]:
    """Each kubectl of this machine, with a server of its own."""
    context = make_pki(tmp_path / "pki")
    async with running(ssl_context=context) as cluster:
        yield Kubectl(request.param, tmp_path, cluster.server.url)


async def test_get(kubectl: Kubectl) -> None:
    """Tables, names, wide columns, selectors and kube's words for what is not there."""
    out = await kubectl.good("get", "pods")
    assert out.split("\n")[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert out.split("\n")[1].split()[:4] == ["hello", "1/1", "Running", "0"]
    assert "embedded" in await kubectl.good("get", "pods", "-o", "wide")
    assert await kubectl.good("get", "ns,nodes,deploy", "-o", "name") == (
        "namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\n"
        "namespace/kube-system\nnode/embedded\ndeployment.apps/web\n"
    )
    assert "pod/hello" in await kubectl.good("get", "all", "-A")
    assert await kubectl.good("get", "pods", "-l", "app=hello", "-o", "name") == "pod/hello\n"
    assert await kubectl.good("get", "pods", "-l", "app!=hello", "-o", "name") == ""
    image = await kubectl.good("get", "pod", "hello", "-o", "jsonpath={.spec.containers[0].name}")
    assert image == "app"
    missing = await kubectl("get", "pod", "nosuch")
    assert missing.code == 1
    assert missing.err == 'Error from server (NotFound): pods "nosuch" not found\n'


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("pod", "hello"), "Node:             embedded/127.0.0.1"),
        (("deployment", "web"), "1 desired | 1 updated | 1 total | 1 available"),
        (("node", "embedded"), "KubeletReady"),
        (("ns", "default"), "Status:       Active"),
        (("svc", "kubernetes"), "443/TCP"),
        (("clusterrole", "cluster-admin"), "*.*"),
    ],
)
async def test_describe(kubectl: Kubectl, words: tuple[str, ...], shown: str) -> None:
    """Descriptions, for which kubectl reads typed objects and their events."""
    assert shown in await kubectl.good("describe", *words)


async def test_discovery(kubectl: Kubectl) -> None:
    """Resources, versions and health."""
    assert "deploy" in await kubectl.good("api-resources")
    assert "apps/v1" in await kubectl.good("api-versions")
    assert "Server Version: v1.36.2" in await kubectl.good("version")
    assert "is running at" in await kubectl.good("cluster-info")
    assert await kubectl.good("get", "--raw", "/readyz") == "ok"
    assert "Pod of v1" in await kubectl.good("explain", "pods")


async def test_what_kubectl_makes_itself(kubectl: Kubectl) -> None:
    """Objects that newer versions send in protobuf, with strict validation."""
    await kubectl.good("create", "configmap", "made", "--from-literal=a=b")
    assert await kubectl.good("get", "cm", "made", "-o", "jsonpath={.data}") == '{"a":"b"}'
    await kubectl.good("create", "secret", "generic", "hidden", "--from-literal=a=b")
    assert await kubectl.good("get", "secret", "hidden", "-o", "jsonpath={.data.a}") == "Yg=="
    await kubectl.good("create", "deployment", "more", "--image=i:1", "--replicas=3", "--port=80")
    out = await kubectl.good("get", "deploy", "more")
    assert out.split("\n")[1].split()[:4] == ["more", "3/3", "3", "3"]
    await kubectl.good("create", "job", "once", "--image=i:1", "--", "sleep", "1")
    command = "jsonpath={.spec.template.spec.containers[0].command}"
    assert await kubectl.good("get", "job", "once", "-o", command) == '["sleep","1"]'
    await kubectl.good("create", "role", "reader", "--verb=get,list", "--resource=pods")
    await kubectl.good("create", "rolebinding", "readers", "--role=reader", "--user=bob")
    assert "Role/reader" in await kubectl.good("get", "rolebinding", "readers")
    await kubectl.good("create", "ns", "other")
    assert "default" in await kubectl.good("get", "sa", "-n", "other")
    await kubectl.good("run", "nginx", "--image=nginx:1")
    await kubectl.good("wait", "--for=condition=Ready", "pod/nginx", "--timeout=10s")
    await kubectl.good("expose", "pod", "hello", "--port=80")
    again = await kubectl("create", "configmap", "made")
    assert again.err == 'error: failed to create configmap: configmaps "made" already exists\n'


async def test_changes(kubectl: Kubectl) -> None:
    """Each kind of patch, scale, label, rollout, cordon, replace and delete."""
    await kubectl.good("scale", "deploy", "web", "--replicas=3")
    assert await kubectl.good("rollout", "status", "deploy", "web") == (
        'deployment "web" successfully rolled out\n'
    )
    patches = {
        "json": '[{"op":"replace","path":"/spec/replicas","value":2}]',
        "merge": '{"metadata":{"labels":{"merged":"yes"}}}',
        "strategic": '{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"b:1"}]}}}}',
    }
    for kind, patch in patches.items():
        await kubectl.good("patch", "deploy", "web", f"--type={kind}", "-p", patch)
    shown = "jsonpath={.spec.replicas} {.metadata.labels.merged} {.spec.template..image}"
    assert await kubectl.good("get", "deploy", "web", "-o", shown) == (
        "2 yes b:1 registry.example/hello:1.0"
    )
    await kubectl.good("set", "image", "deploy/web", "app=i:7")
    await kubectl.good("label", "pod", "hello", "a=b")
    await kubectl.good("annotate", "pod", "hello", "a=b")
    await kubectl.good("cordon", "embedded")
    assert "SchedulingDisabled" in await kubectl.good("get", "nodes")
    misfit = '[{"op":"test","path":"/spec/replicas","value":9}]'
    refused = await kubectl("patch", "deploy", "web", "--type=json", "-p", misfit)
    assert refused.code == 1
    assert "the server rejected our request" in refused.err
    await kubectl.good("delete", "pod", "hello")
    assert await kubectl.good("get", "pods", "-o", "name") == ""
    refused = await kubectl("delete", "ns", "default")
    assert 'namespaces "default" is forbidden' in refused.err
    await kubectl.good("delete", "deploy", "--all")


async def test_client_side_apply(kubectl: Kubectl) -> None:
    """Created, unchanged, compared, configured, replaced and deleted again."""
    images = "jsonpath={.spec.template.spec.containers[*].image}"
    assert await kubectl.good("apply", "-f", "-", text=MANIFEST) == (
        "configmap/conf created\ndeployment.apps/dep created\n"
    )
    assert await kubectl.good("apply", "-f", "-", text=MANIFEST) == (
        "configmap/conf unchanged\ndeployment.apps/dep unchanged\n"
    )
    difference = await kubectl("diff", "-f", "-", text=CHANGED)
    assert difference.code == 1, difference.err
    assert "-  c: d\n" in difference.out
    assert await kubectl.good("apply", "-f", "-", text=CHANGED) == (
        "configmap/conf configured\ndeployment.apps/dep configured\n"
    )
    assert await kubectl.good("get", "cm", "conf", "-o", "jsonpath={.data}") == '{"a":"b"}'
    assert await kubectl.good("get", "deploy", "dep", "-o", images) == "i:9"
    await kubectl.good("replace", "-f", "-", text=MANIFEST)
    assert await kubectl.good("get", "deploy", "dep", "-o", images) == "i:1 i:2"
    await kubectl.good("delete", "-f", "-", text=MANIFEST)
    assert (await kubectl("get", "deploy", "dep")).code == 1


async def test_server_side_apply(kubectl: Kubectl) -> None:
    """What is no longer applied goes; another manager's field is a conflict."""
    images = "jsonpath={.spec.template.spec.containers[*].image}"
    apply = ("apply", "--server-side", "-f", "-")
    assert await kubectl.good(*apply, text=MANIFEST) == (
        "configmap/conf serverside-applied\ndeployment.apps/dep serverside-applied\n"
    )
    await kubectl.good(*apply, text=CHANGED)
    assert await kubectl.good("get", "cm", "conf", "-o", "jsonpath={.data}") == '{"a":"b"}'
    assert await kubectl.good("get", "deploy", "dep", "-o", images) == "i:9"
    conflict = await kubectl(*apply, "--field-manager=zed", text=MANIFEST)
    assert conflict.code == 1
    assert 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1' in conflict.err
    assert '.spec.template.spec.containers[name="one"].image' in conflict.err
    await kubectl.good(*apply, "--field-manager=zed", "--force-conflicts", text=MANIFEST)
    assert await kubectl.good("get", "deploy", "dep", "-o", images) == "i:1 i:2"


async def test_from_client_side_to_server_side_apply(kubectl: Kubectl) -> None:
    """kubectl takes its own fields over without a conflict."""
    await kubectl.good("apply", "-f", "-", text=MANIFEST)
    await kubectl.good("apply", "--server-side", "-f", "-", text=CHANGED)
    data = await kubectl.good("get", "cm", "conf", "-o", "jsonpath={.data}")
    assert data == '{"a":"b"}'


async def test_dry_run(kubectl: Kubectl) -> None:
    """The server answers and keeps nothing."""
    out = await kubectl.good("create", "cm", "never", "--dry-run=server")
    assert out == "configmap/never created (server dry run)\n"
    await kubectl.good("delete", "pod", "hello", "--dry-run=server")
    assert await kubectl.good("get", "cm,pods", "-o", "name") == (
        "configmap/kube-root-ca.crt\npod/hello\n"
    )


async def test_watch(kubectl: Kubectl) -> None:
    """What happens is seen as it happens."""
    process = await kubectl.start("get", "configmaps", "-w", "-o", "name")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"configmap/kube-root-ca.crt\n"
            await kubectl.good("create", "configmap", "seen")
            assert await process.stdout.readline() == b"configmap/seen\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_who_may_what(kubectl: Kubectl) -> None:
    """Certificates, tokens, impersonation, and kube's words for a refusal."""
    assert "[system:masters system:authenticated]" in await kubectl.good("auth", "whoami")
    assert await kubectl.good("auth", "can-i", "delete", "pods") == "yes\n"
    assert "[get list watch]" in (
        await kubectl("auth", "can-i", "--list", token="viewer-token")
    ).out.replace("  ", " ")
    assert (await kubectl("auth", "can-i", "create", "pods", token="viewer-token")).out == "no\n"
    assert (await kubectl("get", "pods", token="viewer-token")).code == 0
    refused = await kubectl("get", "secrets", token="viewer-token")
    assert refused.err == (
        'Error from server (Forbidden): secrets is forbidden: User "viewer" cannot list resource '
        '"secrets" in API group "" in the namespace "default"\n'
    )
    refused = await kubectl("get", "pods", "--as=bob")
    assert 'pods is forbidden: User "bob" cannot list resource "pods"' in refused.err
    refused = await kubectl("get", "pods", "--as=bob", token="viewer-token")
    assert 'users "bob" is forbidden: User "viewer" cannot impersonate resource' in refused.err
    whoami = await kubectl.good("auth", "whoami", "--as=bob", "--as-group=dev")
    assert "[dev system:authenticated]" in whoami
    refused = await kubectl("get", "pods", token="no-such-token")
    assert "You must be logged in to the server" in refused.err


async def test_service_account_tokens(kubectl: Kubectl) -> None:
    """A token that was made is accepted as its account's."""
    token = (await kubectl.good("create", "token", "default")).strip()
    out = (await kubectl("auth", "whoami", token=token)).out
    assert "system:serviceaccount:default:default" in out
