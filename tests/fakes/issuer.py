"""An OIDC issuer on a real TLS socket, whose keys rotate and whose answers can be hostile.

async with FakeIssuer(tmp_path) as issuer:
    issuer.publish(rsa_key(), kid="a")
    ... issuer.url, issuer.ca, issuer.token(sub="alice")
    issuer.script["/keys"] = [answer(500), HANG]      then good answers again
    issuer.requests                                   every request's path
"""

import asyncio
import gzip
import json
import time
from pathlib import Path
from typing import Any

from auditproxy.apis.authentication import (
    ClaimMappings,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
)
from auditproxy.authentication.tokens.jws import ALGORITHMS
from tests.fakes.tokens import Private, jwk, rsa_key, signed
from tests.fakes.waiting import pause
from tests.fakes.webhook import answer, server_context

HANG = "hang"
RESET = "reset"
DRIP = "drip"
HUGE = "huge"
SLOW_HEAD = "slow-head"

BOMB = answer(200, "Content-Encoding: gzip", body=gzip.compress(b" " * 50_000_000))
HTML = answer(200, "Content-Type: text/html", body=b"<html>canary</html>")

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"

Step = bytes | str


class FakeIssuer:
    """Serves discovery and keys; each path takes the steps of its script first."""

    def __init__(self, folder: Path) -> None:
        self._context, ca = server_context(folder)
        self.ca = ca.read_text(encoding="ascii")
        self.requests: list[str] = []
        self.headers: list[str] = []
        self.script: dict[str, list[Step]] = {}
        self.document: dict[str, Any] = {}
        self.keys: list[Any] = []
        self.cache_control = ""
        self.gate: asyncio.Event | None = None
        self.sent = 0
        self._signing: tuple[Private, str, str] = (rsa_key(), "RS256", "")
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> "FakeIssuer":
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.document = {"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}", "other": 1}
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.down()

    async def down(self) -> None:
        """Answer nobody any more."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Its name, which is where it listens."""
        return f"https://localhost:{self.port}"

    @property
    def key_requests(self) -> int:
        """How often its keys were asked for."""
        return self.requests.count(KEYS)

    def publish(self, key: Private, algorithm: str = "RS256", kid: str = "a") -> None:
        """Publish this key alone, and sign with it."""
        self._signing = (key, algorithm, kid)
        self.keys = [jwk(key, kid=kid)]

    def token(self, **claims: Any) -> str:
        """A token signed with the key published last; None leaves a claim out."""
        key, algorithm, kid = self._signing
        all_claims = {
            "iss": self.url,
            "aud": "us",
            "sub": "alice",
            "exp": int(time.time()) + 600,
            **claims,
        }
        given = {name: value for name, value in all_claims.items() if value is not None}
        return signed(given, key, algorithm, kid=kid)

    def jwt(self, **fields: Any) -> JWTAuthenticator:
        """The configuration that believes it."""
        issuer = {"url": self.url, "certificate_authority": self.ca, "audiences": ("us",)}
        return JWTAuthenticator(
            issuer=Issuer(**{**issuer, **fields}),
            claim_mappings=ClaimMappings(
                username=PrefixedClaimOrExpression(claim="sub", prefix="oidc:"),
                groups=PrefixedClaimOrExpression(claim="groups", prefix=""),
            ),
            signing_algorithms=ALGORITHMS,
        )

    async def until_requests(self, count: int, path: str = "") -> None:
        """Wait until so many requests came."""
        async with asyncio.timeout(5):
            while len([p for p in self.requests if not path or p == path]) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.requests.append(path)
            self.headers.append(head)
            self._arrived.set()
            if self.gate is not None:
                await self.gate.wait()
            steps = self.script.get(path, [])
            await self._play(steps.pop(0) if steps else self._good(path), writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def _good(self, path: str) -> bytes:
        lines = [f"Cache-Control: {self.cache_control}"] if self.cache_control else []
        if path == KEYS:
            return answer(200, *lines, body=json.dumps({"keys": self.keys}).encode())
        if path == DISCOVERY:
            return answer(200, *lines, body=json.dumps(self.document).encode())
        return answer(404)

    async def _play(self, step: Step, writer: asyncio.StreamWriter) -> None:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        elif step == HANG:
            await asyncio.Event().wait()
        elif step == SLOW_HEAD:
            await self._pour(writer, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a", 0.01)
        elif step == DRIP:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
            await self._pour(writer, head, b" ", 0.01)
        elif step == HUGE:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            await self._pour(writer, head, b"10000\r\n" + b" " * 65536 + b"\r\n", 0)

    async def _pour(
        self, writer: asyncio.StreamWriter, head: bytes, piece: bytes, seconds: float
    ) -> None:
        writer.write(head)
        while self.sent < 50_000_000:
            writer.write(piece)
            self.sent += len(piece)
            await writer.drain()
            await pause(seconds)
