"""exec by Kubernetes' own client libraries, and that its recording is what the container saw."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.stream import stream

from tests.fakes.followed import FollowedStage

NODE_SCRIPT = """\
import * as k8s from '@kubernetes/client-node';
import { PassThrough, Readable } from 'node:stream';

const [, , kubeconfig, pod, container] = process.argv;
const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
const out = new PassThrough();
let text = '';
out.on('data', (data) => { text += data; });
const status = await new Promise((resolve, reject) => {
  new k8s.Exec(config)
    .exec('default', pod, container, ['sh', '-c', 'hostname; nope; exit 3'], out, new PassThrough(),
      null, false, resolve)
    .catch(reject);
});
console.log(JSON.stringify([text, status.details.causes[0].message]));
"""
"""Lies in a folder with the package; `session.mjs KUBECONFIG POD CONTAINER`."""


def _python_exec(kubeconfig: Path, pod: str) -> tuple[str, str, int]:
    """A shell that gets two lines: its output, its errors, its exit code."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        core: Any = client.CoreV1Api(api)
        shell = stream(
            core.connect_get_namespaced_pod_exec,
            pod,
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


async def python_exec(stage: FollowedStage, pod: str) -> None:
    """The package ``kubernetes``, which speaks WebSocket."""
    found = await asyncio.to_thread(_python_exec, stage.folder / "kubeconfig", pod)
    assert found == ("\u00fc\n", "nope: not found\n", 3)
    (session,) = await stage.sessions()
    session.equals_what_the_container_saw()
    assert session.seen.protocol.endswith(".channel.k8s.io")
    assert session.seen.stdin.data == "echo \u00fc; nope\nexit 3\n".encode()


async def node_exec(stage: FollowedStage, package: Path, pod: str, container: str) -> None:
    """The package ``@kubernetes/client-node``, which lies in the folder ``package``."""
    (package / "session.mjs").write_text(NODE_SCRIPT)
    process = await asyncio.create_subprocess_exec(
        "node",
        "session.mjs",
        *(str(stage.folder / "kubeconfig"), pod, container),
        cwd=package,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(stage.folder)},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert out == b'["%s\\n","3"]\n' % pod.encode(), err
    (session,) = await stage.sessions()
    session.equals_what_the_container_saw()
    assert session.seen.command == ("sh", "-c", "hostname; nope; exit 3")
