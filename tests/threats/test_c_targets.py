"""C: event, policy and upstream are three views of one target (the rig compares URI and bytes)."""

import pytest

from tests.fakes.gohttp import request_info
from tests.threats.rig import RigFactory, each_way, read_refusal, send

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Request, resources: [{group: "", resources: [pods]}], verbs: [list]}
- {level: Metadata}
"""

FORWARDED = [
    b"/api/../healthz",
    b"/api/./v1/pods",
    b"/api/%2e%2e/healthz",
    b"/api/%2E./x",
    b"/api%2Fv1/pods",
    b"/api%2fv1%2fpods",
    b"/api/%252e%252e/x",
    b"//api/v1/pods",
    b"//evil/api/v1/pods",
    b"/api//v1/pods",
    b"/api/v1/pods/",
    b"/apis/apps/v1//",
    b"/api/v1;x=1/pods",
    b"/api/v1/pods;a",
    b"/api\\v1\\pods",
    b"/api/%00",
    b"/api/v1/pods/%0a",
    b"/api/v1/pods/%0d%0aX:1",
    b"/api/%c0%ae%c0%ae/x",
    b"/api/v1/pods/%ff",
    b'/api/a"b<c>|{}^',
    b"/api?",
    b"/api??x",
    b"/api/v1/pods?a&&b=",
    b"/api/v1/pods?watch=1;x=2",
    b"/api/v1/pods?watch=%zz",
    b"/api/v1/pods?wat%63h=1",
    b"/api/v1/pods?watch",
    b"/api/v1/pods?watch=False",
    b"/api/v1/pods?watch=0&watch=1",
    b"/api/v1/pods?fieldSelector=metadata.name%3Dx",
    b"/api/v1/watch/namespaces/n/pods/p",
    b"/api/v1/proxy/nodes/n",
    b"/api/v1/namespaces/n/finalize",
    b"/apis/g/v1",
    b"/healthz/ping",
]


@each_way
@pytest.mark.parametrize("target", FORWARDED)
async def test_forwarded_as_it_is(rigged: RigFactory, target: bytes, cut: str) -> None:
    """T122, T123, T124, T125, T126, T127, T128, T129, T130, T133, T134, T135, T137, T140, T141, T142, T143, T146, T147, T149, T150: the bytes go up as they came; policy and event read them as Go does."""
    async with rigged(policy=POLICY) as rig:
        assert (
            await rig.ask(rig.raw(b"GET " + target + b" HTTP/1.1", "Host: a"), cut)
        ).status == 200
        (request,) = rig.forwarded()
        assert request.target == target
        info = request_info("GET", target)
        assert info is not None
        last = rig.events[-1]
        assert last["verb"] == info.verb
        assert last.get("objectRef", {}).get("resource", "") == (info.resource or "")
        assert last.get("objectRef", {}).get("subresource", "") == info.subresource
        assert last.get("objectRef", {}).get("apiGroup", "") == info.group
        listing = (info.group, info.resource, info.subresource, info.verb) == (
            "",
            "pods",
            "",
            "list",
        )
        assert last["level"] == ("Request" if listing else "Metadata")


@each_way
@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"/api/v1/pods#/../secrets", 400),
        (b"/x?a=1#b", 400),
        (b"/api/%zz", 400),
        (b"/api/%2", 400),
        (b"http://evil/api", 400),
        (b"https://user:pw-secret@a/api", 400),
        (b"evil:80", 400),
        (b"api", 400),
        (b"/api/v1/watch", 500),
        (b"/api/v1/proxy/", 500),
        (b"/a\x7fb", 400),
    ],
)
async def test_refused_targets(rigged: RigFactory, target: bytes, code: int, cut: str) -> None:
    """T131, T132, T136, T138, T139, T148: what cannot mean one thing goes nowhere."""
    async with rigged() as rig:
        reader, writer = await rig.connect()
        await send(writer, rig.raw(b"GET " + target + b" HTTP/1.1", "Host: a"), cut)
        assert await read_refusal(rig, reader, "GET", cut) == code
        assert rig.upstream.connections == []
    assert "pw-secret" not in rig.said


@each_way
async def test_absolute_target_of_ours(rigged: RigFactory, cut: str) -> None:
    """T136: an absolute target that names our host is its path."""
    async with rigged() as rig:
        raw = rig.raw("GET http://a/api/v1/pods?x=1 HTTP/1.1", "Host: a")
        assert (await rig.ask(raw, cut)).status == 200
        assert [request.target for request in rig.forwarded()] == [b"/api/v1/pods?x=1"]


@pytest.mark.parametrize("pairs", [10_000, 10_001])
async def test_many_parameters(rigged: RigFactory, pairs: int) -> None:
    """T145: beyond 10 000 parameters Go reads none; policy and event do as it does."""
    target = b"/api/v1/pods?" + b"a&" * (pairs - 1) + b"watch=1"
    async with rigged() as rig:
        assert (await rig.ask(rig.raw(b"GET " + target + b" HTTP/1.1", "Host: a"))).status == 200
        assert rig.events[-1]["verb"] == ("watch" if pairs == 10_000 else "list")


@each_way
@pytest.mark.parametrize(
    ("method", "target", "verb"),
    [
        ("HEAD", "/api/v1/namespaces/n/pods/p", "get"),
        ("OPTIONS", "/api/v1/pods", ""),
        ("QUERY", "/api/v1/pods", ""),
        ("get", "/api/v1/pods", ""),
        ("DELETE", "/api/v1/pods", "deletecollection"),
    ],
)
async def test_methods(rigged: RigFactory, method: str, target: str, verb: str, cut: str) -> None:
    """T100, T101, T151: the verb is kube-apiserver's for any method, and the method goes up as it is."""
    async with rigged() as rig:
        assert (await rig.ask(rig.request(method, target), cut)).status == 200
        assert [request.method for request in rig.forwarded()] == [method]
        assert {event["verb"] for event in rig.events} == {verb}
