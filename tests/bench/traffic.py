"""What the benches send: requests, bodies and kube-apiserver's answers, all of one seed.

Nothing here is made for one run: another seed gives other names, bodies and heads of the same
shapes, so that a proxy that is tuned to these very bytes gains nothing.
"""

import datetime
import itertools
import json
import random
import uuid
from collections.abc import Sequence

RESOURCES = (
    ("api/v1", "pods"),
    ("api/v1", "configmaps"),
    ("api/v1", "services"),
    ("apis/apps/v1", "deployments"),
    ("apis/apps/v1", "replicasets"),
    ("apis/batch/v1", "jobs"),
    ("apis/networking.k8s.io/v1", "ingresses"),
    ("apis/example.com/v1alpha1", "widgets"),
)
"""Group and version, and resource, of the targets; no rule of the policy leaves one of them out."""

START = datetime.datetime(2026, 11, 28, 5, 0, tzinfo=datetime.UTC)
PROTOBUF = "application/vnd.kubernetes.protobuf"


class Traffic:
    """Requests and answers; each call gives the next one.

    Another ``run`` of a seed asks for the same kinds of things in the same order, by other names.
    """

    def __init__(self, seed: int, run: int = 0) -> None:
        self.random = random.Random(f"{seed}, {run}")
        self.order = random.Random(seed)
        self.flow_schema, self.priority_level = self.uid(), self.uid()
        shuffled = self.order.sample(RESOURCES, len(RESOURCES))
        self._resources = itertools.cycle(shuffled)

    def word(self, length: int) -> str:
        """Letters and digits, as generated names have them."""
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxz2456789", k=length))

    def uid(self) -> str:
        """A UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def target(self) -> str:
        """One object of one namespace."""
        version, resource = next(self._resources)
        name = f"{self.word(7)}-{self.word(10)}-{self.word(5)}"
        return f"/{version}/namespaces/team-{self.word(4)}/{resource}/{name}"

    def targets(self, count: int) -> list[str]:
        """So many objects, each once."""
        return [self.target() for _ in range(count)]

    def list_target(self) -> str:
        """A LIST of one namespace with a query, as kubectl and controllers send it."""
        version, resource = next(self._resources)
        selector = f"app%3D{self.word(8)}%2Ctier%21%3D{self.word(5)}"
        query = f"labelSelector={selector}&limit=500"
        return f"/{version}/namespaces/team-{self.word(4)}/{resource}?{query}"

    def lease_target(self) -> str:
        """The lease of a node."""
        node = f"node-{self.word(6)}"
        return f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}"

    def headers(self, token: str = "") -> list[str]:
        """The header lines of one client."""
        lines = [
            "Host: api.example.com:6443",
            f"User-Agent: {self.word(9)}/v1.36.2 (linux/amd64) kubernetes/{self.word(7)}",
            "Accept: application/json, */*",
            "Accept-Encoding: gzip",
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        return lines

    def trace(self) -> str:
        """The header line of a trace context, another one each time."""
        trace, span = (self.random.getrandbits(bits) for bits in (128, 64))
        return f"Traceparent: 00-{trace:032x}-{span:016x}-01"

    def lease(self) -> bytes:
        """A lease of 200 bytes, as a small client writes it."""
        value: dict[str, object] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "", "resourceVersion": str(self.random.randrange(10**6, 10**7))},
            "spec": {"holderIdentity": self.word(12), "leaseDurationSeconds": 40},
        }
        return padded(value, ("metadata", "name"), 200)

    def config_map(self, size: int) -> bytes:
        """A ConfigMap of so many bytes of JSON."""
        value: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.word(12),
                "namespace": self.word(6),
                "uid": self.uid(),
                "resourceVersion": str(self.random.randrange(10**6, 10**7)),
                "labels": {self.word(6): self.word(8) for _ in range(3)},
            },
            "data": {**{self.word(8): self.word(16) for _ in range(6)}, "rest": ""},
        }
        return padded(value, ("data", "rest"), size)


def any_size(traffic: Traffic) -> bytes:
    """A ConfigMap of 512 to 1,535 bytes."""
    return traffic.config_map(traffic.random.randrange(512, 1536))


def padded(value: dict[str, object], path: Sequence[str], size: int) -> bytes:
    """An object whose string at ``path`` is as long as makes it ``size`` bytes of JSON."""
    *outer, last = path
    inner = value
    for name in outer:
        inner = inner[name]  # type: ignore[assignment]
    missing = size - len(compact(value))
    if missing < 0:
        raise ValueError(f"the object is longer than {size} bytes")
    inner[last] = f"{inner[last]}{'x' * missing}"
    return compact(value)


def compact(value: object) -> bytes:
    """JSON without blanks, with a line's end as kube-apiserver writes it."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def request_bytes(
    method: str,
    target: str,
    headers: Sequence[str],
    body: bytes = b"",
    media_type: str = "application/json",
) -> bytes:
    """A request as it stands on the wire."""
    lines = [f"{method} {target} HTTP/1.1", *headers]
    if body:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def answer_bytes(
    traffic: Traffic,
    number: int,
    audit_id: str,
    body: bytes,
    *,
    media_type: str = "application/json",
    new_flow: bool = False,
) -> bytes:
    """A 200 of kube-apiserver with its heads; its clock goes on by a second every 50 answers."""
    date = http_date(int(START.timestamp()) + number // 50)
    schema, level = (
        (traffic.uid(), traffic.uid())
        if new_flow
        else (traffic.flow_schema, traffic.priority_level)
    )
    return (
        "HTTP/1.1 200 OK\r\n"
        f"Audit-Id: {audit_id}\r\n"
        "Cache-Control: no-cache, private\r\n"
        f"Content-Type: {media_type}\r\n"
        f"X-Kubernetes-Pf-Flowschema-Uid: {schema}\r\n"
        f"X-Kubernetes-Pf-Prioritylevel-Uid: {level}\r\n"
        f"Date: {date}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode("latin-1") + body


def http_date(seconds: int) -> str:
    """A time since the epoch as a Date has it."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%a, %d %b %Y %H:%M:%S} GMT"


def header_value(head: bytes, name: bytes) -> bytes:
    """The value of a header of a head, empty without it; ``name`` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    return b""
