"""RequestInfo: kube-apiserver's own tables, rows seen on a running server, then properties.

The upstream tables are those of apiserver endpoints/request/requestinfo_test.go.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import RequestInfo
from auditproxy.request.requestinfo import (
    LongSelectorsError,
    RequestInfoError,
    is_long_running,
    resolve,
)
from auditproxy.request.selectors import LONGEST_SELECTORS
from auditproxy.request.target import TargetError, parse_target
from tests.fakes.requestinfos import SEEN_ON_A_SERVER, UPSTREAM, empty_if_dash


def info_of(method: str, target: str) -> RequestInfo:
    """What a request means."""
    return resolve(method, parse_target(method, target.encode()))


@pytest.mark.parametrize("row", [*UPSTREAM.split("\n")[1:-1], *SEEN_ON_A_SERVER.split("\n")[1:-1]])
def test_resource_request(row: str) -> None:
    """T152: a resource request is what kube-apiserver's own tests and a running server say."""
    method, target, verb, group_version, namespace, kind, name, parts = row.split()
    group, _, version = group_version.partition("/")
    resource, _, subresource = kind.partition("/")
    assert info_of(method, target) == RequestInfo(
        is_resource_request=True,
        path=parse_target(method, target.encode()).path,
        verb=empty_if_dash(verb),
        api_prefix="apis" if group else "api",
        api_group=group,
        api_version=version,
        namespace=empty_if_dash(namespace),
        resource=empty_if_dash(resource),
        subresource=subresource,
        name=empty_if_dash(name),
        parts=tuple(parts.split("/")),
    )


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api",
        "/api/",
        "/api/version",
        "/api/version/",
        "/apis",
        "/apis/g",
        "/apis/group/version/",
        "/apis/version/resource",
        "/apis/extensions/v1beta1",
        "/apis/extensions/v1beta1/",
        "/apis/apps/v1//",
        "/badprefix/version/resource",
        "/not-api/version/resource",
        "/API/v1/pods",
        "/healthz",
        "/healthz/ping",
        "///",
        "*",
    ],
)
@pytest.mark.parametrize(
    ("method", "verb"),
    [("GET", "get"), ("POST", "post"), ("HEAD", "head"), ("FOO", "foo"), ("fOo", "foo")],
)
def test_non_resource_request(method: str, verb: str, target: str) -> None:
    """T150: what is no resource has the method, in lower case, as its verb."""
    info = info_of(method, target)
    assert not info.is_resource_request
    assert info.verb == verb
    assert info.path == target
    assert (info.api_group, info.api_version, info.resource, info.parts) == ("", "", "", ())


def test_connect_host() -> None:
    """CONNECT with a host has no path and is no resource."""
    info = info_of("CONNECT", "host:443")
    assert (info.is_resource_request, info.verb, info.path) == (False, "connect", "")


@pytest.mark.parametrize(
    ("target", "group", "resource", "name", "subresource"),
    [
        ("/api/version/resource", "", "resource", "", ""),
        (
            "/apis/group/version/resource/name/subresource",
            "group",
            "resource",
            "name",
            "subresource",
        ),
        ("/api/version/resource/name/subresource", "", "resource", "name", "subresource"),
        ("/apis/batch/v1/job", "batch", "job", "", ""),
        ("/apis/batch/v1/job/foo", "batch", "job", "foo", ""),
        ("/apis/batch/v1/job/foo/scale", "batch", "job", "foo", "scale"),
    ],
)
def test_resource_paths(
    target: str, group: str, resource: str, name: str, subresource: str
) -> None:
    """T152: the paths that the table of non-API requests counts as resources."""
    info = info_of("GET", target)
    assert info.is_resource_request
    assert (info.api_group, info.resource, info.name) == (group, resource, name)
    assert info.subresource == subresource


