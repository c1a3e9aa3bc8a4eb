"""The page's server: files of the page, and JSON of the trail, on the loopback interface.

A few threads answer, one request at a time each. When too many wait, further ones are answered 503,
and so are those that have no answer yet when the command ends. Every answer has the headers of
guarding.py, errors too.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response
from aiohttp.web_server import Server

from auditproxy.apis.faults import Unusable
from auditproxy.app.standardstreams import one_line, refusal
from auditproxy.commands.view.guarding import API, HEADERS, denial
from auditproxy.commands.view.pagefiles import PageFile
from auditproxy.health.connection import HealthConnection
from auditproxy.health.connections import BoundedConnections
from auditproxy.reading.sql.indexed import TrailClosed
from auditproxy.sockets.listener import Listener, bind

HOST = "127.0.0.1"
MOST_CONNECTIONS = 32
"""Connections; a further one closes the one that has been idle longest."""
MOST_AT_ONCE = 2
"""Questions that are answered at the same time."""
MOST_WAITING = 16
"""Questions that are answered or wait for it; a page asks a few at once."""

Answer = Callable[[Mapping[str, str]], Any]
"""Takes the parameters of a query, and gives what becomes JSON; raises Unusable."""


class PageServer:
    """Serves the page until it is closed; ``answers`` has what is asked by its path below API."""

    def __init__(
        self, files: Mapping[str, PageFile], answers: Mapping[str, Answer], token: str
    ) -> None:
        self._files = files
        self._answers = answers
        self._token = token
        self._hosts: tuple[str, ...] = ()
        self._listeners: list[Listener] = []
        self.connections = BoundedConnections(MOST_CONNECTIONS)
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "view")
        self.waiting = 0
        """Questions that are answered or wait for it."""
        self._server = Server(self._answered)

    async def start(self, port: int) -> int:
        """Listen on the loopback interface; the port. Raises OSError."""
        for bound in bind(HOST, port):
            port = bound.getsockname()[1]
            self._listeners.append(Listener(bound, self._accepted, lambda error: None))
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")
        return port

    async def close(self) -> None:
        """Stop listening, and end what is left."""
        for listener in self._listeners:
            listener.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._server.shutdown(1.0)

    def _accepted(self, accepted: socket.socket) -> Coroutine[Any, Any, None]:
        return self.connections.connect(accepted, self.connections.place(self._server))

    async def _answered(self, request: BaseRequest) -> Response:
        """Answer a request to its last byte; its connection becomes the most recently used."""
        connection = request.protocol
        assert isinstance(connection, HealthConnection)
        self.connections.used(connection)
        with connection.answering():
            response = await self._response(request)
            response.headers.update(HEADERS)
            if response.status >= 400:
                # What follows, such as a body, is not read.
                response.force_close()
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _response(self, request: BaseRequest) -> Response:
        headers = {name.lower(): request.headers.getall(name) for name in request.headers}
        denied = denial(request.method, request.path_qs, headers, self._token, self._hosts)
        if denied is not None:
            return _error(denied.code, denied.reason)
        file = self._files.get(request.path)
        if file is not None:
            return Response(body=file.body, headers={"Content-Type": file.kind})
        answer = self._answers.get(request.path.removeprefix(API))
        if not request.path.startswith(API) or answer is None:
            return _error(404, "there is nothing here")
        if self.waiting >= MOST_WAITING:
            return _error(503, "too much is asked at once; try again")
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, _json_of, answer, dict(request.query)
        )
        # It holds its place until it is done, also if the client has gone away.
        future.add_done_callback(self._done)
        code, body = await asyncio.shield(future)
        return Response(status=code, body=body, headers={"Content-Type": "application/json"})

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self.waiting -= 1
        if not future.cancelled():
            future.exception()


def _json_of(answer: Answer, given: Mapping[str, str]) -> tuple[int, bytes]:
    """The code and the body of an answer; what is wrong with a question is one too."""
    try:
        return 200, json.dumps(answer(given)).encode("ascii")
    except TrailClosed as error:
        # A server that is only busy has the same code, and not the field.
        return 503, _fault(f"{error}: auditproxy view ends", hasEnded=True)
    except Unusable as error:
        return 400, _fault("; ".join(error.faults))
    except OSError as error:
        return 500, _fault(refusal(error))
    except RecursionError:
        return 400, _fault("what is asked for is nested too deeply to be shown")


def _fault(text: str, **fields: bool) -> bytes:
    return json.dumps({"error": one_line(text), **fields}).encode("ascii")


def _error(code: int, reason: str) -> Response:
    return Response(status=code, body=_fault(reason), headers={"Content-Type": "application/json"})
