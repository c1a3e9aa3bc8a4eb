"""Generated requests and answers, each several times: the short way shows what the chain shows."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.bothways import JSON, POD, Scene, Step, both, kube
from tests.fakes.proxy import ADMIN, ALICE, EVERYTHING, request
from tests.fakes.upstream import answer
from tests.fakes.waiting import until

METHODS = st.sampled_from(["GET", "GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"])
WORDS = st.text("abz019-._~%/\"<&='", max_size=8)
TARGETS = st.one_of(
    st.sampled_from(
        [
            "/api/v1/namespaces/d/pods/p",
            "/api/v1/pods?limit=5&fieldSelector=a%3Db",
            "/apis/apps/v1/namespaces/d/deployments/x/scale",
            "/apis/coordination.k8s.io/v1/namespaces/d/leases/l",
            "/api/v1/namespaces/d/secrets/s?token=abc",
            "/healthz",
            "/api/v1/pods?timeout=5s",
        ]
    ),
    st.builds("/api/v1/namespaces/d/{}?{}".format, WORDS, WORDS),
    st.builds("/{}".format, WORDS),
)
HEADERS = st.lists(
    st.sampled_from(
        [
            "Accept: application/json",
            "Accept: application/vnd.kubernetes.protobuf, */*",
            "User-Agent: kubectl/v1.37 \"q\" \xe9",
            "Content-Type: application/json",
            "Content-Type: application/merge-patch+json",
            "X-Forwarded-For: 1.2.3.4",
            "Connection: keep-alive",
            "Connection: X-A",
            "X-A: b",
            "X-A:",
            # One that is refused at once: reviews are remembered for seconds, and would follow the
            # clock. test_shortway.py has impersonation.
            "Impersonate-Foo: bob",
            "Authorization: Basic YTpi",
            "Kubectl-Command: kubectl get",
        ]
    ),
    max_size=4,
)  # fmt: skip
BODIES = st.sampled_from([b"", b"", b"{}", POD, b"{", b"x" * 3000, b"\x00\xff"])
ANSWERS = st.one_of(
    st.builds(kube, st.sampled_from([200, 201, 202, 404, 409, 500]), BODIES),
    st.builds(answer, st.sampled_from([200, 403, 422]), BODIES, st.just(JSON)),
    st.sampled_from(
        [
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            kube(200, POD, b'Warning: 299 - "old"'),
            kube(200, POD, b"Set-Cookie: a=b"),
            b"HTTP/1.1 103 Early Hints\r\n\r\n" + kube(200, POD),
        ]
    ),
)
LEVELS = st.sampled_from(["None", "Metadata", "Request", "RequestResponse"])
ASKED = st.tuples(
    st.builds(
        lambda method, target, headers, body, token: request(
            method, target, *headers, body=body, token=token
        ),
        METHODS,
        TARGETS,
        HEADERS,
        BODIES,
        st.sampled_from([ADMIN, ALICE, ""]),
    ),
    ANSWERS,
    st.integers(0, 400),
)


def sent(asked: list[tuple[bytes, bytes, int]], level: str, *, log: bool) -> int:
    """Send each four times on one connection, once in two segments; how many went the short way."""

    async def ask(scene: Scene, raw: bytes, cut: int) -> None:
        client, levels = scene.client, scene.handler.shared.metrics.audit.levels
        if client.closed.is_set():
            return
        count = sum(each.value for each in levels.values())
        for part in (raw[:cut], raw[cut:]):
            if part:
                await client.drip(part, len(part))
        await until(
            lambda: client.closed.is_set() or sum(each.value for each in levels.values()) > count,
            "it is decided about",
        )
        await scene.over()

    async def play(scene: Scene) -> None:
        for raw, _, cut in asked:
            for at in (0, 0, 1 + cut % (len(raw) - 1), 0):
                await ask(scene, raw, at)

    steps: list[Step] = [step for _, step, _ in asked for _ in range(4)]
    policy = EVERYTHING.replace("RequestResponse", level)
    with tempfile.TemporaryDirectory() as folder:
        scene = both(Path(folder), steps, play, took=0, log=log, policy=policy)
        return asyncio.run(scene).short


def test_any_requests() -> None:
    """T121 T153: whatever is asked and answered, and enough of it on the short way."""
    short: list[int] = []

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.lists(ASKED, min_size=1, max_size=6), LEVELS, st.booleans())
    def any_requests(asked: list[tuple[bytes, bytes, int]], level: str, log: bool) -> None:
        short.append(sent(asked, level, log=log))

    any_requests()
    assert sum(short) >= len(short)
