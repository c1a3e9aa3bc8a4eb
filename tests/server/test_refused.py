"""Requests that the upstream refuses, over real sockets: what their events hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.proxy import ALICE, EVERYTHING, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying

MAPS = "/api/v1/namespaces/n/configmaps"
BODY = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"secret-plan"}}'
JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
DECISION = "authorization.k8s.io/decision"
WEBHOOK = 'admission webhook "w.io" denied the request: '
SENTENCE = 'configmaps is forbidden: User "admin" cannot create resource "configmaps" in API group "" in the namespace "n"'


def status(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    """A Status as an upstream sends it."""
    told: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return {**told, "details": details} if details else told


async def refused(
    folder: Path,
    told: dict[str, Any],
    *headers: str,
    method: str = "POST",
    target: str = MAPS,
    accept: str = "",
    content_type: str = JSON,
    indented: bool = False,
    answered: tuple[bytes, ...] = (),
    token: str = "admin-token",
    body: bytes = BODY,
    **flags: Any,
) -> dict[str, Any]:
    """The last event of a request that the upstream refuses so."""
    sent = json.dumps(told, indent=2).encode() if indented else json.dumps(told).encode() + b"\n"
    reply = answer(told["code"], sent, b"Content-Type: application/json", *answered)
    lines = [f"Content-Type: {content_type}", *headers, *([f"Accept: {accept}"] if accept else [])]
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, folder, **flags) as proxy,
    ):
        got = await proxy.ask(request(method, target, *lines, body=body, token=token))
        assert got.body == sent
        return proxy.events[-1]


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (401, "Unauthorized", "Unauthorized"),
        (403, "Forbidden", SENTENCE),
        (413, "RequestEntityTooLarge", "Request entity too large: limit is 1"),
        (429, "TooManyRequests", "Too many requests, please try again later."),
        (400, "BadRequest", "is not valid for this resource"),
        (406, "NotAcceptable", "only the following media types are accepted: x"),
    ],
)
async def test_a_webhook_denies(tmp_path: Path, code: int, reason: str, message: str) -> None:
    """A5: whatever code and text a webhook chooses, the body is in the log and the request allowed."""
    # Whatever comes from behind flow control has its header.
    admitted = b"X-Kubernetes-Pf-Flowschema-Uid: u"
    event = await refused(tmp_path, status(code, reason, WEBHOOK + message), answered=(admitted,))
    assert event["requestObject"] == json.loads(BODY)
    assert event["objectRef"]["name"] == "secret-plan"
    assert event["annotations"][DECISION] == "allow"
    assert event["responseStatus"]["message"] == WEBHOOK + message


async def test_the_authorizer_denies(tmp_path: Path) -> None:
    """A5: the authorizer's own sentence about this user is a forbid, and nothing was decoded."""
    event = await refused(tmp_path, status(403, "Forbidden", SENTENCE, kind="configmaps"))
    assert "requestObject" not in event
    assert "name" not in event["objectRef"]
    assert event["annotations"][DECISION] == "forbid"


async def test_a_budget_denies(tmp_path: Path) -> None:
    """A4: an eviction that a disruption budget refuses was decoded."""
    told = status(429, "TooManyRequests", "Cannot evict pod as it would violate the budget.")
    event = await refused(tmp_path, told, target="/api/v1/namespaces/n/pods/p/eviction")
    assert event["requestObject"] == json.loads(BODY)
    assert event["annotations"][DECISION] == "allow"


async def test_too_many_operations(tmp_path: Path) -> None:
    """A4: a JSON patch of too many operations was read, and is recorded."""
    said = "Request entity too large: The allowed maximum operations in a JSON patch is 1, got 2"
    told = status(413, "RequestEntityTooLarge", said)
    patch = b'[{"op":"test","path":"/a","value":1}]'
    event = await refused(
        tmp_path,
        told,
        method="PATCH",
        target=f"{MAPS}/a",
        body=patch,
        content_type="application/json-patch+json",
    )
    assert event["requestObject"] == json.loads(patch)
    assert event["annotations"][DECISION] == "allow"


async def test_query_options(tmp_path: Path) -> None:
    """A6: options of the query are refused before the body is read."""
    message = 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["bad"]'
    told = status(422, "Invalid", message, group="meta.k8s.io", kind="CreateOptions")
    event = await refused(tmp_path, told, target=f"{MAPS}?dryRun=bad")
    assert "requestObject" not in event
    assert "name" not in event["objectRef"]
    assert event["annotations"][DECISION] == "allow"


