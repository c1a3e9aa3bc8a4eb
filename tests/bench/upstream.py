"""``python -m tests.bench.upstream``: a stand-in for kube-apiserver, a process of its own.

It answers with kube-apiserver's heads (traffic.py) over TLS 1.3 to clients with a certificate of
the cluster's authority. What it answers is in the target:

    an object's name     500 to 2,000 bytes of JSON, another length each time
    name.json-SIZE       so many bytes of JSON
    name.protobuf-SIZE   about so many bytes of protobuf, as kube-apiserver frames it
    name.bulk-SIZE       so many bytes with a Content-Length; chunked-SIZE: without one
    ?labelSelector=      a list of about 8 KB
    LARGE_LIST           a list of 100 MiB of protobuf
    ?watch=1             a stream that has an event when ``/event`` is asked for
    a review of a token  whose it is
    an issuer's paths    what openidissuer.py has written
"""

import argparse
import asyncio
import collections
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path

import uvloop

from tests.bench.openidissuer import answers_of
from tests.bench.settings import GROUP, USER, Files
from tests.bench.traffic import PROTOBUF, Traffic, compact, http_date
from tests.fakes.wire import block, envelope

JSON = "application/json"
LARGE_LIST = "/api/v1/configmaps"
LARGE = 100 << 20
PIECE = 1 << 16
CHUNK = b"%x\r\n%b\r\n" % (PIECE, b"z" * PIECE)


def review(kind: str) -> bytes:
    """The answer to a TokenReview or a SelfSubjectReview: the user of the benches."""
    user = {"username": USER, "uid": "u1", "groups": [GROUP]}
    status = {"authenticated": True, "user": user} if kind == "TokenReview" else {"userInfo": user}
    return compact({"apiVersion": "authentication.k8s.io/v1", "kind": kind, "status": status})


