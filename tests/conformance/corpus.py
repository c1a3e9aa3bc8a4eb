"""The recording: exchanges of a real kube-apiserver on the wire, each with the events it wrote."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass
class Exchange:
    """One recorded request, its answer, and kube-apiserver's events for it."""

    raw: dict[str, Any] = field(repr=False)

    @property
    def audit_id(self) -> str:
        """The Audit-ID that joins request and events."""
        return str(self.raw["auditID"])

    @property
    def method(self) -> str:
        """The method as sent."""
        return str(self.raw["method"])

    @property
    def target(self) -> str:
        """The request target as sent."""
        return str(self.raw["target"])

    @property
    def status(self) -> int:
        """The code that the client got."""
        return int(self.raw["status"])

    @cached_property
    def request_body(self) -> bytes:
        """The body as sent, chunking removed."""
        return base64.b64decode(self.raw["requestBody"])

    @cached_property
    def response_parts(self) -> tuple[bytes, ...]:
        """The body as received, chunk by chunk, chunking removed."""
        return tuple(base64.b64decode(part) for _, part in self.raw.get("responseParts", ()))

    @property
    def response_body(self) -> bytes:
        """The whole body as received."""
        return b"".join(self.response_parts)

    @property
    def request_headers(self) -> list[tuple[str, str]]:
        """Headers as sent, in order."""
        return [(name, value) for name, value in self.raw["requestHeaders"]]

    @property
    def response_headers(self) -> list[tuple[str, str]]:
        """Headers as received, in order."""
        return [(name, value) for name, value in self.raw.get("responseHeaders") or ()]

    @property
    def events(self) -> list[dict[str, Any]]:
        """kube-apiserver's own events."""
        return list(self.raw["events"])

    @property
    def tunnel(self) -> list[tuple[str, bytes]] | None:
        """What went through after a 101: side (c or s) and bytes."""
        frames = self.raw.get("tunnel")
        if frames is None:
            return None
        return [(side, base64.b64decode(data)) for side, _, data in frames]

    def header(self, name: str) -> str:
        """The first request header of a name, or nothing."""
        return next((v for k, v in self.request_headers if k.lower() == name.lower()), "")

    @property
    def speaks_protobuf(self) -> bool:
        """Whether a body of this exchange is protobuf."""
        sent = self.header("content-type") if self.request_body else ""
        received = next((v for k, v in self.response_headers if k.lower() == "content-type"), "")
        return "protobuf" in sent or "protobuf" in received


def read(path: Path = DATA / "exchanges.jsonl.gz") -> Iterator[Exchange]:
    """Every exchange of a recording."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield Exchange(json.loads(line))


def users(path: Path = DATA / "users.json") -> dict[str, dict[str, Any]]:
    """Whom the API server took the bearer of each token for."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
