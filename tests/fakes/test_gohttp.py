"""The reference reader of requests, by facts of Go's own tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.requestinfo import RequestInfoError, resolve
from auditproxy.request.target import TargetError, parse_target
from tests.fakes.gohttp import MalformedError, read_request, request_info, request_uri
from tests.fakes.requestinfos import SEEN_ON_A_SERVER, UPSTREAM, empty_if_dash

HEAD = b"Host: a\r\n"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        (b"GET / HTTP/1.1\nHost: a\n\n", b""),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyz", b"xy"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nxy", b"xy"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nxy\r\n0\r\n\r\n", b"xy"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;x=y\r\nA: b\r\n\r\n", b""),
    ],
)  # fmt: skip
def test_read(raw: bytes, body: bytes) -> None:
    """What Go takes, with the body that its handler reads."""
    read = read_request(raw)
    assert read is not None
    assert read[0].body == body


@pytest.mark.parametrize(
    "raw",
    [
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET api HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nxy",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nxyz",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
    ],
)
def test_refused(raw: bytes) -> None:
    """What Go's server answers with 400, 501 or 505 without asking its handler."""
    with pytest.raises(MalformedError):
        read_request(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    ],
)
def test_cut(raw: bytes) -> None:
    """Every beginning of a request is incomplete, and what follows it is left alone."""
    for end in range(len(raw)):
        assert read_request(raw[:end]) is None
    read = read_request(raw + b"next")
    assert read is not None
    assert read[1] == len(raw)


@pytest.mark.parametrize("row", [*UPSTREAM.split("\n")[1:-1], *SEEN_ON_A_SERVER.split("\n")[1:-1]])
def test_request_info(row: str) -> None:
    """T152: the second reading agrees with kube-apiserver's own tables."""
    method, target, verb, group_version, namespace, kind, name, _ = row.split()
    group, _, version = group_version.partition("/")
    resource, _, subresource = kind.partition("/")
    info = request_info(method, target.encode())
    assert info is not None
    assert (info.verb, info.name) == (empty_if_dash(verb), empty_if_dash(name))
    assert (info.group, info.version) == (group, version)
    assert (info.resource, info.subresource) == (empty_if_dash(resource), subresource)
    assert info.namespace == empty_if_dash(namespace)


PIECES = [
    "api", "apis", "v1", "apps", "namespaces", "n", "pods", "p", "status", "finalize", "exec",
    "watch", "proxy", "", "..", "%2f", "a%2Fb", "%41", "|", "\\", ";x", "%zz", "[", "'", "ä", ".",
]  # fmt: skip
QUERIES = [
    "", "?", "??", "?watch=1", "?watch", "?watch=False", "?watch=1;x", "?watch=%zz", "?wat%63h=1",
    "?a=b&watch=0&watch=1", "?fieldSelector=metadata.name=x", "?fieldSelector=metadata.name%3Dx&watch=1",
    "?+watch=1", "?&&watch=true", "?x=|<>",
]  # fmt: skip


@given(
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "get", "OPTIONS", "QUERY"]),
    st.lists(st.sampled_from(PIECES), max_size=9),
    st.sampled_from(QUERIES),
)
def test_two_readings_agree(method: str, pieces: list[str], query: str) -> None:
    """T152: whatever the path, both readings say the same verb, object and URI."""
    raw = ("/" + "/".join(pieces) + query).encode()
    try:
        target = parse_target(method, raw)
    except TargetError:
        with pytest.raises(MalformedError):
            request_uri(raw)
        return
    assert target.request_uri.encode("utf-8", "surrogateescape") == request_uri(raw)
    expected = request_info(method, raw)
    try:
        ours = resolve(method, target)
    except RequestInfoError:
        assert expected is None
        return
    assert expected is not None
    assert ours.verb == expected.verb
    assert ours.is_resource_request == (expected.resource is not None)
    if expected.resource is not None:
        assert ours.resource == expected.resource
        assert (ours.name, ours.subresource) == (expected.name, expected.subresource)
        assert (ours.namespace, ours.api_group) == (expected.namespace, expected.group)
        assert ours.api_version == expected.version