def test_doubled_slashes() -> None:
    """T126: slashes around a path do not count, so this is a list of pods."""
    target = parse_target("GET", b"//api/v1/pods")
    info = resolve("GET", target)
    assert (info.verb, info.resource) == ("list", "pods")
    assert target.raw == b"//api/v1/pods"


def test_empty_segments() -> None:
    """T127: slashes inside a path make empty segments."""
    info = info_of("GET", "/api//v1/pods")
    assert (info.api_version, info.resource, info.name, info.verb) == ("", "v1", "pods", "get")


def test_trailing_slashes() -> None:
    """T128: slashes at the end do not count."""
    assert info_of("GET", "/api/v1/pods//").verb == "list"
    assert not info_of("GET", "/apis/apps/v1//").is_resource_request


@pytest.mark.parametrize(
    ("query", "verb"),
    [
        ("watch", "watch"),
        ("watch=", "watch"),
        ("watch=no", "watch"),
        ("watch=00", "watch"),
        ("watch=1", "watch"),
        ("watch=0", "list"),
        ("watch=False", "list"),
        ("watch=FALSE", "list"),
        ("watch=0&watch=1", "list"),
        ("watch=1&watch=0", "watch"),
        ("Watch=1", "list"),
        ("watch=true;x=1", "list"),
        ("watch=%zz", "list"),
        ("wat%63h=1", "watch"),
        ("x=%zz&watch=1", "watch"),
        ("", "list"),
        ("limit=500", "list"),
        # U+017F folds to an s where all options are readable, and has no lower case where not.
        ("watch=fal%C5%BFe", "list"),
        ("watch=fal%C5%BFe&limit=abc", "watch"),
    ],
)
def test_watch_parameter(query: str, verb: str) -> None:
    """T143: only the first value counts, and only ``0`` and ``false`` mean no."""
    assert info_of("GET", f"/api/v1/pods?{query}").verb == verb
    assert info_of("HEAD", f"/api/v1/pods?{query}").verb == verb
    assert info_of("GET", f"/api/v1/namespaces/d/pods/named?{query}").verb == "get"


@pytest.mark.parametrize(
    "spoiling",
    [
        "timeoutSeconds=abc",
        "limit=abc",
        "limit=",
        "limit",
        "labelSelector=!!!bad",
        "timeoutSeconds=x",
    ],
)
@pytest.mark.parametrize(
    ("watch", "verb"), [("&watch=true", "watch"), ("&watch=0", "list"), ("", "list")]
)
def test_unreadable_options(spoiling: str, watch: str, verb: str) -> None:
    """T144: with one unreadable option the name is not taken, and watch is read by itself."""
    info = info_of("GET", f"/api/v1/pods?fieldSelector=metadata.name=foo&{spoiling}{watch}")
    assert (info.verb, info.name) == (verb, "")
    assert info.field_selector == "metadata.name=foo"


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("limit=9223372036854775808", ""),
        ("limit=-9223372036854775809", ""),
        ("limit=9223372036854775807", "foo"),
        ("limit=-9223372036854775808", "foo"),
        ("limit=%2B5", "foo"),
        ("limit=-5", "foo"),
        ("limit=+5", ""),
        ("limit=1_0", ""),
        ("limit=5.0", ""),
        ("limit=%D9%A3", ""),
        ("limit=5&limit=abc", "foo"),
        (f"limit={'0' * 5000}5", "foo"),
        (f"limit={'9' * 5000}", ""),
        ("resourceVersion=zz", "foo"),
        ("sendInitialEvents=zz", "foo"),
        ("allowWatchBookmarks=zz", "foo"),
        ("unknown=zz", "foo"),
        ("labelSelector=a%3Db", "foo"),
        ("labelSelector=", "foo"),
    ],
)
def test_options_that_matter(option: str, name: str) -> None:
    """Only numbers and selectors can be unreadable."""
    info = info_of("GET", f"/api/v1/pods?fieldSelector=metadata.name=foo&{option}")
    assert (info.verb, info.name) == ("list", name)


