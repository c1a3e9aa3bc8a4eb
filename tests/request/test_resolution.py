"""What a head asks for, or why it must not go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auditproxy.apis.memo import Memo
from auditproxy.apis.status import Status, failure
from auditproxy.request.frontproxyheaders import NO_FRONT_PROXY, FrontProxyHeaders
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.resolution import (
    LONGEST_REFUSED,
    LONGEST_REMEMBERED,
    LONGEST_TARGET,
    MAXIMUM_QUERIES,
    NO_TARGET,
    KnownTargets,
    Resolution,
    TargetMemo,
    resolve,
)
from auditproxy.request.selectors import LONGEST_SELECTORS


def resolved(method: str, raw: bytes, *lines: tuple[bytes, bytes], fault: int = 0) -> Resolution:
    """What is read of a request for our host."""
    headers = ClientHeaders(((b"Host", b"h"), *lines))
    refused = failure(fault, "", "before") if fault else None
    return resolve(method, raw, headers, fault=refused, front_proxy=NO_FRONT_PROXY)


def test_resource() -> None:
    """A path of the API has a RequestInfo and its own requestURI."""
    found = resolved("GET", b"/api/v1/namespaces/n/pods/p/exec?command=ls")
    assert found.fault is None
    assert (found.info.namespace, found.info.name, found.info.subresource) == ("n", "p", "exec")
    assert found.request_uri == "/api/v1/namespaces/n/pods/p/exec?command=ls"
    assert found.long_running


@pytest.mark.parametrize(
    ("method", "raw", "code", "shown"),
    [
        ("GET", b"https://alice:PASSWORD@h/api/v1/pods", 400, "/api/v1/pods"),
        ("OPTIONS", b"*", 400, "*"),
        ("GET", b"/" + b"x" * LONGEST_TARGET, 414, "/" + "x" * (LONGEST_REFUSED - 1)),
    ],
)
def test_refused_targets(method: str, raw: bytes, code: int, shown: str) -> None:
    """What is not served is shown without secrets, and not all of a long one."""
    found = resolved(method, raw)
    assert found.fault is not None
    assert (found.fault.code, found.request_uri) == (code, shown)
    assert found.is_shortened == (len(raw) > LONGEST_REFUSED)


def test_a_head_that_is_refused_already() -> None:
    """Its target is read no further than to be shown."""
    found = resolved("GET", b"/api/v1/pods", fault=505)
    assert found.fault is not None
    assert (found.fault.code, found.request_uri) == (505, "/api/v1/pods")
    assert not found.info.is_resource_request


def test_a_path_without_meaning() -> None:
    """kube-apiserver's plain 500, for which the words are given."""
    found = resolved("GET", b"/api/v1/watch")
    assert found.fault is not None
    assert found.fault.code == 500
    assert found.unresolvable.startswith("failed to create RequestInfo: ")
    assert found.request_uri == "/api/v1/watch"


@pytest.mark.parametrize(
    ("query", "verb"), [(b"", "list"), (b"&watch=0", "list"), (b"&watch=true", "watch")]
)
def test_long_selectors(query: bytes, verb: str) -> None:
    """A name that is not looked for leaves all that the path says to the policy and the event."""
    long = b"?fieldSelector=metadata.name%3Dp&labelSelector=" + b"a" * LONGEST_SELECTORS + query
    found = resolved("GET", b"/apis/apps/v1/namespaces/n/deployments" + long)
    assert found.fault is not None
    assert found.fault.code == 414
    info = found.info
    assert (info.api_group, info.namespace, info.resource) == ("apps", "n", "deployments")
    assert (info.verb, info.name, info.path) == (verb, "", "/apis/apps/v1/namespaces/n/deployments")


def test_headers_that_must_not_go_on() -> None:
    """A header nobody may send refuses a request whose target is known."""
    found = resolved("GET", b"/api/v1/pods", (b"Impersonate-Nonsense", b"x"))
    assert found.fault is not None
    assert found.fault.code == 400
    assert found.info.resource == "pods"


HOST = ClientHeaders(((b"Host", b"h"),))
POD = "/api/v1/namespaces/n/pods/p"


class Connection:
    """What one connection asks; ``targets`` are those of all connections."""

    def __init__(self, targets: KnownTargets) -> None:
        self._targets = targets
        self.queries: TargetMemo = Memo(MAXIMUM_QUERIES)

    def ask(
        self,
        method: str,
        text: str,
        headers: ClientHeaders = HOST,
        fault: Status | None = None,
        front_proxy: FrontProxyHeaders = NO_FRONT_PROXY,
    ) -> Resolution:
        """Resolve a target."""
        return self._targets.resolve(
            method, text, headers, queries=self.queries, fault=fault, front_proxy=front_proxy
        )


