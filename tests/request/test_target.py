"""The request target: Go's reading of paths and queries, row by row, then properties."""

import re
import string
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.target import MAXIMUM_QUERY_PAIRS, Query, TargetError, parse_target

PODS = b"/api/v1/pods"


@pytest.mark.parametrize(
    ("raw", "path", "request_uri"),
    [
        (b"/", "/", "/"),
        (b"/api/v1/pods", "/api/v1/pods", "/api/v1/pods"),
        (b"/a+b", "/a+b", "/a+b"),
        (b"//a/b", "//a/b", "//a/b"),
        (b"/api/v1/pods?watch=1", "/api/v1/pods", "/api/v1/pods?watch=1"),
        (b"/api/v1/pods?", "/api/v1/pods", "/api/v1/pods?"),
        (b"/api/v1/pods??", "/api/v1/pods", "/api/v1/pods??"),
        (b"/api/v1/pods?a?b", "/api/v1/pods", "/api/v1/pods?a?b"),
        # Every byte of the path is one that Go accepts as the client's own encoding.
        (b"/%41bc", "/Abc", "/%41bc"),
        (b"/a%2fb", "/a/b", "/a%2fb"),
        (b"/a%2Fb", "/a/b", "/a%2Fb"),
        (b"/%2e", "/.", "/%2e"),
        (b"/%7E", "/~", "/%7E"),
        (b"/%25", "/%", "/%25"),
        (b"/!$&'()*+,;=:@[]-_.~", "/!$&'()*+,;=:@[]-_.~", "/!$&'()*+,;=:@[]-_.~"),
        # One byte that is none makes Go encode the whole decoded path again.
        (b"/a|b", "/a|b", "/a%7Cb"),
        (b'/a"b', '/a"b', "/a%22b"),
        (b"/a<b>", "/a<b>", "/a%3Cb%3E"),
        (b"/a^b", "/a^b", "/a%5Eb"),
        (b"/a`b", "/a`b", "/a%60b"),
        (b"/a{b}", "/a{b}", "/a%7Bb%7D"),
        (b"/%2F%41|", "//A|", "//A%7C"),
        (b"/|!'()*[]", "/|!'()*[]", "/%7C%21%27%28%29%2A%5B%5D"),
        (b"/|$&+,:;=@-_.~", "/|$&+,:;=@-_.~", "/%7C$&+,:;=@-_.~"),
        (b"/\xc3\xa4", "/\u00e4", "/%C3%A4"),
        (b"/\xc3\xa4%2F%c3%a4", "/\u00e4/\u00e4", "/%C3%A4/%C3%A4"),
        (b"/%00", "/\x00", "/%00"),
        # The query is never touched.
        (b"/a?x=|%zz\xff", "/a", "/a?x=|%zz\udcff"),
    ],
)
def test_origin_form(raw: bytes, path: str, request_uri: str) -> None:
    """Path, event's URI and upstream bytes of what starts with a slash."""
    target = parse_target("GET", raw)
    assert target.path == path
    assert target.request_uri == request_uri
    assert target.raw == raw
    assert target.authority is None


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/api/../healthz", "/api/../healthz"),
        (b"/api/./v1/pods", "/api/./v1/pods"),
        (b"/api/v1/namespaces/default/pods/../../../nodes", None),
    ],
)
def test_dot_segments_stay(raw: bytes, path: str | None) -> None:
    """T122: nothing is normalised, on its way upstream or in the event."""
    target = parse_target("GET", raw)
    assert target.raw == raw
    assert target.path == (path or raw.decode())
    assert target.request_uri == raw.decode()


@pytest.mark.parametrize("raw", [b"/api/%2e%2e/healthz", b"/api/%2E./healthz"])
def test_escaped_dot_segments_stay(raw: bytes) -> None:
    """T123: escaped dots are read as dots and sent on as they came."""
    target = parse_target("GET", raw)
    assert target.path == "/api/../healthz"
    assert target.raw == raw
    assert target.request_uri == raw.decode()


@pytest.mark.parametrize("raw", [b"/api%2Fv1/pods", b"/api%2fv1/pods"])
def test_escaped_slash(raw: bytes) -> None:
    """T124: an escaped slash is a slash for the policy, whatever the case of its digits."""
    target = parse_target("GET", raw)
    assert target.path == "/api/v1/pods"
    assert target.raw == raw


def test_one_decoding_only() -> None:
    """T125: an escaped percent sign is not decoded again."""
    target = parse_target("GET", b"/api/%252e%252e/x")
    assert target.path == "/api/%2e%2e/x"
    assert target.raw == b"/api/%252e%252e/x"


