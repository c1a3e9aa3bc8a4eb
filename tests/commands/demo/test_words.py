"""Requests in words, and which of them are only discovery (faults from outside, D)."""

from typing import Any

import pytest

from auditproxy.commands.demo.words import discovery_root, is_discovery, request_in_words

POD = {"resource": "pods", "namespace": "default", "name": "hello", "apiVersion": "v1"}
DEPLOYMENTS = {"resource": "deployments", "apiGroup": "apps", "apiVersion": "v1"}
EXEC = "/api/v1/namespaces/default/pods/hello/exec"


def event(verb: str, uri: str, reference: dict[str, str] | None = None) -> dict[str, Any]:
    """An event of a request."""
    made: dict[str, Any] = {"verb": verb, "requestURI": uri, "responseStatus": {"code": 200}}
    if reference is not None:
        made["objectRef"] = reference
    return made


@pytest.mark.parametrize(
    ("verb", "uri", "reference", "words"),
    [
        (
            "get",
            f"{EXEC}?command=env&container=app&stdout=true",
            {**POD, "subresource": "exec"},
            "exec in default/hello: env",
        ),
        (
            "create",
            f"{EXEC}?command=sh&command=-c&command=echo+%22%C3%BC%22%3B+ls%20%2Fetc",
            {**POD, "subresource": "exec"},
            "exec in default/hello: sh -c 'echo \"ü\"; ls /etc'",
        ),
        (
            "get",
            f"{EXEC}?command=%zz&command=a;b&command=sh&command=%ff",
            {**POD, "subresource": "exec"},
            "exec in default/hello: sh '\ufffd'",
        ),
        ("get", f"{EXEC}?command=", {**POD, "subresource": "exec"}, "exec in default/hello: ''"),
        ("get", "/x?stdin=1", {**POD, "subresource": "attach"}, "attach to default/hello"),
        (
            "get",
            "/x?ports=80&ports=443",
            {**POD, "subresource": "portforward"},
            "port-forward to default/hello: 80 443",
        ),
        ("get", "/x", {**POD, "subresource": "log"}, "read the log of default/hello"),
        ("create", "/x", {**POD, "subresource": "eviction"}, "evict pod default/hello"),
        ("patch", "/x", {**POD, "subresource": "status"}, "patch status of pod default/hello"),
        ("get", "/x", POD, "get pod default/hello"),
        ("delete", "/x?dryRun=All", POD, "delete pod default/hello (dry run)"),
        ("list", "/x", {"resource": "pods", "namespace": "a"}, "list pods in a"),
        ("list", "/x", {"resource": "pods"}, "list pods in all namespaces"),
        ("list", "/x", {"resource": "nodes"}, "list nodes"),
        ("watch", "/x", DEPLOYMENTS, "watch deployments in all namespaces"),
        (
            "deletecollection",
            "/x?labelSelector=a%3Db&fieldSelector=",
            {"resource": "pods", "namespace": "a"},
            "delete all pods in a where a=b",
        ),
        (
            "get",
            "/x",
            {**DEPLOYMENTS, "namespace": "a", "name": "web", "subresource": "scale"},
            "get scale of deployment a/web",
        ),
        (
            "create",
            "/x",
            {"resource": "widgets", "apiGroup": "example.com", "namespace": "a"},
            "create widgets.example.com a",
        ),
        ("get", "/healthz?verbose", None, "get /healthz"),
    ],
)
def test_words(verb: str, uri: str, reference: dict[str, str] | None, words: str) -> None:
    """D: verb and object in words, the command of an exec decoded."""
    assert request_in_words(event(verb, uri, reference)) == words


@pytest.mark.parametrize(
    ("verb", "uri", "code", "folded"),
    [
        ("get", "/version", 200, True),
        ("get", "/api", 200, True),
        ("get", "/apis/apps/v1?timeout=32s", 200, True),
        ("get", "/openapi/v3/api/v1", 304, True),
        ("get", "/openapi/v3", 404, True),
        ("get", "/apis", 406, True),
        ("get", "/apis", 403, False),
        ("get", "/version", 500, False),
        ("get", "/apiserver", 200, False),
        ("get", "/healthz", 200, False),
        ("post", "/version", 200, False),
    ],
)
def test_discovery(verb: str, uri: str, code: int, folded: bool) -> None:
    """D: what clients ask before each command is folded, but never a refusal."""
    asked = event(verb, uri)
    asked["responseStatus"]["code"] = code
    assert is_discovery(asked) is folded


def test_objects_are_no_discovery() -> None:
    """A request for an object is never folded."""
    assert not is_discovery(event("get", "/api/v1/namespaces/default/pods/hello", POD))


def test_discovery_root() -> None:
    """The first segment stands for all paths below it."""
    assert discovery_root(event("get", "/apis/apps/v1?timeout=32s")) == "/apis"
    assert discovery_root(event("get", "/version")) == "/version"
