"""Trails of many kinds for property tests: what reports and policies look at, and what they need not."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from auditproxy.serializer.json import encode
from tests.fakes.trails import COMPLETE, RECEIVED, STARTED, event

_STAGES = (
    ((RECEIVED, 0), (COMPLETE, 200)),
    ((RECEIVED, 0), (STARTED, 200), (COMPLETE, 200)),
    ((RECEIVED, 0), (STARTED, 101)),
    ((STARTED, 401),),
    ((RECEIVED, 0), ("Panic", 500)),
    ((COMPLETE, 403),),
    ((RECEIVED, 0), (COMPLETE, 403)),
    ((RECEIVED, 0),),
)
_USERS: tuple[dict[str, Any], ...] = (
    {"username": "alice", "groups": ["dev", "system:authenticated"]},
    {"username": "alice"},
    {"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]},
    {"username": "system:serviceaccount:shop:web", "groups": ["system:serviceaccounts"]},
    {"username": "system:node:n2"},
    {},
)
_ACTING: tuple[dict[str, Any], ...] = (
    {"username": "admin", "groups": ["ops"], "uid": "7", "extra": {"scope": ["a", "b"]}},
    {"username": "alice"},
    {"username": "system:serviceaccount:shop:web", "groups": ["system:nodes"]},
)
_RESOURCES = (
    ("pods", ""), ("pods/exec", ""), ("secrets", ""), ("nodes/proxy", ""), ("deployments", "apps"),
    ("roles", "rbac.authorization.k8s.io"), ("serviceaccounts/token", ""), ("events", ""),
)  # fmt: skip
_NAMES = ("", "web", "db", "x.y-1", "name", "w%C3%A9", "50%25", "..")
_QUERIES = (
    "", "limit=500&resourceVersion=0", "fieldSelector=metadata.name%3Ddb&resourceVersion=17",
    "dryRun=All", "watch=true&fieldSelector=spec.nodeName%3Dn1", "labelSelector=a%3Db",
    "fieldSelector=metadata%2Ename%3Dweb&limit=5",
    "resourceVersion=17&sendInitialEvents=true&watch=true",
)  # fmt: skip
_PATHS = (
    "/healthz",
    "/openapi/v2?timeout=32s",
    "/logs/",
    "/apis/apps",
    "/api/v1",
    "/",
    "/version/x/y",
)
_TEXTS = st.text('ab<>&"\\é\u2028\n\x07', max_size=8)
_ANNOTATIONS = (
    {"authorization.k8s.io/decision": "allow"},
    {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""},
    {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.40"},
    {"k8s.io/deprecated": "true"},
    {"k8s.io/deprecated": "false"},
)


@st.composite
def _request(draw: st.DrawFn, number: int, ids: st.SearchStrategy[str]) -> list[dict[str, Any]]:
    resource, group = draw(st.sampled_from(_RESOURCES))
    level = draw(st.sampled_from(("Metadata", "Request", "RequestResponse")))
    members: dict[str, Any] = {
        "user": draw(st.sampled_from(_USERS)),
        "level": level,
        "userAgent": draw(_TEXTS),
    }
    if draw(st.booleans()):
        members["impersonatedUser"] = draw(st.sampled_from(_ACTING))
    if draw(st.integers(0, 4)) == 0:
        members |= {"requestURI": draw(st.sampled_from(_PATHS)), "objectRef": None}
    addresses = st.lists(st.sampled_from(("10.0.0.1", "192.0.2.7")), max_size=2)
    members["sourceIPs"] = draw(addresses)
    common: dict[str, Any] = {
        "verb": draw(st.sampled_from(("get", "list", "watch", "create", "patch", "delete", "update"))),
        "resource": resource,
        "group": group,
        "name": draw(st.sampled_from(_NAMES)),
        "namespace": draw(st.sampled_from(("shop", "kube-system", ""))),
        "query": draw(st.sampled_from(_QUERIES)),
        "at": f"10:{number // 60:02d}:{number % 60:02d}",
        "audit_id": draw(ids),
    }  # fmt: skip
    made = []
    for place, (stage, code) in enumerate(draw(st.sampled_from(_STAGES))):
        own = dict(members)
        if stage in (COMPLETE, "Panic"):
            own["annotations"] = draw(st.sampled_from(_ANNOTATIONS)) | {"note": draw(_TEXTS)}
            if level != "Metadata" and common["verb"] in ("create", "update", "patch"):
                own["requestObject"] = {"metadata": {"name": "made"}, "spec": draw(_TEXTS)}
            if level == "RequestResponse":
                own["responseObject"] = {"kind": draw(_TEXTS), "items": [1, 2.5, True, None]}
            if code == 403:
                status = {"status": "Failure", "message": draw(_TEXTS), "reason": "Forbidden"}
                own["responseStatus"] = {"metadata": {}, **status, "details": {}, "code": code}
        one = event(stage=stage, code=code, took=place * 0.001, **common) | own
        made.append({name: value for name, value in one.items() if value is not None})
    return made


@st.composite
def many_trails(draw: st.DrawFn, *, unique_ids: bool = False) -> list[dict[str, Any]]:
    """Events of requests, mixed as a busy server's are, each request's own in their order."""
    count = draw(st.integers(1, 14))
    waiting = []
    for number in range(count):
        chosen = number if unique_ids else draw(st.integers(0, number // 2))
        waiting.append(draw(_request(number, st.just(f"id-{chosen}"))))
    mixed: list[dict[str, Any]] = []
    while any(waiting):
        mixed.append(draw(st.sampled_from([one for one in waiting if one])).pop(0))
    return mixed


def write_as_go(path: Path, made: list[dict[str, Any]]) -> Path:
    """A log whose lines are spelled as kube-apiserver spells them."""
    path.write_bytes(b"".join(encode(one).rstrip() + b"\n" for one in made))
    return path