def test_known_targets() -> None:
    """The same target is resolved once for all; another method or target is another."""
    targets = KnownTargets()
    first, second = Connection(targets), Connection(targets)
    found = first.ask("GET", POD)
    assert (found.info.verb, found.info.name) == ("get", "p")
    assert first.ask("GET", POD) is found
    assert second.ask("GET", POD, ClientHeaders(((b"Host", b"other"),))) is found
    assert second.ask("PUT", POD).info.verb == "update"
    for other in (POD + "2", POD + "/", POD + "%32", POD.upper()):
        assert first.ask("GET", other).target.raw == other.encode()


def test_queries_stay_with_their_connection() -> None:
    """A query may hold a token: no other connection is given what was read of it."""
    targets = KnownTargets()
    first, second = Connection(targets), Connection(targets)
    for text in (POD + "?access_token=canary", POD + "?", POD + "?a=1&b=2"):
        found = first.ask("GET", text)
        assert first.ask("GET", text) is found
        assert second.ask("GET", text) is not found
    assert "canary" not in repr(targets._known)
    assert first.ask("GET", POD).target.raw_query == b""


def test_what_headers_decide_is_decided_again() -> None:
    """A known target is refused all the same for its headers, its framing and another host."""
    known = Connection(KnownTargets())
    for text in (POD, POD + "?a=b"):
        found = known.ask("GET", text)
        assert found.fault is None
        nonsense = ClientHeaders(((b"Impersonate-Nonsense", b"x"),))
        two_hosts = ClientHeaders(((b"Host", b"h"), (b"host", b"h")))
        for headers in (nonsense, two_hosts):
            refused = known.ask("GET", text, headers)
            assert refused.fault is not None
            assert (refused.fault.code, refused.info) == (400, found.info)
        early = known.ask("GET", text, fault=failure(431, "", "before"))
        assert early.fault is not None
        assert early.fault.code == 431
        # Which escaped names are extra keys depends on the configuration.
        escaped = ClientHeaders(((b"X-More-a%2fb", b"x"),))
        front = FrontProxyHeaders.of((), ("X-More-",))
        assert known.ask("GET", text, escaped, front_proxy=front) is found
        assert known.ask("GET", text, escaped).fault is not None
        assert known.ask("GET", text) is found


@pytest.mark.parametrize("text", ["http://h/api/v1/pods", "http://h/api/v1/pods?a=b"])
def test_a_host_is_compared_each_time(text: str) -> None:
    """An absolute target is for the host that it names, whatever was asked before."""
    known = Connection(KnownTargets())
    other = ClientHeaders(((b"Host", b"other"),))
    for _ in range(2):
        assert known.ask("GET", text).fault is None
        refused = known.ask("GET", text, other).fault
        assert refused is not None
        assert refused.code == 400


def test_known_targets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many targets are forgotten, long and refused ones are not kept."""
    monkeypatch.setattr("auditproxy.request.resolution.MAXIMUM_TARGETS", 4)
    targets = KnownTargets()
    known = Connection(targets)
    for number in range(3 * MAXIMUM_QUERIES):
        known.ask("GET", f"/api/v1/pods/{number}")
        known.ask("GET", f"/api/v1/pods?limit={number}")
        assert len(targets._known) <= 4
        assert len(known.queries) <= MAXIMUM_QUERIES
    kept, queries = len(targets._known), len(known.queries)
    for path in (
        "/api/v1/pods/" + "p" * LONGEST_REMEMBERED,
        "/api/v1/watch",
        "*",
        "/%zz",
        "//h/x#f",
    ):
        for text in (path, path + "?a"):
            assert known.ask("GET", text) is not known.ask("GET", text)
    assert (len(targets._known), len(known.queries)) == (kept, queries)


def plain(found: Resolution) -> tuple[object, ...]:
    """A resolution by its values."""
    target = found.target
    parts = (target.raw, target.path, target.raw_path, target.raw_query, target.request_uri)
    return replace(found, target=NO_TARGET), parts, target.authority


TARGETS = st.lists(
    st.sampled_from(
        ["/", "api", "v1", "pods", "watch", "%2f", "%", "?", "&", "watch=1", "*", "ü", "\udcff"]
    ),
    max_size=8,
).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST", "CONNECT"]), TARGETS), max_size=12))
def test_known_or_not(asked: list[tuple[str, str]]) -> None:
    """Whatever was asked before, by whomever, a target is what it is when it is read anew."""
    targets = KnownTargets()
    connections = Connection(targets), Connection(targets)
    for number, (method, text) in enumerate((*asked, *asked, *asked[::-1])):
        raw = text.encode("utf-8", "surrogateescape")
        anew = resolve(method, raw, HOST, fault=None, front_proxy=NO_FRONT_PROXY)
        assert plain(connections[number % 2].ask(method, text)) == plain(anew)
