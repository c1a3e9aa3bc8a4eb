"""A broker of Kafka on loopback that keeps what a producer sends, and fails in ways that we choose.

It knows what an idempotent producer needs: versions, metadata, producer IDs, batches and, with
``users``, SASL PLAIN and SCRAM, without which it then serves nothing. A batch that it has by producer ID and sequence is not stored again, and one
with a gap before it is refused, as brokers do. Its log outlasts ``stop`` and ``start``.
"""

import asyncio
import contextlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol.admin import (
    ApiVersionResponse_v0,
    SaslAuthenticateRequest_v0,
    SaslAuthenticateResponse_v0,
    SaslHandShakeRequest_v1,
    SaslHandShakeResponse_v1,
)
from aiokafka.protocol.metadata import MetadataResponse_v1
from aiokafka.protocol.produce import ProduceRequest_v3, ProduceResponse_v3
from aiokafka.protocol.transaction import InitProducerIdResponse_v0
from aiokafka.record.memory_records import MemoryRecords

from tests.fakes.scram import DIGESTS, ScramRefusedError, ScramServer
from tests.fakes.tlsstreams import TlsStream

Reader = asyncio.StreamReader | TlsStream
Writer = asyncio.StreamWriter | TlsStream

PRODUCE, METADATA, HANDSHAKE, VERSIONS, PRODUCER_ID, AUTHENTICATE = 0, 3, 17, 18, 22, 36
_KNOWN = {PRODUCE: 3, METADATA: 1, HANDSHAKE: 1, VERSIONS: 0, PRODUCER_ID: 0, AUTHENTICATE: 0}
"""The one version of each request."""

LOST, HANG, RESET, GARBAGE, HUGE = "lost", "hang", "reset", "garbage", "huge"
"""What a request may meet besides an error code; LOST stores, and breaks the connection."""

_UNKNOWN_MECHANISM, _OUT_OF_ORDER, _BAD_LOGIN = 33, 45, 58
_BEFORE_LOGIN = frozenset({VERSIONS, HANDSHAKE, AUTHENTICATE})


@dataclass(frozen=True)
class StoredRecord:
    """A record as a consumer gets it."""

    partition: int
    key: bytes
    value: bytes
    headers: dict[str, bytes]


class Login:
    """The login of one connection; ``is_done`` is whether it may be served."""

    def __init__(self, broker: "FakeBroker") -> None:
        self._broker = broker
        self._mechanism = ""
        self._scram: ScramServer | None = None
        self.is_done = broker.users is None
        self.has_failed = False

    def choose(self, mechanism: str) -> int:
        """Begin with a mechanism; the error code."""
        if mechanism not in self._broker.mechanisms:
            return _UNKNOWN_MECHANISM
        self._mechanism = mechanism
        return 0

    def step(self, message: bytes) -> tuple[int, bytes]:
        """Answer a message of the client: the error code and what follows."""
        try:
            return 0, self._answer(message)
        except (ScramRefusedError, ValueError):
            self.has_failed = True
            return _BAD_LOGIN, b""

    def _answer(self, message: bytes) -> bytes:
        users = self._broker.users or {}
        if self._mechanism in DIGESTS:
            if self._scram is None:
                self._scram = ScramServer(
                    self._mechanism, users, iterations=self._broker.iterations
                )
                return self._scram.first(message)
            answer = self._scram.final(message)
            self._done(self._scram.user)
            return answer if self._broker.proves else b"v=AAAA"
        _, user, password = message.decode().split("\0")
        if users.get(user) != password:
            raise ScramRefusedError("not the password")
        self._done(user)
        return b""

    def _done(self, user: str) -> None:
        self.is_done = True
        self._broker.logins.append((self._mechanism, user))


