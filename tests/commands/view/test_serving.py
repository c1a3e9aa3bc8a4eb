"""The page's server on a real socket: what it answers, what it refuses, and its bounds."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.guarding import HEADERS
from auditproxy.commands.view.pagefiles import page_files
from auditproxy.commands.view.serving import MOST_CONNECTIONS, MOST_WAITING, PageServer
from auditproxy.reading.sql.indexed import TrailClosed
from auditproxy.sockets.tasks import spawn
from tests.fakes.waiting import until

TOKEN = "the-token"


class Served:
    """A server with a few answers, and raw requests to it."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[Mapping[str, str]] = []
        self.server = PageServer(
            page_files(),
            {
                "echo": self.echo,
                "wait": self.wait,
                "bad": self.bad,
                "closed": self.closed,
                "deep": self.deep,
                "gone": self.gone,
            },
            TOKEN,
        )
        self.port = 0

    def echo(self, given: Mapping[str, str]) -> Any:
        """What was asked."""
        self.asked.append(given)
        return dict(given)

    def wait(self, given: Mapping[str, str]) -> Any:
        """Nothing, once it is released."""
        self.asked.append(given)
        self.release.wait(20)
        return {}

    def bad(self, given: Mapping[str, str]) -> Any:
        """A fault of two lines."""
        raise Unusable("one\nline", "\x1b[2Jother")

    def closed(self, given: Mapping[str, str]) -> Any:
        """Something of a trail that was closed meanwhile."""
        raise TrailClosed

    def deep(self, given: Mapping[str, str]) -> Any:
        """Something that is nested too deeply."""
        raise RecursionError

    def gone(self, given: Mapping[str, str]) -> Any:
        """A file that is not there."""
        raise FileNotFoundError(2, "No such file or directory", "audit.log")

    async def send(self, *lines: str) -> tuple[int, dict[str, str], bytes]:
        """One raw request: the code, the headers and the body of its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            return int(head[0].split()[1]), headers, await reader.read()
        finally:
            writer.close()

    async def get(
        self, target: str, *lines: str, token: str = TOKEN
    ) -> tuple[int, dict[str, str], bytes]:
        """A request as the page makes it."""
        return await self.send(
            f"GET {target} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {token}",
            *lines,
        )


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server that is closed at the end."""
    made = Served()
    made.port = await made.server.start(0)
    yield made
    made.release.set()
    await made.server.close()


async def test_files_and_answers(served: Served) -> None:
    """Files without the token, answers with it; each with the headers of all."""
    for target, kind in (
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/api/echo?a=%C3%A4&a=b", "application/json"),
    ):
        code, headers, body = await served.get(target)
        assert (code, headers["Content-Type"]) == (200, kind)
        assert {name: headers.get(name) for name in HEADERS} == HEADERS
        assert body
    code, _, _ = await served.send("GET /view.css HTTP/1.1", f"Host: 127.0.0.1:{served.port}")
    assert code == 200
    assert served.asked[0]["a"] == "ä"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/../command.py", 404),
        ("/..%2fcommand.py", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("//etc/passwd", 404),
        ("/api/../view.css", 404),
        ("/api/", 404),
        ("/api/nothing", 404),
        ("/page/main.js", 404),
        ("/main.js/", 404),
        ("/api/echo?" + "a" * 7000, 200),
        ("/api/echo?" + "a" * 8100, 414),
        ("/api/echo?" + "a" * 100_000, 400),
    ],
)
async def test_other_targets(served: Served, target: str, code: int) -> None:
    """Nothing but the files of the page is served, and a target has an end."""
    found, headers, _ = await served.get(target)
    assert found == code
    if code in (404, 414):
        assert {name: headers.get(name) for name in HEADERS} == HEADERS


async def test_refused(served: Served) -> None:
    """The guard is asked for each request, and what it refuses is never answered."""
    host = f"Host: 127.0.0.1:{served.port}"
    assert (await served.get("/api/echo", token="other"))[0] == 401
    assert (await served.get("/api/echo", "Origin: http://rebound.test"))[0] == 403
    assert (await served.send("GET / HTTP/1.1", "Host: rebound.test"))[0] == 421
    assert (await served.send("GET / HTTP/1.0"))[0] == 421
    assert (await served.send("POST /api/echo HTTP/1.1", host, "Content-Length: 0"))[0] == 405
    assert (await served.send("OPTIONS /api/echo HTTP/1.1", host, "Origin: http://rebound.test"))[
        0
    ] == 403
    code, headers, _ = await served.send("GET / HTTP/1.1", host, "Origin: http://rebound.test")
    assert code == 403
    assert not any(name.startswith("Access-Control") for name in headers)
    assert served.asked == []


async def test_input_that_is_not_http(served: Served) -> None:
    """A constant answer, which repeats nothing of it."""
    code, _, body = await served.send("<script>alert(1)</script>")
    assert code == 400
    assert b"script" not in body


async def test_faults_are_one_line(served: Served) -> None:
    """Of what was asked, and of what the system refused."""
    code, _, body = await served.get("/api/bad")
    assert (code, json.loads(body)) == (400, {"error": "one line; \\x1b[2Jother"})
    assert (await served.get("/api/deep"))[0] == 400
    code, _, body = await served.get("/api/closed")
    said = {"error": "the trail is closed: auditproxy view ends", "hasEnded": True}
    assert (code, json.loads(body)) == (503, said)
    code, _, body = await served.get("/api/gone")
    assert code == 500
    assert json.loads(body)["error"] == "audit.log cannot be used: No such file or directory"


async def test_too_much_at_once(served: Served) -> None:
    """Further questions are told so; files are served all the same, and later all is well."""
    waiting = [spawn(served.get("/api/wait"), "wait") for _ in range(MOST_WAITING)]
    await until(lambda: served.server.waiting == MOST_WAITING, "the questions wait")
    code, _, body = await served.get("/api/echo")
    # Without the field that says that the command has ended.
    busy = {"error": "too much is asked at once; try again"}
    assert (code, json.loads(body)) == (503, busy)
    assert (await served.get("/"))[0] == 200
    served.release.set()
    assert {code for code, _, _ in await asyncio.gather(*waiting)} == {200}
    assert (await served.get("/api/echo"))[0] == 200


async def test_who_has_gone_away_holds_a_place_until_the_answer(served: Served) -> None:
    """So nobody has more under way than the bound by closing connections."""
    task = spawn(served.get("/api/wait"), "wait")
    await until(lambda: served.asked, "it is asked")
    task.cancel()
    await asyncio.wait([task])
    assert served.server.waiting == 1
    served.release.set()
    await until(lambda: served.server.waiting == 0, "it is answered")


async def test_connections_are_bounded(served: Served) -> None:
    """The one that has been idle longest ends for the next."""
    opened = [
        await asyncio.open_connection("127.0.0.1", served.port) for _ in range(MOST_CONNECTIONS)
    ]
    await until(lambda: len(served.server.connections) == MOST_CONNECTIONS, "all are there")
    assert (await served.get("/"))[0] == 200
    assert await opened[0][0].read() == b""
    for _, writer in opened:
        writer.close()