def test_semicolons_are_literal() -> None:
    """T129: path parameters do not exist."""
    assert parse_target("GET", b"/api/v1;x=1/pods").path == "/api/v1;x=1/pods"
    assert parse_target("GET", b"/api/v1/pods;a").request_uri == "/api/v1/pods;a"


def test_backslash() -> None:
    """T130: a backslash is no separator and is escaped in the event."""
    target = parse_target("GET", b"/api\\v1\\pods")
    assert target.path == "/api\\v1\\pods"
    assert target.request_uri == "/api%5Cv1%5Cpods"
    assert target.raw == b"/api\\v1\\pods"


@pytest.mark.parametrize("raw", [b"/api/v1/pods#/../secrets", b"/x?a=1#b", b"/#", b"http://h/#x"])
def test_fragment_is_refused(raw: bytes) -> None:
    """T131: a fragment, which two readers understand in two ways, is refused."""
    with pytest.raises(TargetError, match="fragment"):
        parse_target("GET", raw)


@pytest.mark.parametrize(
    "raw", [b"/api/%zz", b"/api/%2", b"/%", b"/%4g", b"/%g4", b"/%%41", b"http://h/%zz"]
)
def test_broken_escape_is_refused(raw: bytes) -> None:
    """T132: a broken escape in the path is refused, as Go's server refuses it."""
    with pytest.raises(TargetError, match="escape"):
        parse_target("GET", raw)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/api/%00", "/api/\x00"),
        (b"/api/%0a", "/api/\n"),
        (b"/api/%0d%0aX:1", "/api/\r\nX:1"),
        (b"/api/%20", "/api/ "),
        (b"/api/%7f", "/api/\x7f"),
    ],
)
def test_escaped_control_bytes(raw: bytes, path: str) -> None:
    """T133: escaped control bytes are legal in a path; upstream they stay escaped."""
    target = parse_target("GET", raw)
    assert target.path == path
    assert target.request_uri == raw.decode()
    assert target.raw == raw


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/api/%c0%ae%c0%ae/x", "/api/\udcc0\udcae\udcc0\udcae/x"),
        (b"/api/%ff", "/api/\udcff"),
        (b"/api/%e2%82", "/api/\udce2\udc82"),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, path: str) -> None:
    """T134: each byte that is not UTF-8 is one lone surrogate, which encodes as one U+FFFD."""
    target = parse_target("GET", raw)
    assert target.path == path
    assert target.raw == raw


def test_characters_that_go_escapes() -> None:
    """T135: the event shows Go's own encoding, the upstream gets the client's."""
    target = parse_target("GET", b'/api/a"b<c>\\|{}^')
    assert target.request_uri == "/api/a%22b%3Cc%3E%5C%7C%7B%7D%5E"
    assert target.raw == b'/api/a"b<c>\\|{}^'


@pytest.mark.parametrize(
    ("raw", "authority", "sent", "path", "request_uri"),
    [
        (b"http://evil/api", b"evil", b"/api", "/api", "/api"),
        (b"http://h/p?q", b"h", b"/p?q", "/p", "/p?q"),
        (b"HTTPS://h:6443/p?", b"h:6443", b"/p?", "/p", "/p?"),
        (b"http://h", b"h", b"/", "/", "/"),
        (b"http://h?x/y", b"h", b"/?x/y", "/", "/?x/y"),
        (b"http://h//p", b"h", b"//p", "//p", "//p"),
        (b"http://[::1]:80/p", b"[::1]:80", b"/p", "/p", "/p"),
        (b"http://h/a%2fb", b"h", b"/a%2fb", "/a/b", "/a%2fb"),
    ],
)
def test_absolute_form(
    raw: bytes, authority: bytes, sent: bytes, path: str, request_uri: str
) -> None:
    """T136: of an absolute URL the path counts; the host is told, and never goes upstream."""
    target = parse_target("GET", raw)
    assert target.authority == authority
    assert target.raw == sent
    assert target.path == path
    assert target.request_uri == request_uri


def test_two_slashes_are_no_host() -> None:
    """T137: what looks like a host behind two slashes is a path."""
    target = parse_target("GET", b"//evil/api")
    assert target.authority is None
    assert target.path == "//evil/api"
    assert target.raw == b"//evil/api"


@pytest.mark.parametrize(
    "raw", [b"https://user:pw@us/api", b"https://@us/api", b"http:///api", b"https://"]
)
def test_user_information_is_refused(raw: bytes) -> None:
    """T138: a password in the target is refused and not repeated; so is an empty host."""
    with pytest.raises(TargetError) as caught:
        parse_target("GET", raw)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "raw", [b"evil:80", b"api", b"foo:bar", b"", b"*x", b"*?x", b"ftp://h/p", b"?x", b"http:/x"]
)
def test_neither_path_nor_url_is_refused(raw: bytes) -> None:
    """T139: what is neither a path nor an absolute URL is refused, opaque URLs included."""
    with pytest.raises(TargetError):
        parse_target("GET", raw)


