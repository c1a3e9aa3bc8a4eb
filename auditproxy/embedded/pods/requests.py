"""Subresources of pods that need a container: log, exec, attach, port-forward."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from auditproxy.embedded.answers import Object, bad_request
from auditproxy.embedded.http1 import RawConnection, Request, Response
from auditproxy.embedded.pods import streams as playing
from auditproxy.embedded.pods.journal import ContainerSession, Journal


class Streams(Protocol):
    """Simulates the containers; the module streams.py is an implementation."""

    def serve(
        self,
        request: Request,
        pod: dict[str, Any],
        connection: RawConnection,
        session: ContainerSession,
    ) -> Awaitable[None]:
        """Answer an exec, attach or port-forward request and hold the session on its connection.

        What the container receives and sends goes into ``session``.
        """

    def log_lines(self, pod: dict[str, Any], follow: bool) -> AsyncIterator[bytes]:
        """The lines that the pod's container wrote, and those to come when ``follow`` is set."""


class PodSessions:
    """Hands requests to ``streams``, streams.py if None, and keeps a journal of the sessions."""

    def __init__(self, streams: Streams | None = None) -> None:
        self._streams: Streams = streams or playing
        self.journal = Journal()

    async def serve(
        self, request: Request, subresource: str, pod: Object, connection: RawConnection
    ) -> Response | None:
        """The answer; None when the connection was taken over. Raises ApiError (400)."""
        if subresource != "portforward":
            _check_container(request, pod)
        if subresource == "log":
            return await self._log(request, pod)
        if not request.wants_upgrade:
            raise bad_request("Upgrade request required")
        session = self.journal.begin(subresource, pod, request.query)
        await self._streams.serve(request, pod, connection, session)
        return None

    async def _log(self, request: Request, pod: Object) -> Response:
        follow = request.first("follow") in ("true", "1")
        lines = self._streams.log_lines(pod, follow)
        if follow:
            return Response(200, content_type="text/plain", stream=lines)
        found = [line async for line in lines]
        tail = request.first("tailLines")
        if tail.isascii() and tail.isdigit():
            found = found[max(0, len(found) - int(tail)) :]
        body = b"".join(found)
        limit = request.first("limitBytes")
        if limit.isascii() and limit.isdigit():
            body = body[: int(limit)]
        return Response(200, body, "text/plain")


def _check_container(request: Request, pod: Object) -> None:
    name = pod["metadata"]["name"]
    names = [container.get("name", "") for container in pod["spec"].get("containers", ())]
    asked = request.first("container")
    debugging = [
        container.get("name", "") for container in pod["spec"].get("ephemeralContainers") or ()
    ]
    if not asked and len(names) > 1:
        raise bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        )
    if asked and asked not in (*names, *debugging):
        raise bad_request(f"container {asked} is not valid for pod {name}")
