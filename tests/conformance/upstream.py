"""An upstream that answers each request as the recording did, found by its Audit-ID."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from tests.conformance.corpus import Exchange

REVIEWS = {
    "/apis/authentication.k8s.io/v1/tokenreviews": "token_review",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews": "access_review",
}
MASTERS = "system:masters"
EVENT_ATTRIBUTES = ("resource", "apiGroup", "subresource", "namespace", "name")


class RecordedUpstream:
    """A plain HTTP server on loopback that knows the recorded exchanges and answers reviews.

    ``forwarded`` counts the requests that came with a recorded Audit-ID;
    ``reviews`` those that the proxy made of its own accord.
    """

    def __init__(self, exchanges: Iterable[Exchange], users: dict[str, Any]) -> None:
        self._by_id = {exchange.audit_id: exchange for exchange in exchanges}
        self._users = users
        self._decisions = _decisions(self._by_id.values())
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self.forwarded: dict[str, list[tuple[str, str]]] = {}
        self.reviews = 0
        self.unnamed: Exchange | None = None
        """The exchange whose answer a request gets that has no recorded Audit-ID."""

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request, answer it; false ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.split("\r\n")[:-2]
        _, target, _ = request_line.split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
        body = await _body(reader, {name.lower(): value for name, value in headers})
        path = target.partition("?")[0]
        audit_id = next((value for name, value in headers if name.lower() == "audit-id"), "")
        exchange = self._by_id.get(audit_id)
        if exchange is None and audit_id:
            exchange = self.unnamed
        if exchange is None:
            self.reviews += 1
            answer = getattr(self, REVIEWS[path])(json.loads(body))
            encoded = json.dumps(answer).encode()
            writer.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(encoded) + encoded
            )
            return True
        self.forwarded[audit_id] = headers
        if exchange.tunnel is not None:
            await self._switch(exchange, reader, writer)
            return False
        await self._answer(exchange, writer)
        return True

    async def _answer(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        """The recorded answer in its recorded framing."""
        names = {name.lower() for name, _ in exchange.response_headers}
        bodiless = exchange.method == "HEAD" or exchange.status in (204, 304)
        chunked = not bodiless and "content-length" not in names
        lines = [f"HTTP/1.1 {exchange.status} Recorded"]
        lines += [
            f"{name}: {value}"
            for name, value in exchange.response_headers
            if name.lower() != "transfer-encoding"
        ]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for part in exchange.response_parts if not bodiless else ():
            if chunked and part:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            elif part:
                writer.write(part)
            await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _switch(
        self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The recorded 101 and the recorded bytes of both sides, in order."""
        lines = ["HTTP/1.1 101 Switching Protocols"]
        lines += [f"{name}: {value}" for name, value in exchange.response_headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for side, data in exchange.tunnel or ():
            if side == "s":
                writer.write(data)
                await writer.drain()
            else:
                sent = await reader.readexactly(len(data))
                assert sent == data
        writer.close()

    def token_review(self, review: dict[str, Any]) -> dict[str, Any]:
        """As the recorded server knew the token's bearer."""
        user = self._users.get(review["spec"]["token"])
        review["status"] = (
            {"user": {}, "error": "invalid bearer token"}
            if user is None
            else {"authenticated": True, "user": user}
        )
        return review

    def access_review(self, review: dict[str, Any]) -> dict[str, Any]:
        """As the recorded events say the server decided; masters may everything, others nothing."""
        spec = review["spec"]
        if MASTERS in spec.get("groups", ()):
            review["status"] = {"allowed": True, "reason": ""}
            return review
        allowed, reason = self._decisions.get(_asked(spec), (False, ""))
        review["status"] = {"allowed": allowed, "reason": reason}
        return review


def _decisions(exchanges: Iterable[Exchange]) -> dict[tuple[str, ...], tuple[bool, str]]:
    """What the authorizer said to whom about what, as the events tell it."""
    found: dict[tuple[str, ...], tuple[bool, str]] = {}
    for exchange in exchanges:
        for event in exchange.events:
            annotations = event.get("annotations", {})
            decision = annotations.get("authorization.k8s.io/decision")
            if decision is None:
                continue
            user = (event.get("impersonatedUser") or event["user"]).get("username", "")
            reference = event.get("objectRef")
            asked: tuple[str, ...]
            if reference is not None:
                asked = (
                    user,
                    event["verb"],
                    *(reference.get(key, "") for key in EVENT_ATTRIBUTES[:4]),
                )
            else:
                asked = (user, event["verb"], event["requestURI"].partition("?")[0])
            reason = annotations.get("authorization.k8s.io/reason", "")
            found[asked] = (decision == "allow", reason)
    return found


def _asked(spec: dict[str, Any]) -> tuple[str, ...]:
    """A review's question in the form of ``_decisions``."""
    resource = spec.get("resourceAttributes")
    if resource is None:
        plain = spec["nonResourceAttributes"]
        return (spec.get("user", ""), plain["verb"], plain["path"])
    return (
        spec.get("user", ""),
        resource.get("verb", ""),
        *(resource.get(key, "") for key in ("resource", "group", "subresource", "namespace")),
    )


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """A request's body, chunking removed."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        pieces = []
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return b"".join(pieces)
    return await reader.readexactly(int(headers.get("content-length", "0")))