@pytest.mark.parametrize("raw", [b"/api?", b"/api??x", b"/api?a&&b="])
def test_question_marks_stay(raw: bytes) -> None:
    """T140: the query goes upstream byte for byte, a lone question mark included."""
    target = parse_target("GET", raw)
    assert target.raw == raw
    assert target.request_uri == raw.decode()


@pytest.mark.parametrize("byte", [*range(0x21), 0x7F])
def test_control_bytes_and_blanks_are_refused(byte: int) -> None:
    """A raw control byte, or a blank that would end the target, is refused wherever it stands."""
    for raw in (b"/a%cb" % byte, b"/a?%c" % byte, b"http://h%c/" % byte):
        with pytest.raises(TargetError):
            parse_target("GET", raw)


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_asterisk_form(method: str) -> None:
    """The asterisk is its own path and URI."""
    target = parse_target(method, b"*")
    assert (target.path, target.request_uri, target.raw) == ("*", "*", b"*")
    assert target.authority is None


@pytest.mark.parametrize(
    ("raw", "authority", "path", "request_uri"),
    [
        (b"h:443", b"h:443", "", "/"),
        (b"h", b"h", "", "/"),
        (b"h:443?x", b"h:443", "", "/?x"),
        (b"h:443/p%41|?x", b"h:443", "/pA|", "/pA%7C?x"),
        (b"/api/v1/pods", None, "/api/v1/pods", "/api/v1/pods"),
    ],
)
def test_connect(raw: bytes, authority: bytes | None, path: str, request_uri: str) -> None:
    """CONNECT's target is a host, and a path only where one stands."""
    target = parse_target("CONNECT", raw)
    assert target.authority == authority
    assert target.path == path
    assert target.request_uri == request_uri
    assert target.raw == raw


def test_host_is_no_target_for_others() -> None:
    """Only CONNECT may name a bare host."""
    with pytest.raises(TargetError):
        parse_target("GET", b"h:443")


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"a=1&b=2", {"a": ("1",), "b": ("2",)}),
        (b"a=1&a=2&a=", {"a": ("1", "2", "")}),
        (b"a", {"a": ("",)}),
        (b"a=", {"a": ("",)}),
        (b"=x", {"": ("x",)}),
        (b"&&a=1&&", {"a": ("1",)}),
        (b"a=b=c", {"a": ("b=c",)}),
        (b"a+b=c+d", {"a b": ("c d",)}),
        (b"a%2Bb=c%20d", {"a+b": ("c d",)}),
        (b"wat%63h=1", {"watch": ("1",)}),
        (b"a=1;b=2&c=3", {"c": ("3",)}),
        (b"a;b&c", {"c": ("",)}),
        (b"x=%zz&y=1", {"y": ("1",)}),
        (b"%zz=1&y=1", {"y": ("1",)}),
        (b"x=%4&y=%", {}),
        (b"x=%ff", {"x": ("\udcff",)}),
        (b"x=\xff", {"x": ("\udcff",)}),
        (b"x=%00%0a", {"x": ("\x00\n",)}),
        (b"A=1&a=2", {"A": ("1",), "a": ("2",)}),
        (b"?=1", {"?": ("1",)}),
        (b"", {}),
    ],
)
def test_query(raw: bytes, values: dict[str, tuple[str, ...]]) -> None:
    """Go's query map: dropped pairs, kept order, one decoding."""
    query = Query(raw)
    assert {name: query.values(name) for name in values} == values
    assert bool(query) == bool(values)
    assert all(query.first(name) == found[0] for name, found in values.items())
    assert query.first("absent") is None
    assert query.values("absent") == ()


def test_pairs_that_go_drops() -> None:
    """T141: a pair with a semicolon is dropped, so that the request is a list."""
    assert parse_target("GET", PODS + b"?watch=1;x=2").query.first("watch") is None


def test_broken_escapes_in_a_query() -> None:
    """T142: a pair with a broken escape is dropped, an escaped key counts."""
    assert parse_target("GET", PODS + b"?watch=%zz").query.first("watch") is None
    assert parse_target("GET", PODS + b"?wat%63h=1").query.first("watch") == "1"


def test_too_many_pairs() -> None:
    """T145: with more than 10 000 pairs, empty ones included, the whole map is empty."""
    most = b"&" * (MAXIMUM_QUERY_PAIRS - 1) + b"watch=1"
    assert Query(most).first("watch") == "1"
    assert not Query(b"&" + most)
    assert list(Query(b"&" + most, MAXIMUM_QUERY_PAIRS + 1)) == ["watch"]