class FakeBroker:
    """Such a broker; ``faults`` are met one by one by requests of the kinds that they name."""

    def __init__(
        self,
        *,
        partitions: int = 3,
        users: Mapping[str, str] | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", *DIGESTS),
        host: str = "127.0.0.1",
    ) -> None:
        self._partitions = partitions
        self._host = host
        self.users = users
        self.mechanisms = mechanisms
        self.iterations = 4096
        self.proves = True
        """Whether it shows that it knows a password, where the mechanism asks for that."""
        self.logins: list[tuple[str, str]] = []
        """Mechanism and user of each."""
        self.peers: set[str] = set()
        """The common names of client certificates."""
        self._next: dict[tuple[int, int], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.topics = {"audit.events"}
        self.always: dict[int, Any] = {}
        """What every request of a kind meets."""
        self.faults: list[Any] = []
        """What batches meet, one after the other; 0 is no fault."""
        self.log: list[StoredRecord] = []
        self.batches: list[tuple[int, int, int]] = []
        """Producer ID, partition and first sequence of each batch that came."""
        self.acks: set[int] = set()
        self.repeated = 0
        self.seen: list[int] = []
        self.ssl: Any = None

    async def __aenter__(self) -> "FakeBroker":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the port that it had before."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, limit=2**22
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break all connections; nobody listens then."""
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def events(self, key: str) -> list[bytes]:
        """The values with a key, in the order of their partition."""
        return [each.value for each in self.log if each.key == key.encode()]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if self.ssl is None:
                    await self._serve_all(reader, writer)
                else:
                    stream = TlsStream(reader, writer, self.ssl)
                    await stream.handshake()
                    subject = stream.peer_certificate.get("subject", ())
                    pairs = [pair for names in subject for pair in names]
                    self.peers |= {value for name, value in pairs if name == "commonName"}
                    await self._serve_all(stream, stream)
                await writer.drain()
                writer.close()
                return
        finally:
            self._tasks.discard(task)
            if not writer.is_closing():
                writer.transport.abort()

    async def _serve_all(self, reader: Reader, writer: Writer) -> None:
        """Serve a connection until its end, or a login that fails."""
        login = Login(self)
        while not login.has_failed:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            await self._serve(io.BytesIO(await reader.readexactly(size)), writer, login)

    async def _serve(self, request: io.BytesIO, writer: Writer, login: Login) -> None:
        kind, version, correlation, length = struct.unpack(">hhih", request.read(10))
        request.read(max(length, 0))
        assert _KNOWN[kind] == version
        self.seen.append(kind)
        if not login.is_done and kind not in _BEFORE_LOGIN:
            raise ConnectionResetError
        fault = self.always.get(kind, 0)
        if kind == PRODUCE and self.faults:
            fault = self.faults.pop(0)
        answer = (
            None
            if fault in (HANG, RESET, GARBAGE, HUGE)
            else self._answer(kind, request, fault, login)
        )
        if fault == HANG:
            await asyncio.Event().wait()
        if fault in (LOST, RESET):
            raise ConnectionResetError
        if fault == GARBAGE:
            writer.write(
                b"HTTP/1.1 400 Bad Request\r\n\r\n" if kind == VERSIONS else b"\0\0\0\6xxxxxx"
            )
        elif fault == HUGE:
            writer.write(struct.pack(">ii", 2**31 - 1, correlation))
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        elif answer is not None:
            content = struct.pack(">i", correlation) + answer.encode()
            writer.write(struct.pack(">i", len(content)) + content)

    def _answer(self, kind: int, request: io.BytesIO, fault: Any, login: Login) -> Any:
        if kind == VERSIONS:
            return ApiVersionResponse_v0(0, [(key, each, each) for key, each in _KNOWN.items()])
        if kind == HANDSHAKE:
            chosen = SaslHandShakeRequest_v1.decode(request).mechanism
            return SaslHandShakeResponse_v1(login.choose(chosen), list(self.mechanisms))
        if kind == AUTHENTICATE:
            code, answer = login.step(SaslAuthenticateRequest_v0.decode(request).sasl_auth_bytes)
            return SaslAuthenticateResponse_v0(code, "no secret", answer)
        if kind == PRODUCER_ID:
            return InitProducerIdResponse_v0(0, fault, 1000 + self.seen.count(PRODUCER_ID), 0)
        if kind == METADATA:
            leaders = [(0, number, 0, [0], [0]) for number in range(self._partitions)]
            topics = [(0, topic, False, leaders) for topic in self.topics]
            return MetadataResponse_v1([(0, self._host, self.port, None)], 0, topics)
        produced = ProduceRequest_v3.decode(request)
        self.acks.add(produced.required_acks)
        return ProduceResponse_v3(
            [
                (topic, [(part, self._store(part, batch, fault), 0, -1) for part, batch in parts])
                for topic, parts in produced.topics
            ],
            0,
        )

    def _store(self, partition: int, content: bytes, fault: Any) -> int:
        """Store a batch; the error code."""
        batch = MemoryRecords(content).next_batch()
        assert batch.validate_crc()
        self.batches.append((batch.producer_id, partition, batch.base_sequence))
        if isinstance(fault, int) and fault:
            return fault
        records = [
            StoredRecord(partition, bytes(each.key), bytes(each.value), dict(each.headers))
            for each in batch
        ]
        place = (batch.producer_id, partition)
        expected = self._next.get(place, 0)
        if batch.base_sequence < expected:
            self.repeated += 1
            return 0
        if batch.base_sequence > expected:
            return _OUT_OF_ORDER
        self._next[place] = expected + len(records)
        self.log += records
        return 0