def config_map(traffic: Traffic, size: int) -> bytes:
    """A ConfigMap as protobuf, of about so many bytes."""
    data = b"".join(
        block(2, block(1, f"key-{at}".encode()) + block(2, traffic.word(200).encode()))
        for at in range(size // 212)
    )
    name, uid = traffic.word(12).encode(), traffic.uid().encode()
    metadata = block(1, name) + block(3, b"team") + block(5, uid)
    return block(1, metadata) + data


def large_list(traffic: Traffic) -> bytes:
    """A list of ConfigMaps in kube-apiserver's envelope."""
    item = block(2, config_map(traffic, 4096))
    return envelope("v1", "ConfigMapList", item * (LARGE // len(item) + 1))


class Answers:
    """Whatever is the same for all connections: bodies, the date, who watches."""

    def __init__(self, seed: int, issuer: Mapping[bytes, bytes]) -> None:
        self.issuer = issuer
        self.traffic = Traffic(seed)
        self.watchers: set[asyncio.WriteTransport] = set()
        self.objects = [self.traffic.config_map(size) for size in range(500, 2000, 23)]
        items = [json.loads(self.traffic.config_map(700)) for _ in range(12)]
        self.lists = [
            compact({"apiVersion": "v1", "kind": "ConfigMapList", "items": items[:count]})
            for count in range(8, 13)
        ]
        self.sized: dict[bytes, tuple[str, bytes]] = {}
        self.large = large_list(self.traffic)
        self.random = random.Random(seed)
        self._heads: dict[tuple[bytes, str, int], tuple[bytes, bytes]] = {}
        self._second = 0

    def sized_body(self, kind: bytes, size: int) -> tuple[str, bytes]:
        """Media type and body of a size, made once."""
        key = b"%b-%d" % (kind, size)
        if key not in self.sized:
            self.sized[key] = (
                (PROTOBUF, envelope("v1", "ConfigMap", config_map(self.traffic, size)))
                if kind == b"protobuf"
                else (JSON, self.traffic.config_map(size))
            )
        return self.sized[key]

    def head(
        self, audit_id: bytes, media_type: str, length: int, status: bytes = b"200 OK"
    ) -> bytes:
        """A head of kube-apiserver; ``length`` negative is chunked."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._heads.clear()
        key = status, media_type, length
        halves = self._heads.get(key)
        if halves is None:
            framing = f"Content-Length: {length}" if length >= 0 else "Transfer-Encoding: chunked"
            lines = (
                "Cache-Control: no-cache, private\r\n"
                f"Content-Type: {media_type}\r\n"
                f"X-Kubernetes-Pf-Flowschema-Uid: {self.traffic.flow_schema}\r\n"
                f"X-Kubernetes-Pf-Prioritylevel-Uid: {self.traffic.priority_level}\r\n"
                f"Date: {http_date(now)}\r\n{framing}\r\n\r\n"
            )
            halves = b"HTTP/1.1 " + status + b"\r\nAudit-Id: ", b"\r\n" + lines.encode()
            self._heads[key] = halves
        return halves[0] + audit_id + halves[1]


class ApiServer(asyncio.Protocol):
    """One connection; requests that come before an answer is sent wait."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._buffer = b""
        self._pieces: collections.deque[bytes] = collections.deque()
        self._left = 0
        self._piece = b""
        self._end = b""
        self._paused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        self._answers.watchers.discard(self._transport)
        self._left = 0

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        while (end := data.find(b"\r\n\r\n")) >= 0 and not self._left:
            head = data[:end]
            lower = head.lower()
            end += 4
            at = lower.find(b"\r\ncontent-length:")
            if at >= 0:
                end += int(lower[at + 17 :].split(b"\r\n", 1)[0])
            if len(data) < end:
                break
            at = lower.find(b"\r\naudit-id:")
            audit_id = head[at + 11 :].split(b"\r\n", 1)[0].strip() if at >= 0 else b"none"
            self._buffer = data = data[end:]
            self.answer(head.split(b" ", 2)[1], audit_id)

    def answer(self, target: bytes, audit_id: bytes) -> None:
        """Answer one request."""
        answers = self._answers
        path, _, query = target.partition(b"?")
        if b"watch=1" in query:
            self._transport.write(answers.head(audit_id, JSON, -1))
            answers.watchers.add(self._transport)
        elif path == b"/event":
            self.tell_watchers()
            self._transport.write(answers.head(audit_id, JSON, 0))
        elif path in answers.issuer:
            body = answers.issuer[path]
            self._transport.write(answers.head(audit_id, JSON, len(body)) + body)
        elif path.endswith(b"reviews"):
            kind = "TokenReview" if path.endswith(b"/tokenreviews") else "SelfSubjectReview"
            body = review(kind)
            self._transport.write(answers.head(audit_id, JSON, len(body), b"201 Created") + body)
        elif path == LARGE_LIST.encode():
            body = answers.large
            self._transport.write(answers.head(audit_id, PROTOBUF, len(body)))
            self._transport.write(body)
        elif b"labelSelector=" in query:
            body = answers.random.choice(answers.lists)
            self._transport.write(answers.head(audit_id, JSON, len(body)) + body)
        else:
            marked = path.rpartition(b".")[2].partition(b"-")
            if marked[0] in (b"bulk", b"chunked"):
                self.send_bulk(audit_id, int(marked[2]), chunked=marked[0] == b"chunked")
                return
            media_type, body = (
                answers.sized_body(marked[0], int(marked[2]))
                if marked[0] in (b"json", b"protobuf")
                else (JSON, answers.random.choice(answers.objects))
            )
            self._transport.write(answers.head(audit_id, media_type, len(body)) + body)

    def tell_watchers(self) -> None:
        """One event to each watch, with the time at which the first was written."""
        line = b'{"type":"MODIFIED","object":{"sent":%d}}\n' % time.monotonic_ns()
        piece = b"%x\r\n%b\r\n" % (len(line), line)
        for transport in self._answers.watchers:
            transport.write(piece)

    def send_bulk(self, audit_id: bytes, size: int, *, chunked: bool) -> None:
        """A large answer, as fast as it is taken; whole pieces only."""
        self._left = size // PIECE
        self._piece = CHUNK if chunked else CHUNK[7:-2]
        self._end = b"0\r\n\r\n" if chunked else b""
        length = -1 if chunked else self._left * PIECE
        self._transport.write(self._answers.head(audit_id, JSON, length))
        self.go_on()

    def go_on(self) -> None:
        """Write while there is room."""
        while self._left and not self._paused:
            self._left -= 1
            self._transport.write(self._piece)
            if not self._left and self._end:
                self._transport.write(self._end)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.go_on()
        if not self._left and self._buffer:
            self.data_received(b"")


async def serve(files: Files, port: int, seed: int) -> None:
    """Serve until the process is ended."""
    answers = Answers(seed, answers_of(files))
    await asyncio.get_running_loop().create_server(
        lambda: ApiServer(answers),
        "127.0.0.1",
        port,
        ssl=files.upstream_context(),
        backlog=4096,
    )
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("seed", type=int)
    given = parser.parse_args()
    uvloop.run(serve(Files(given.folder), given.port, given.seed))