def test_many_values_of_one_key() -> None:
    """As many values of one key as Go takes keep their order."""
    raw = b"&".join(b"a=%d" % number for number in range(MAXIMUM_QUERY_PAIRS))
    assert Query(raw).values("a") == tuple(map(str, range(MAXIMUM_QUERY_PAIRS)))


def test_query_is_read_once() -> None:
    """The map is made when first asked for and then kept."""
    target = parse_target("GET", b"/a?b=c")
    assert target.query is target.query


def test_no_secret_in_a_repr() -> None:
    """A token in the query does not show in texts about the target."""
    target = parse_target("GET", b"/a?access_token=canary")
    assert "canary" not in repr(target)
    assert "canary" not in repr(target.query)


URI = re.compile(rb"(/[-A-Za-z0-9_.~!$&'()*+,;=:@/\[\]%]*)(\?.*)?", re.DOTALL)
TARGET_BYTES = bytes(byte for byte in range(0x21, 0x100) if byte not in (0x23, 0x7F))
TARGETS = st.lists(
    st.sampled_from([bytes((byte,)) for byte in TARGET_BYTES] + [b"%2f", b"%41", b"%ff", b"?"]),
    max_size=40,
).map(lambda pieces: b"/" + b"".join(pieces))


@given(TARGETS)
def test_three_views_of_one_value(raw: bytes) -> None:
    """A path and query that is not refused goes upstream unchanged and its URI is one of Go's."""
    try:
        target = parse_target("GET", raw)
    except TargetError:
        assert re.search(rb"%(?![0-9A-Fa-f]{2})", raw.partition(b"?")[0])
        return
    assert target.raw == raw
    sent = target.request_uri.encode("utf-8", "surrogateescape")
    assert URI.fullmatch(sent)
    # Reading the event's URI again gives the same request.
    again = parse_target("GET", sent)
    assert again.path == target.path
    assert again.raw_query == target.raw_query
    assert again.request_uri == target.request_uri


@given(st.binary(max_size=60), st.sampled_from(["GET", "CONNECT", "OPTIONS", "get"]))
def test_anything_is_read_or_refused(raw: bytes, method: str) -> None:
    """No bytes make the reading fail in another way, and nothing unsafe is let through."""
    try:
        target = parse_target(method, raw)
    except TargetError:
        return
    assert not set(target.raw) & {*range(0x21), 0x23, 0x7F}
    assert target.raw.startswith(b"/") or raw == b"*" or method == "CONNECT"
    assert target.query.values("x") == target.query.values("x")


def escape(text: str) -> bytes:
    """Write a text with every byte escaped or plain, as a client may."""
    return b"".join(
        bytes((byte,)) if chr(byte) in string.ascii_letters + string.digits else b"%%%02x" % byte
        for byte in text.encode("utf-8", "surrogateescape")
    )


TEXT = st.binary(max_size=10).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_query_reads_what_was_written(pairs: list[tuple[str, str]]) -> None:
    """Escaped pairs come back, in order."""
    query = Query(b"&".join(escape(name) + b"=" + escape(value) for name, value in pairs))
    for name, _ in pairs:
        assert query.values(name) == tuple(value for key, value in pairs if key == name)


def reference(raw: bytes) -> list[tuple[str, str]]:
    """Go's ParseQuery in a few lines, with the standard library's own decoding."""
    found = []
    for pair in raw.decode("latin-1").split("&"):
        if not pair or ";" in pair or re.search("%(?![0-9A-Fa-f]{2})", pair):
            continue
        cut = pair.replace("+", " ").split("=", 1)
        name, value = (
            urllib.parse.unquote_to_bytes(text.encode("latin-1")).decode("utf-8", "surrogateescape")
            for text in (*cut, "")[:2]
        )
        found.append((name, value))
    return found


PIECES = [b"a", b"b", b"&", b"=", b"+", b";", b"%", b"%41", b"%3D", b"%ff", b"\xc3", b"\xa4", b"?"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
def test_query_agrees_with_a_reference(raw: bytes) -> None:
    """Any query is read as a second, simpler reading of the same rules reads it."""
    query = Query(raw)
    pairs = reference(raw)
    assert bool(query) == bool(pairs)
    for name, _ in pairs:
        assert query.values(name) == tuple(value for key, value in pairs if key == name)
        assert query.first(name) == query.values(name)[0]


@pytest.mark.parametrize(
    ("raw", "host", "ours"),
    [
        (b"/api", "a", True),
        (b"http://a/api", "a", True),
        (b"http://a:1/api", "a", False),
        (b"http://evil/api", "a", False),
    ],
)
def test_is_for(raw: bytes, host: str, ours: bool) -> None:
    """T136: an absolute target names the host that the request is for, or somebody else."""
    assert parse_target("GET", raw).is_for(host) is ours