LONG = "a," * LONGEST_SELECTORS


@pytest.mark.parametrize("watch", ["", "&watch=1", "&watch=False", "&watch=0", "&watch="])
def test_long_selectors(watch: str) -> None:
    """B8: selectors that can give no name are not read at all, those that may must be short."""
    short = info_of("GET", f"/api/v1/pods?labelSelector=a{watch}")
    long = info_of("GET", f"/api/v1/pods?labelSelector={LONG}&fieldSelector={LONG}{watch}")
    assert (long.verb, long.name, long.label_selector) == (short.verb, "", LONG)
    with pytest.raises(LongSelectorsError):
        info_of("GET", f"/api/v1/pods?labelSelector={LONG}&fieldSelector=metadata.name=x{watch}")
    with pytest.raises(LongSelectorsError):
        info_of("GET", f"/api/v1/pods?labelSelector={LONG}&watch=fal%C5%BFe")
    kept = "a" * (LONGEST_SELECTORS - len("metadata.name=x"))
    query = f"labelSelector={kept}&fieldSelector=metadata.name=x{watch}"
    # The label selector is one, but no good.
    assert info_of("GET", f"/api/v1/pods?{query}").name == ""


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("metadata.name=foo", "foo"),
        ("metadata.name==foo", "foo"),
        ("metadata.name!=foo", ""),
        ("metadata.name=foo,metadata.name=bar", "bar"),
        ("metadata.name=bar,metadata.name=foo", "bar"),
        ("metadata.name=a\\,b", "a,b"),
        ("metadata.name=a/b", ""),
        ("metadata.name=..", ""),
        ("metadata.name=.", ""),
        ("metadata.name=...", "..."),
        ("metadata.name=a%25b", ""),
        ("metadata.name=", ""),
        ("bad.field=1,metadata.name=foo", "foo"),
        ("%20metadata.name=foo", ""),
        ("metadata.name=name1,foo", ""),
        ("metadata.name=foo&fieldSelector=metadata.name=bar", "foo"),
        ("a=1&fieldSelector=metadata.name=bar", ""),
        ("metadata.name=%ff", "\udcff"),
    ],
)
def test_name_from_field_selector(selector: str, name: str) -> None:
    """T146: an exact metadata.name, and only that, gives a list or watch its name."""
    for query, verb in (("", "list"), ("&watch=1", "watch")):
        info = info_of("GET", f"/api/v1/pods?fieldSelector={selector}{query}")
        assert (info.verb, info.name) == (verb, name)
        assert info.parts == ("pods",)


# method, path and query behind /apis/group/version, name, verb, fieldSelector, labelSelector
SELECTORS = """
GET /resource - list - -
GET /resource?fieldSelector=metadata.name=name1 name1 list metadata.name=name1 -
GET /resource?watch=true&fieldSelector=metadata.name=name1 name1 watch metadata.name=name1 -
GET /resource?fieldSelector=foo=bar&labelSelector=baz=qux - list foo=bar baz=qux
GET /resource?fieldSelector=metadata.name=name1,foo - list metadata.name=name1,foo -
GET /resource?fieldSelector=metadata.name=name1,foo&watch=true - watch metadata.name=name1,foo -
GET /resource?fieldSelector=metadata.name=name1,foo&watch=false - list metadata.name=name1,foo -
DELETE /resource?fieldSelector=foo=bar&labelSelector=baz=qux - deletecollection foo=bar baz=qux
GET /resource?fieldSelector=metadata.name=foo&fieldSelector=metadata.name=bar&labelSelector=foo=bar&labelSelector=foo=baz foo list metadata.name=foo foo=bar
GET /resource/name?fieldSelector=foo=bar&labelSelector=foo=bar name get - -
GET /watch/resource?fieldSelector=metadata.name=foo&labelSelector=foo=bar - watch - -
GET /watch/resource/name?fieldSelector=metadata.name=foo&labelSelector=foo=bar name watch - -
DELETE /resource?fieldSelector=metadata.name=foo - deletecollection metadata.name=foo -
POST /resource?fieldSelector=foo=bar&labelSelector=foo=bar - create - -
GET /resource?fieldSelector&labelSelector= - list - -
GET /resource?labelSelector=%21%21bad - list - !!bad
"""


