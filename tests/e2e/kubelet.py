"""A kubelet of a few lines: logs, exec, attach and port-forward for pods that a test says are running."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditproxy.commands.demo.cluster import server_context
from auditproxy.embedded.http1 import HttpServer, RawConnection, Request, Response
from auditproxy.embedded.pods.containers import Process
from auditproxy.embedded.pods.journal import ContainerSession, Journal
from auditproxy.embedded.pods.streams import container_of, log_lines, serve

NODE = "e2e"
_PARAMETERS = {"input": "stdin", "output": "stdout", "error": "stderr"}


class Kubelet:
    """Answers kube-apiserver on loopback, with containers of the embedded API server's kind."""

    def __init__(self, pki: Path) -> None:
        self._pki = pki
        self._server = HttpServer(self._handle)
        self._journal = Journal()
        self.port = 0

    @property
    def sessions(self) -> Sequence[ContainerSession]:
        """What its containers received and sent."""
        return self._journal.sessions

    async def start(self, address: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self.port = await self._server.start(address, 0, server_context(self._pki))

    async def close(self) -> None:
        """Stop."""
        await self._server.close()

    async def _handle(self, request: Request, connection: RawConnection) -> Response | None:
        _, verb, namespace, name, *container = request.path.split("/")
        pod = {"metadata": {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}}
        if verb == "containerLogs":
            lines = log_lines(pod, request.first("follow") == "true")
            return Response(200, content_type="text/plain", stream=lines)
        query = {_PARAMETERS.get(key, key): values for key, values in request.query.items()}
        query = {key: ["true"] if values == ["1"] else values for key, values in query.items()}
        if verb == "run":
            return await self._run(pod, request.first("cmd"))
        if container:
            query["container"] = container[-1:]
        asked = replace(request, query=query)
        await serve(asked, pod, connection, self._journal.begin(verb.lower(), pod, query))
        return None

    async def _run(self, pod: dict[str, Any], command: str) -> Response:
        """Output and errors of a command, as an ordinary answer."""
        session = self._journal.begin("run", pod, {"command": command.split(" ")})
        written = bytearray()

        async def write(data: bytes) -> None:
            written.extend(data)

        nothing = asyncio.StreamReader()
        nothing.feed_eof()
        process = Process(container_of(pod), nothing, write, write)
        session.exit_code = await process.run(list(session.command))
        return Response(200, bytes(written), content_type="text/plain")


NODE_OBJECT = json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
"""The Node that the pods of a test run on."""


def node_status(port: int, address: str = "127.0.0.1") -> str:
    """The status that tells kube-apiserver where the kubelet is."""
    return json.dumps(
        {
            "status": {
                "addresses": [{"type": "InternalIP", "address": address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            }
        },
        separators=(",", ":"),
    )


def running_status(*containers: str, added: str = "") -> str:
    """A pod's status as a kubelet would report it; ``added`` is an ephemeral container."""

    def runs(name: str) -> dict[str, Any]:
        return {
            "name": name,
            "image": "i",
            "imageID": "i",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {}},
        }

    return json.dumps(
        {
            "status": {
                "phase": "Running",
                "podIP": "127.0.0.1",
                "containerStatuses": [runs(name) for name in containers],
                "ephemeralContainerStatuses": [runs(added)] if added else None,
            }
        },
        separators=(",", ":"),
    )


RUNNING = running_status("c")
"""The status of a pod whose one container is ``c``."""
