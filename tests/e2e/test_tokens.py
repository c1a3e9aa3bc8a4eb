"""Tokens that others know, direct and through the proxy: a token webhook, bootstrap tokens, lookups.

kube-apiserver and the proxy have the same token webhook. Runs where
KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conformance.compare import differences
from tests.e2e.cluster import ADMIN_TOKEN, assets, running
from tests.e2e.comparing import as_seen_here
from tests.e2e.direct_path import proxy_of
from tests.e2e.tokenstage import ISSUER, SETUP, Stage, events
from tests.fakes.kubeconfigs import kubeconfig

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

CAROL = {
    "username": "carol",
    "uid": "c-1",
    "groups": ["dev", "ops"],
    "extra": {"example.com/team": ["a", "b"]},
}
KNOWN = {
    "carol-token": {"authenticated": True, "user": CAROL},
    "ours-token": {"authenticated": True, "user": CAROL, "audiences": [ISSUER]},
    "others-token": {"authenticated": True, "user": CAROL, "audiences": ["other"]},
    "broken-token": {"authenticated": False, "user": CAROL, "error": "no"},
}
TOKENS = (*KNOWN, "unknown-token")
COMMANDS = (
    "auth whoami -o json",
    "get namespaces -o name",
    "get secrets",
    "-n default create configmap c-NS",
    "-n default delete configmap c-NS",
)
BOOTSTRAP = "abcdef.0123456789abcdef"


@dataclass
class TokenWebhook:
    """A server that answers TokenReviews from KNOWN; ``bodies`` are those that came, by path."""

    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture(scope="module")
def webhook() -> Iterator[TokenWebhook]:
    """The server on a thread of its own."""
    served = TokenWebhook()

    class Handler(BaseHTTPRequestHandler):
        """One review."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer it in the version it was asked in."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.bodies.append((self.path, body))
            review = json.loads(body)
            review["status"] = KNOWN.get(review["spec"]["token"], {"authenticated": False})
            content = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, webhook: TokenWebhook) -> Iterator[Stage]:
    """One control plane and one proxy for all tests of this file."""
    folder = tmp_path_factory.mktemp("cluster")
    paths = {}
    for name in ("theirs", "ours"):
        paths[name] = folder / f"webhook-{name}.yaml"
        server = f"http://127.0.0.1:{webhook.port}/{name}"
        paths[name].write_text(json.dumps(kubeconfig({"server": server})))
    flags = (
        f"--authentication-token-webhook-config-file={paths['theirs']}",
        "--enable-bootstrap-token-auth",
    )
    with running(folder, *flags) as cluster:
        upstream = cluster.kubeconfig("upstream", certificate=folder / "pki" / "auditproxy.crt")
        with proxy_of(
            cluster,
            upstream,
            token_webhook_config_file=str(paths["ours"]),
            service_account_issuer=(ISSUER,),
            service_account_key_file=(str(folder / "sa.key"),),
            api_audiences=(ISSUER, "auditproxy"),
            audit_authorization_annotations="review",
            audit_redact="none",
        ) as (url, _):
            made = Stage(cluster, url, folder)
            code, _, err = made.run("apply -f -", ADMIN_TOKEN, SETUP, proxied=False)
            assert code == 0, err
            yield made


def test_webhook(stage: Stage, webhook: TokenWebhook) -> None:
    """A token that only the webhook knows, or does not: the same answers, events and reviews."""
    for token in TOKENS:
        for command in COMMANDS:
            direct = stage.run(command, token, proxied=False)
            assert stage.run(command, token, proxied=True) == direct, (token, command)
            assert (direct[0] == 0) == (
                token in ("carol-token", "ours-token") and command != "get namespaces -o name"
            ), direct
    theirs = stage.cluster.events()
    users = [event["user"] for event in theirs.values() if event["user"].get("username") == "carol"]
    assert users
    compared = 0
    for ours in events(stage):
        recorded = theirs.get((ours["auditID"], ours["stage"]))
        if ours["user"].get("username") != "carol" or recorded is None:
            continue
        # Asked directly, the server wrote the same user.
        assert ours["user"] == users[0]
        assert not differences(as_seen_here(recorded, ours), ours, with_objects=False), ours
        compared += 1
    assert compared > 2 * len(COMMANDS)
    refused = [
        event for event in events(stage) if event.get("responseStatus", {}).get("code") == 401
    ]
    assert refused
    assert not any(event["user"].get("username") for event in refused)


def test_same_reviews(stage: Stage, webhook: TokenWebhook) -> None:
    """The webhook is asked by the proxy as by kube-apiserver, but for the audiences of each."""
    bodies = dict(webhook.bodies)
    theirs, ours = bodies["/theirs?timeout=30s"], bodies["/ours?timeout=30s"]

    def bare(body: bytes) -> bytes:
        token = json.loads(body)["spec"]["token"].encode()
        return body.replace(token, b"T").replace(b',"auditproxy"', b"")

    assert bare(ours) == bare(theirs)


def test_bootstrap_token(stage: Stage) -> None:
    """A bootstrap token is its user and groups, until its Secret is gone."""
    direct = stage.run("auth whoami -o json", BOOTSTRAP, proxied=False)
    assert stage.run("auth whoami -o json", BOOTSTRAP, proxied=True) == direct
    assert direct[0] == 0
    (seen,) = (
        event["user"]
        for event in events(stage)
        if event["user"].get("username") == "system:bootstrap:abcdef"
        and event["stage"] == "ResponseComplete"
    )
    assert seen["groups"] == [
        "system:bootstrappers",
        "system:bootstrappers:a",
        "system:bootstrappers:z",
        "system:authenticated",
    ]
    assert stage.run("auth whoami", "abcdef.fedcba9876543210", proxied=True)[0] != 0
    stage.run("-n kube-system delete secret bootstrap-token-abcdef", ADMIN_TOKEN, proxied=False)
    stage.until_refused(BOOTSTRAP)


def test_lookup(stage: Stage) -> None:
    """T077: a token good by its key dies with its service account, and no namesake revives it."""
    admin: dict[str, Any] = {"token": ADMIN_TOKEN, "proxied": False}
    stage.run("-n default create serviceaccount robot", **admin)
    code, output, err = stage.run("-n default create token robot", **admin)
    assert code == 0, err
    token = output.strip()
    ours = stage.run("-n default create token robot --audience=auditproxy", **admin)[1].strip()
    direct = stage.run("auth whoami -o json", token, proxied=False)
    assert stage.run("auth whoami -o json", token, proxied=True) == direct
    # A token for the proxy alone is good here only.
    assert stage.run("get --raw /api", ours, proxied=True)[0] == 0
    assert stage.run("get --raw /api", ours, proxied=False)[0] != 0
    stage.run("-n default delete serviceaccount robot", **admin)
    stage.run("-n default create serviceaccount robot", **admin)
    for each in (token, ours):
        stage.until_refused(each)