@pytest.mark.parametrize("row", SELECTORS.split("\n")[1:-1])
def test_selectors(row: str) -> None:
    """T152: the upstream table of selectors; they are kept raw, and only for collections."""
    method, target, *expected = row.split()
    info = info_of(method, f"/apis/group/version{target}")
    found = [info.name, info.verb, info.field_selector, info.label_selector]
    assert found == [empty_if_dash(cell) for cell in expected]


@pytest.mark.parametrize(
    ("target", "verb", "namespace", "resource", "name"),
    [
        ("/api/v1/watch/pods", "watch", "", "pods", ""),
        ("/api/v1/watch/namespaces/n/pods/p", "watch", "n", "pods", "p"),
        ("/api/v1/watch/namespaces/n", "watch", "n", "namespaces", "n"),
        ("/api/v1/proxy/namespaces/n/pods/p", "proxy", "n", "pods", "p"),
        ("/api/v1/proxy/nodes/n", "proxy", "", "nodes", "n"),
        ("/apis/g/v1/watch/things", "watch", "", "things", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "FOO"])
def test_verbs_in_paths(
    method: str, target: str, verb: str, namespace: str, resource: str, name: str
) -> None:
    """T147: watch and proxy in the path are the verb whatever the method."""
    info = info_of(method, target)
    assert (info.verb, info.namespace, info.resource) == (verb, namespace, resource)
    assert info.name == name


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/api/v1/watch", "/api/v1/watch"),
        ("/api/v1/watch/", "/api/v1/watch/"),
        ("/api/v1/proxy", "/api/v1/proxy"),
        ("/apis/apps/v1/watch", "/apis/apps/v1/watch"),
        ("/api/v1/watch?a=%zz|", "/api/v1/watch?a=%zz|"),
        ("/a%70i/v1|/watch", "/api/v1%7C/watch"),
    ],
)
def test_paths_without_meaning(target: str, url: str) -> None:
    """T148: a verb in the path with nothing behind it is an error, with kube-apiserver's text."""
    with pytest.raises(RequestInfoError) as caught:
        info_of("GET", target)
    assert str(caught.value) == f"unable to determine kind and namespace from url, {url}"


@pytest.mark.parametrize(
    ("target", "resource", "subresource", "name"),
    [
        ("/api/v1/namespaces/n", "namespaces", "", "n"),
        ("/api/v1/namespaces/n/status", "namespaces", "status", "n"),
        ("/api/v1/namespaces/n/finalize", "namespaces", "finalize", "n"),
        ("/api/v1/namespaces/n/pods", "pods", "", ""),
        ("/api/v1/namespaces/n/pods/status", "pods", "", "status"),
    ],
)
def test_namespaces(target: str, resource: str, subresource: str, name: str) -> None:
    """T149: a namespace is both the namespace and, alone or with its subresources, the object."""
    info = info_of("PUT", target)
    assert info.namespace == "n"
    assert (info.resource, info.subresource, info.name) == (resource, subresource, name)


@pytest.mark.parametrize(
    ("method", "target", "verb"),
    [
        ("HEAD", "/api/v1/nodes/n", "get"),
        ("OPTIONS", "/api/v1/nodes/n", ""),
        ("FOO", "/api/v1/nodes/n", ""),
        ("delete", "/api/v1/nodes/n", ""),
        ("DELETE", "/api/v1/nodes/n", "delete"),
        ("DELETE", "/api/v1/nodes", "deletecollection"),
    ],
)
def test_methods(method: str, target: str, verb: str) -> None:
    """T151: methods count in their exact case; an unknown one has no verb."""
    assert info_of(method, target).verb == verb


