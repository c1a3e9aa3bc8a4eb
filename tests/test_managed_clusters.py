"""Tokens of the shape that EKS, GKE and AKS hand out, through passthrough: docs/managed-clusters.md."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.proxy import RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer

JSON = b"Content-Type: application/json"
POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}'
SIGNED = (
    "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-Security-Token="
    + "Zm9v" * 300
    + "&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature="
    + "0a" * 32
)


def part(value: Any) -> str:
    """One part of a JWT."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


EKS = "k8s-aws-v1." + part(SIGNED.encode())
GKE = "ya29.a0AfH6SMB" + "x_Y-9" * 40
AKS = ".".join(
    (
        part({"alg": "RS256", "typ": "JWT"}),
        part({"oid": "9d1c", "groups": [f"group-{n}" for n in range(200)]}),
        part(b"\x00\xff" * 128),
    )
)
USERS: dict[str, dict[str, Any]] = {
    EKS: {
        "username": "arn:aws:sts::111122223333:assumed-role/dev/alice@example.com",
        "uid": "aws-iam-authenticator:111122223333:AROA",
        "groups": ["dev", "system:authenticated"],
        "extra": {
            "accessKeyId": ["ASIA"],
            "arn": ["arn:aws:sts::111122223333:assumed-role/dev/alice@example.com"],
            "sessionName": ["alice@example.com"],
        },
    },
    GKE: {"username": "alice@example.com", "groups": ["system:authenticated"]},
    AKS: {
        "username": "alice@example.com",
        "groups": ["0c5e-group", "system:authenticated"],
        "extra": {"oid": ["9d1c"]},
    },
}


class ManagedCluster:
    """An API server that knows these tokens only, and lets nobody review tokens or impersonate."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str], bytes]] = []

    async def __call__(self, connection: FakeConnection) -> None:
        """Answer each request."""
        while True:
            head, _ = await connection.read_request()
            line, *headers = head.decode().split("\r\n")
            names = [header.partition(":")[0].lower() for header in headers if header]
            (token,) = [
                header.partition(": Bearer ")[2]
                for header in headers
                if header.lower().startswith("authorization:")
            ]
            self.seen.append((line.rsplit(" ", 1)[0], names, token.encode()))
            user = USERS.get(token)
            if user is None:
                connection.send(answer(401, b'{"kind":"Status","code":401}', JSON))
            elif "selfsubjectreviews" in line:
                review = {
                    "kind": "SelfSubjectReview",
                    "apiVersion": "authentication.k8s.io/v1",
                    "status": {"userInfo": user},
                }
                connection.send(answer(201, json.dumps(review).encode(), JSON))
            else:
                connection.send(answer(200, POD, JSON))


@asynccontextmanager
async def passing_through(cluster: ManagedCluster, folder: Path) -> AsyncIterator[RunningProxy]:
    """A proxy in front of a cluster, to which it passes clients' tokens on."""
    async with (
        FakeUpstream(cluster) as upstream,
        proxy_before(
            upstream.port,
            folder,
            upstream_identity="passthrough",
            authentication_token_review=True,
            anonymous_auth=False,
        ) as proxy,
    ):
        yield proxy


@pytest.mark.parametrize("token", [EKS, GKE, AKS], ids=["eks", "gke", "aks"])
async def test_passthrough(token: str, tmp_path: Path) -> None:
    """The token goes on as it is, without a header of ours; the event has the user the API server told."""
    cluster = ManagedCluster()
    async with passing_through(cluster, tmp_path) as proxy:
        for _ in range(2):
            got = await proxy.ask(request("GET", token=token))
            assert (got.status, got.body) == (200, POD)
        asked = [line for line, _, _ in cluster.seen]
        assert asked == [
            "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
            "GET /api/v1/namespaces/default/pods/box",
            "GET /api/v1/namespaces/default/pods/box",
        ]
        assert {seen for _, _, seen in cluster.seen} == {token.encode()}
        assert not [name for _, names, _ in cluster.seen for name in names if "impersonate" in name]
        user = USERS[token]
        for event in proxy.events:
            assert event["user"] == user
            assert token not in json.dumps(event)


@pytest.mark.parametrize("token", [EKS[:-4], GKE + "x", AKS[:-2]], ids=["eks", "gke", "aks"])
async def test_a_token_that_the_cluster_does_not_know(token: str, tmp_path: Path) -> None:
    """It is a 401 with its event, and the request is not forwarded."""
    cluster = ManagedCluster()
    async with passing_through(cluster, tmp_path) as proxy:
        got = await proxy.ask(request("GET", token=token))
        assert got.status == 401
        assert all("selfsubjectreviews" in line for line, _, _ in cluster.seen)
        assert proxy.stages() == [("ResponseStarted", 401)]
        assert token not in json.dumps(proxy.events)
