"""Recordings of an exec by Kubernetes' client libraries equal what the container received and sent."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import stream

from tests.fakes.clientpackages import install_node_package
from tests.fakes.followed import followed

NODE_SCRIPT = """\
import * as k8s from '@kubernetes/client-node';
import { PassThrough, Readable } from 'node:stream';

const config = new k8s.KubeConfig();
config.loadFromFile(process.argv[2]);
const out = new PassThrough();
let text = '';
out.on('data', (data) => { text += data; });
const status = await new Promise((resolve, reject) => {
  new k8s.Exec(config)
    .exec('default', 'hello', 'app', ['sh', '-c', 'hostname; nope; exit 3'], out, new PassThrough(),
      null, false, resolve)
    .catch(reject);
});
console.log(JSON.stringify([text, status.details.causes[0].message]));
"""


def python_exec(kubeconfig: Path) -> tuple[str, str, int]:
    """A shell that gets two lines: its output, its errors, its exit code."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        core: Any = client.CoreV1Api(api)
        shell = stream(
            core.connect_get_namespaced_pod_exec,
            "hello",
            "default",
            command=["sh"],
            stdin=True,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
        )
        shell.write_stdin("echo \u00fc; nope\n")
        while "nope" not in shell.peek_stderr():
            shell.update(timeout=5)
        shell.write_stdin("exit 3\n")
        shell.run_forever(timeout=20)
        found = shell.read_stdout(), shell.read_stderr(), shell.returncode
        # Its own close() does nothing once the server has closed.
        shell.sock.shutdown()
        return found


async def test_python(tmp_path: Path) -> None:
    """The package ``kubernetes``, which speaks WebSocket."""
    async with followed(tmp_path) as stage:
        found = await asyncio.to_thread(python_exec, tmp_path / "kubeconfig")
        assert found == ("\u00fc\n", "nope: not found\n", 3)
        (session,) = await stage.sessions()
        session.equals_what_the_container_saw()
        assert session.seen.protocol.endswith(".channel.k8s.io")
        assert session.seen.stdin.data == "echo \u00fc; nope\nexit 3\n".encode()


@pytest.fixture(scope="module")
def node_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, made for this run only."""
    folder = tmp_path_factory.mktemp("node")
    install_node_package(folder)
    (folder / "session.mjs").write_text(NODE_SCRIPT)
    return folder


@pytest.mark.timeout(300)
async def test_node(node_package: Path, tmp_path: Path) -> None:
    """The package ``@kubernetes/client-node``."""
    async with followed(tmp_path) as stage:
        process = await asyncio.create_subprocess_exec(
            "node",
            "session.mjs",
            str(tmp_path / "kubeconfig"),
            cwd=node_package,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert out == b'["hello\\n","3"]\n', err
        (session,) = await stage.sessions()
        session.equals_what_the_container_saw()
        assert session.seen.command == ("sh", "-c", "hostname; nope; exit 3")
