"""kubectl with tokens of an OIDC issuer and of service accounts, direct and through the proxy.

kube-apiserver and the proxy have the same AuthenticationConfiguration; the proxy
fetches the keys of service accounts from kube-apiserver.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.compare import differences
from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.e2e.comparing import as_seen_here
from tests.e2e.direct_path import proxy_of
from tests.e2e.tokenstage import ISSUER, SETUP, Stage, events
from tests.fakes.issuer import FakeIssuer
from tests.fakes.tokens import rsa_key

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

COMMANDS = (
    "auth whoami -o json",
    "get secrets",
    "get nodes",
    "-n default create configmap c-NS",
    "-n default delete configmap c-NS",
)


def configuration(issuer: FakeIssuer) -> dict[str, Any]:
    """An issuer with mappings of each kind, and rules."""
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": {
                    "url": issuer.url,
                    "audiences": ["us", "them"],
                    "audienceMatchPolicy": "MatchAny",
                    "certificateAuthority": issuer.ca,
                },
                "claimValidationRules": [
                    {"claim": "hd", "requiredValue": "example.com"},
                    {"expression": "!has(claims.locked) || claims.locked == false", "message": "l"},
                ],
                "claimMappings": {
                    "username": {"expression": "'oidc:' + claims.sub"},
                    "groups": {"claim": "groups", "prefix": ""},
                    "uid": {"claim": "id"},
                    "extra": [
                        {
                            "key": "example.com/tenant",
                            "valueExpression": "claims.?tenant.orValue('')",
                        }
                    ],
                },
                "userValidationRules": [
                    {"expression": "!user.username.endsWith(':banned')", "message": "b"}
                ],
            }
        ],
    }


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeIssuer]:
    """The issuer on a thread of its own."""
    made = FakeIssuer(tmp_path_factory.mktemp("issuer"))
    started, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with made:
            made.publish(rsa_key())
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    yield made
    ended.set()
    thread.join(30)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, issuer: FakeIssuer) -> Iterator[Stage]:
    """One control plane and one proxy, which both trust the issuer."""
    folder = tmp_path_factory.mktemp("cluster")
    path = folder / "authentication.json"
    path.write_text(json.dumps(configuration(issuer)), encoding="utf-8")
    with running(folder, f"--authentication-config={path}") as cluster:
        upstream = cluster.kubeconfig("upstream", certificate=folder / "pki" / "auditproxy.crt")
        with proxy_of(
            cluster,
            upstream,
            authentication_config=str(path),
            service_account_issuer=(ISSUER,),
            audit_authorization_annotations="review",
            audit_redact="none",
        ) as (url, _):
            made = Stage(cluster, url, folder)
            code, _, err = made.run("apply -f -", ADMIN_TOKEN, SETUP, proxied=False)
            assert code == 0, err
            yield made


def tokens(issuer: FakeIssuer) -> dict[str, tuple[str, bool]]:
    """Tokens by name, and whether they are somebody's."""
    good: dict[str, Any] = {"hd": "example.com", "groups": ["dev"], "id": "7"}
    cases: dict[str, tuple[dict[str, Any], bool]] = {
        "plain": ({}, True),
        "extra": ({"tenant": "t", "jti": "J"}, True),
        "one-group": ({"groups": "dev"}, True),
        "other-audience": ({"aud": ["x", "them"]}, True),
        "wrong-audience": ({"aud": "x"}, False),
        "expired": ({"exp": 1}, False),
        "early": ({"nbf": 9_999_999_999}, False),
        "no-hd": ({"hd": None}, False),
        "locked": ({"locked": True}, False),
        "unlocked": ({"locked": False}, True),
        "banned": ({"sub": "banned"}, False),
        "no-uid": ({"id": None}, False),
        "bad-groups": ({"groups": 5}, False),
        "no-sub": ({"sub": None}, False),
        "other-issuer": ({"iss": "https://other.example"}, False),
    }
    return {
        name: (issuer.token(**{**good, **claims}), known) for name, (claims, known) in cases.items()
    }


def test_who_is_known(stage: Stage, issuer: FakeIssuer) -> None:
    """Every token is the same user to both, or nobody's to both."""
    for name, (token, known) in tokens(issuer).items():
        config = [
            stage.run("auth whoami -o json", token, proxied=proxied) for proxied in (False, True)
        ]
        assert config[0] == config[1], name
        assert (config[0][0] == 0) == known, (name, config[0])


def test_answers_and_events(stage: Stage, issuer: FakeIssuer) -> None:
    """The same answers; joined events are equal, and the user is the one kube-apiserver saw."""
    token = issuer.token(hd="example.com", groups=["dev"], id="7", tenant="t", jti="J")
    for command in COMMANDS:
        direct = stage.run(command, token, proxied=False)
        assert stage.run(command, token, proxied=True) == direct, command
        assert (direct[0] == 0) == (command != "get nodes"), direct
    compare(stage, "oidc:alice")


def test_service_account(stage: Stage) -> None:
    """A service account's token, checked with the keys that kube-apiserver publishes."""
    admin: dict[str, Any] = {"token": ADMIN_TOKEN, "proxied": False}
    stage.run("-n default create serviceaccount dev", **admin)
    stage.run(
        "create clusterrolebinding sa-dev --clusterrole=dev --serviceaccount=default:dev", **admin
    )
    code, output, err = stage.run("-n default create token dev", **admin)
    assert code == 0, err
    for command in COMMANDS:
        direct = stage.run(command, output.strip(), proxied=False)
        assert stage.run(command, output.strip(), proxied=True) == direct, command
    compare(stage, "system:serviceaccount:default:dev")


def compare(stage: Stage, username: str) -> None:
    """Each event of a user equals kube-apiserver's own of the same request."""
    theirs = stage.cluster.events()
    users = [e["user"] for e in theirs.values() if e["user"].get("username") == username]
    assert users
    compared = 0
    for ours in events(stage):
        recorded = theirs.get((ours["auditID"], ours["stage"]))
        if ours["user"].get("username") != username or recorded is None:
            continue
        assert ours["user"] in users
        assert not differences(as_seen_here(recorded, ours), ours, with_objects=True), ours
        compared += 1
    assert compared >= 2 * len(COMMANDS)
