"""A client that sends recorded requests as bytes and reads answers without interpreting them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance.corpus import Exchange


@dataclass
class Answer:
    """What the client got."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = True

    def header(self, name: str) -> str:
        """The first header of a name, or nothing."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")


async def replay(exchange: Exchange, port: int) -> Answer:
    """Send a recorded request on a connection of its own and read the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    try:
        writer.write(_request(exchange))
        answer = await read_answer(reader, exchange.method)
        if answer.status == 101 and exchange.tunnel is not None:
            answer.body = await _tunnel(exchange, reader, writer)
        return answer
    finally:
        writer.close()


async def replay_again(exchange: Exchange, port: int, times: int) -> list[Answer]:
    """Send a recorded request several times on one connection, as long as that is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    answers: list[Answer] = []
    try:
        while len(answers) < times:
            writer.write(_request(exchange))
            answers.append(await read_answer(reader, exchange.method))
            if not _is_kept(answers[-1], exchange.method):
                break
        return answers
    finally:
        writer.close()


def _is_kept(answer: Answer, method: str) -> bool:
    is_framed = (
        method == "HEAD"
        or answer.status in (204, 304)
        or bool(answer.header("content-length") or answer.header("transfer-encoding"))
    )
    return is_framed and answer.complete and answer.header("connection").lower() != "close"


def _request(exchange: Exchange) -> bytes:
    """The recorded request in the framing it was sent in."""
    lines = [f"{exchange.method} {exchange.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in exchange.request_headers]
    names = {name.lower() for name, _ in exchange.request_headers}
    body = exchange.request_body
    if "transfer-encoding" in names:
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    elif body and "content-length" not in names:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


async def read_answer(
    reader: asyncio.StreamReader, method: str, heard: Callable[[], None] | None = None
) -> Answer:
    """Read one final answer; chunking is removed, everything else is as it came.

    ``heard`` is called when its head has come.
    """
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")[:-2]
        headers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        answer = Answer(int(status_line.split(" ")[1]), headers)
        if answer.status >= 200 or answer.status == 101:
            break
    if heard is not None:
        heard()
    if method == "HEAD" or answer.status in (101, 204, 304):
        return answer
    try:
        if answer.header("transfer-encoding").lower() == "chunked":
            answer.body = await _chunks(reader)
        elif answer.header("content-length"):
            answer.body = await reader.readexactly(int(answer.header("content-length")))
        else:
            answer.body = await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError):
        answer.complete = False
    return answer


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)


async def _tunnel(
    exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes:
    """Play the client's part of a recorded tunnel; returns what the other side said."""
    heard = []
    for side, data in exchange.tunnel or ():
        if side == "c":
            writer.write(data)
            await writer.drain()
        else:
            heard.append(await reader.readexactly(len(data)))
    if writer.can_write_eof():
        writer.write_eof()
    heard.append(await reader.read())
    return b"".join(heard)
