"""Journal: what each session's container received and sent, for checks of a recording.

An independent witness: it is written where the container reads and writes, and knows nothing of
the proxy's own reading of the wire.
"""

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

MOST_SESSIONS = 1000
MOST_ENTRIES = 1000
"""Resizes, and connections, that one session keeps."""
MOST_BYTES = 4 * 1024 * 1024
"""Bytes that one stream keeps; its size and digest are those of all."""
MOST_PENDING = 4096
"""Bytes of an unfinished message about a size."""


class KeptBytes:
    """The bytes of one stream: the first MOST_BYTES, and the size and digest of all."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take what follows."""
        self.size += len(data)
        self._digest.update(data)
        self._kept += data[: MOST_BYTES - len(self._kept)]

    @property
    def data(self) -> bytes:
        """The first bytes, all of them where ``size`` says so."""
        return bytes(self._kept)

    @property
    def sha256(self) -> str:
        """The digest of all bytes, in hexadecimal."""
        return self._digest.hexdigest()


@dataclass(slots=True)
class PortConnection:
    """One connection of a port-forward, as the pod sees it."""

    port: str
    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class ContainerSession:
    """One exec, attach or port-forward; streams are those of the channel, not of a program.

    ``stdin`` holds what the client sent, read by the program or not. ``exit_code`` is None until
    the end. ``protocol`` is the one that was agreed upon, "" where none was.
    """

    subresource: str
    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    tty: bool
    protocol: str = ""
    stdin: KeptBytes = field(default_factory=KeptBytes)
    stdout: KeptBytes = field(default_factory=KeptBytes)
    stderr: KeptBytes = field(default_factory=KeptBytes)
    resizes: list[tuple[int, int]] = field(default_factory=list)
    """Columns and rows, in order."""
    connections: list[PortConnection] = field(default_factory=list)
    exit_code: int | None = None
    is_over: bool = False
    _sizes: bytes = b""

    def resized(self, data: bytes) -> None:
        """Take bytes of the channel of sizes: JSON objects with Width and Height, one by one."""
        text = (self._sizes + data).decode("utf-8", "replace")
        decoder = json.JSONDecoder()
        while text := text.lstrip():
            try:
                size, end = decoder.raw_decode(text)
            except ValueError:
                break
            text = text[end:]
            if isinstance(size, dict) and len(self.resizes) < MOST_ENTRIES:
                self.resizes.append((size.get("Width", 0), size.get("Height", 0)))
        self._sizes = text.encode()[:MOST_PENDING]

    def connected(self, port: str) -> PortConnection:
        """A connection to a port of the pod begins."""
        connection = PortConnection(port)
        if len(self.connections) < MOST_ENTRIES:
            self.connections.append(connection)
        return connection


class Journal:
    """The last MOST_SESSIONS sessions, oldest first."""

    def __init__(self) -> None:
        self.sessions: deque[ContainerSession] = deque(maxlen=MOST_SESSIONS)

    def begin(
        self, subresource: str, pod: dict[str, Any], query: dict[str, list[str]]
    ) -> ContainerSession:
        """A request asks for a session in ``pod``; ``query`` is as kube-apiserver has it."""
        session = ContainerSession(
            subresource=subresource,
            namespace=pod["metadata"].get("namespace", ""),
            pod=pod["metadata"]["name"],
            container=(query.get("container") or [""])[0],
            command=tuple(query.get("command", ())),
            tty=(query.get("tty") or [""])[0] in ("true", "1"),
        )
        self.sessions.append(session)
        return session
