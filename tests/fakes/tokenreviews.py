"""An upstream that answers TokenReviews from a table, and everything else with 200."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.upstream import FakeConnection, answer


@dataclass
class Reviewing:
    """A script for FakeUpstream; ``known`` is each good token's user."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The spec of each TokenReview that came."""
    forwarded: list[bytes] = field(default_factory=list)
    """The head of each other request, in small letters."""
    code: int = 201

    async def __call__(self, connection: FakeConnection) -> None:
        """Answer each request of a connection in turn."""
        while True:
            try:
                head, body = await connection.read_request()
            except EOFError:
                return
            if b"/tokenreviews " not in head:
                self.forwarded.append(head.lower())
                connection.send(answer(200, b"{}", b"Content-Type: application/json"))
                continue
            spec = json.loads(body)["spec"]
            self.asked.append(spec)
            user = self.known.get(spec["token"])
            status: dict[str, Any] = {"user": {}, "error": "invalid bearer token"}
            if user is not None:
                status = {"authenticated": True, "user": user}
                status["audiences"] = spec.get("audiences", [])
            connection.send(
                answer(
                    self.code,
                    json.dumps({"kind": "TokenReview", "status": status}).encode(),
                    b"Content-Type: application/json",
                )
            )