POD = "/api/v1/namespaces/d/pods/foo"


@pytest.mark.parametrize(
    ("method", "target", "long_running"),
    [
        ("GET", "/api/v1/pods?watch=1", True),
        ("GET", "/api/v1/watch/pods", True),
        ("GET", "/api/v1/proxy/namespaces/d/pods/foo", True),
        ("GET", f"{POD}/log", True),
        ("POST", f"{POD}/attach", True),
        ("POST", f"{POD}/exec", True),
        ("GET", f"{POD}/exec", True),
        ("GET", f"{POD}/proxy", True),
        ("GET", f"{POD}/proxy/a/b", True),
        ("POST", f"{POD}/portforward", True),
        ("CONNECT", f"{POD}/exec", True),
        ("FOO", f"{POD}/log", True),
        ("GET", "/apis/g/v1/things/x/log", True),
        ("GET", "/debug/pprof/", True),
        ("GET", "/debug/pprof/heap", True),
        ("GET", "/debug%2Fpprof/heap", True),
        ("GET", "/debug/pprof", False),
        ("GET", "/debug/pprofx", False),
        ("GET", "/", False),
        ("WATCH", "/healthz", True),
        ("GET", "/log", False),
        ("GET", "/api/v1/pods", False),
        ("GET", POD, False),
        ("GET", "/api/v1/namespaces/d/pods/log", False),
        ("PUT", f"{POD}/ephemeralcontainers", False),
        ("POST", f"{POD}/eviction", False),
        ("POST", f"{POD}/binding", False),
        ("PUT", "/apis/apps/v1/namespaces/d/deployments/x/scale", False),
        ("POST", "/api/v1/namespaces/d/serviceaccounts/x/token", False),
        ("GET", f"{POD}/status", False),
    ],
)
def test_long_running(method: str, target: str, long_running: bool) -> None:
    """Verbs, subresources and paths that kube-apiserver's check names."""
    assert is_long_running(info_of(method, target)) is long_running


SEGMENTS = st.sampled_from(
    [
        "api",
        "apis",
        "v1",
        "apps",
        "namespaces",
        "watch",
        "proxy",
        "pods",
        "status",
        "",
        "..",
        "%2F",
        "log",
        "%ff",
        "n",
    ]
)
QUERIES = st.lists(
    st.sampled_from(
        [
            "watch",
            "watch=0",
            "limit=x",
            "fieldSelector=metadata.name%3Dx",
            "labelSelector=a in",
            ";",
        ]
    ),
    max_size=4,
).map(lambda pairs: "&".join(pairs).replace(" ", "+"))
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])


@given(METHODS, st.lists(SEGMENTS, max_size=8), QUERIES)
def test_any_path(method: str, segments: list[str], query: str) -> None:
    """Every path has one meaning that agrees with its own parts."""
    target = parse_target(method, f"/{'/'.join(segments)}?{query}".encode())
    try:
        info = resolve(method, target)
    except RequestInfoError:
        assert target.path.rstrip("/").endswith(("/watch", "/proxy"))
        return
    assert info.path == target.path
    if not info.is_resource_request:
        assert info.verb == method.lower()
        assert not info.parts
        return
    assert info.resource == info.parts[0]
    if len(info.parts) > 1:
        assert info.name == info.parts[1] or not info.parts[1]
    assert info.verb != "get" or info.name
    assert info.verb not in ("list", "watch") or method in ("GET", "HEAD") or "watch" in segments
    assert resolve(method, target) == info


@given(st.binary(max_size=80))
def test_any_query(raw: bytes) -> None:
    """No query makes the reading fail."""
    try:
        target = parse_target("GET", b"/api/v1/pods?" + raw)
    except TargetError:
        return
    info = resolve("GET", target)
    assert info.verb in ("list", "watch")