@pytest.mark.parametrize("level", ["Metadata", "RequestResponse"])
@pytest.mark.parametrize(
    ("query", "header"),
    [("?pretty=true", "X-A: b"), ("", "User-Agent: curl/8.5.0"), ("", "User-Agent: Wget/1.21")],
)
async def test_indented(tmp_path: Path, query: str, header: str, level: str) -> None:
    """A7: an indented Status is a Status."""
    told = status(404, "NotFound", 'configmaps "a" not found', name="a", kind="configmaps")
    event = await refused(
        tmp_path,
        told,
        header,
        target=f"{MAPS}{query}",
        indented=True,
        policy=EVERYTHING.replace("RequestResponse", level),
    )
    assert event["responseStatus"]["reason"] == "NotFound"
    assert event["responseStatus"]["details"] == {"name": "a", "kind": "configmaps"}
    if level == "RequestResponse":
        assert event["responseObject"] == told


async def test_a_list_was_asked_for(tmp_path: Path) -> None:
    """A8: what cannot be answered as asked was made all the same."""
    said = "you requested PartialObjectMetadataList, but the requested object is not a list"
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    told = status(406, "NotAcceptable", said)
    event = await refused(tmp_path, told, accept=accept, indented=True)
    assert event["requestObject"] == json.loads(BODY)
    assert event["responseStatus"] == {"metadata": {}, "code": 406}


async def test_no_such_subresource(tmp_path: Path) -> None:
    """A9: a subresource that a custom resource has not: nothing was decoded."""
    told = status(404, "NotFound", 'widgets.acme.io "w" not found', name="w", kind="widgets")
    target = "/apis/acme.io/v1/namespaces/n/widgets/w/binding"
    event = await refused(tmp_path, told, method="PUT", target=target)
    assert "requestObject" not in event
    assert event["annotations"][DECISION] == "allow"


@pytest.mark.parametrize(
    "accept", ["text/plain", TABLE, TABLE.replace("json", "vnd.kubernetes.protobuf")]
)
async def test_unacceptable(tmp_path: Path, accept: str) -> None:
    """A9b: a Status that the client cannot take is not in the event, but tells what happened."""
    told = status(403, "Forbidden", SENTENCE, kind="configmaps")
    event = await refused(tmp_path, told, accept=accept, indented=True)
    assert event["responseStatus"] == {"metadata": {}, "code": 403}
    assert "responseObject" not in event
    assert "requestObject" not in event
    assert event["annotations"][DECISION] == "forbid"


async def test_a_refused_impersonation(tmp_path: Path) -> None:
    """A11: in passthrough mode the user alone, no impersonatedUser, no decision."""
    said = 'configmaps is forbidden: User "alice" cannot impersonate-on:user-info:create resource "configmaps" in API group "" in the namespace "n"'
    told = status(403, "Forbidden", said, kind="configmaps")
    event = await refused(
        tmp_path, told, "Impersonate-User: jane", token=ALICE, upstream_identity="passthrough"
    )
    assert event["user"]["username"] == "alice"
    assert "impersonatedUser" not in event
    assert "requestObject" not in event
    assert DECISION not in event.get("annotations", {})


async def test_an_impersonated_user_who_is_refused(tmp_path: Path) -> None:
    """A11: who was let be jane is refused as jane."""
    told = status(403, "Forbidden", SENTENCE.replace("admin", "jane"), kind="configmaps")
    event = await refused(
        tmp_path, told, "Impersonate-User: jane", token=ALICE, upstream_identity="passthrough"
    )
    assert event["impersonatedUser"]["username"] == "jane"
    assert event["annotations"][DECISION] == "forbid"


async def test_a_user_of_another_name(tmp_path: Path) -> None:
    """A server that knows the user by another name is told by the header that its filters set."""
    told = status(403, "Forbidden", SENTENCE.replace("admin", "oidc:admin"), kind="configmaps")
    event = await refused(tmp_path, told, answered=(b"X-Content-Type-Options: nosniff",))
    assert event["annotations"][DECISION] == "forbid"


async def test_our_own_right_to_impersonate(tmp_path: Path) -> None:
    """T235: A proxy that may not impersonate: nobody was authorized, nothing decoded."""
    said = 'users "admin" is forbidden: User "proxy" cannot impersonate resource "users" in API group "" at the cluster scope'
    event = await refused(tmp_path, status(403, "Forbidden", said, name="admin", kind="users"))
    assert "requestObject" not in event
    assert DECISION not in event.get("annotations", {})


async def test_a_denied_body_without_room(tmp_path: Path) -> None:
    """A5: a denied body that is too large for its copy is told to be missing."""
    told = status(403, "Forbidden", WEBHOOK + "no")
    event = await refused(tmp_path, told, audit_capture_request_limit=10)
    assert event["annotations"]["auditproxy.io/request-object-omitted"].startswith("too large")
