"""Random policies and requests whose words meet, and a proxy that records what is asked of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from auditproxy.apis.audit import LEVEL_WORDS, Stage
from tests.fakes.policies import HEAD
from tests.fakes.proxy import ADMIN, ALICE, BOB, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box","namespace":"shop"}}'
WRONG = "no-such-token"


def some(*values: str, most: int = 2) -> st.SearchStrategy[list[str]]:
    """A few of some texts, often none."""
    return st.one_of(st.just([]), st.lists(st.sampled_from(values), max_size=most, unique=True))


def _without_empty(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if value not in ([], None)}


_COMMON: dict[str, st.SearchStrategy[Any]] = {
    "level": st.sampled_from(list(LEVEL_WORDS.values())),
    "users": some("alice", "bob", "system:anonymous"),
    "userGroups": some("dev", "system:masters", "system:authenticated"),
    "verbs": some("get", "list", "watch", "create", "post", "delete", most=4),
    "omitStages": some(*(stage.value for stage in Stage)),
}
_ENTRIES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "group": st.sampled_from(["", "apps", "*"]),
                "resources": st.lists(
                    st.sampled_from(["pods", "pods/*", "*/exec", "*", "deployments", "pods/log"]),
                    min_size=1,
                    max_size=3,
                ),
                "resourceNames": some("box", "other"),
            }
        ),
        st.fixed_dictionaries({"group": st.sampled_from(["", "apps", "*"])}),
    ),
    max_size=2,
)
RULES = st.one_of(
    st.fixed_dictionaries(
        {**_COMMON, "resources": _ENTRIES, "namespaces": some("shop", "", "bar")}
    ),
    st.fixed_dictionaries({**_COMMON, "nonResourceURLs": some("/healthz", "/h*", "*", "/api/*")}),
).map(_without_empty)
POLICIES = st.tuples(
    st.lists(RULES, min_size=1, max_size=6), some("RequestReceived", "ResponseStarted")
).map(
    lambda made: (
        HEAD + f"omitStages: {json.dumps(made[1])}\nrules: {json.dumps(made[0])}"
    ).encode()
)
"""Texts of policies."""

TARGETS = (
    "/api/v1/namespaces/shop/pods",
    "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dbox",
    "/api/v1/namespaces/shop/pods?watch=true",
    "/api/v1/namespaces/shop/pods/box",
    "/api/v1/namespaces/shop/pods/box/exec?command=sh",
    "/api/v1/namespaces/shop/pods/box/log",
    "/api/v1/namespaces/shop",
    "/api/v1/pods",
    "/apis/apps/v1/namespaces/bar/deployments/other",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1",
    "/api/v1",
    "/healthz",
    "/healthz/ping",
    "/h%65althz",
    "/",
)
ASKED = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    st.sampled_from(TARGETS),
    st.sampled_from([ALICE, BOB, ADMIN, "", WRONG]),
)
"""Method, target and token."""


async def _replying(connection: FakeConnection) -> None:
    while True:
        head, _ = await connection.read_request()
        body = b"" if head.startswith(b"HEAD") else POD
        connection.send(answer(200, body, b"Content-Type: application/json"))


async def recorded(
    folder: Path, policy: bytes, asked: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """What a running proxy with the policy records of requests; their Audit-IDs are numbers."""
    async with FakeUpstream(_replying) as upstream:
        async with proxy_before(upstream.port, folder, policy=policy.decode()) as proxy:
            for number, (method, target, token) in enumerate(asked):
                body = POD if method in ("POST", "PUT") else b""
                headers = ["Connection: close", f"Audit-ID: {number}"]
                if body:
                    headers.append("Content-Type: application/json")
                async with asyncio.timeout(20):
                    await proxy.ask(request(method, target, *headers, body=body, token=token))
            await proxy.proxy.settle()
            return proxy.events
