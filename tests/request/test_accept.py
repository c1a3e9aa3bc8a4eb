"""Accept: the table of what kube-apiserver can and cannot meet, its own tests, then properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.accept import SUPPORTED, negotiate, parse_media_type, wants_pretty
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target

JSON, YAML, PROTOBUF = SUPPORTED
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        # Seen on a running server.
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (BROWSER, JSON),
        ("application/json;q=0", JSON),
        ("application/json;foo=bar", JSON),
        ("application/json;stream=watch", JSON),
        (PROTOBUF, PROTOBUF),
        (f"{TABLE},application/json", JSON),
        (f"{TABLE},{PROTOBUF}", PROTOBUF),
        ("text/html", None),
        ("text/*", None),
        ("application/cbor", None),
        ("APPLICATION/JSON", None),
        ("garbage", None),
        ("application/json;stream=foo", None),
        ("application/yaml;sv=1", None),
        (TABLE, None),
        # apiserver endpoints/handlers/negotiation/negotiate_test.go
        ("application/json", JSON),
        ("application/json; pretty=1", JSON),
        ("unrecognized/stuff,application/json; pretty=1", JSON),
        ("application/json;as=BOGUS;v=v1beta1;g=meta.k8s.io, application/json", JSON),
        ("application/BOGUS, application/json", JSON),
        ("application", None),
        (f"{PROTOBUF},*/*", PROTOBUF),
        # Order: quality, then exact before wildcard; q=0 is the last, not out.
        ("application/yaml,application/json", YAML),
        ("application/yaml;q=0.5,application/json", JSON),
        ("application/yaml;q=0.5,application/json;q=0.4", YAML),
        ("*/*,application/yaml", YAML),
        ("application/*;q=0.9,application/yaml;q=0.1", YAML),
        ("*/*;q=1,application/yaml;q=0", YAML),
        # Go's order is no consistent one: both clauses stand before each other.
        ("application/*,application/yaml;q=0.5,application/json;q=0.1", YAML),
        # Insertion sort stops at the first clause that it does not pass.
        ("application/yaml;q=0.5,text/*;q=0.7,application/json;q=0.1", YAML),
        ("application/json;q=0.8,*/*,application/yaml;q=0.5", JSON),
        ("application/*,application/yaml;q=0.5,*/*", YAML),
        # q is read as a 32-bit float, and what is no number is 0.
        ("application/yaml;q=0.900000001,application/json;q=0.9", YAML),
        ("application/json;q=0.9,application/yaml;q=0.900000001", JSON),
        ("application/yaml;q=x,application/json;q=0.1", JSON),
        ("application/yaml;q= 1,application/json;q=0.1", JSON),
        ("application/yaml;q=1e60,application/json", YAML),
        ("application/yaml;q=-1e60,application/json;q=-1", JSON),
        ("application/yaml;q=inf,application/json", YAML),
        ("application/json;q=nan,application/yaml;q=0.1", JSON),
        ("application/yaml;q=\u0661,application/json;q=0.5", JSON),
        # Parameters.
        ("application/json;as=", JSON),
        ("application/json;as= ;x=1", None),
        ("application/json;v=v1", None),
        ("application/json;g=x", None),
        ("application/json;stream=", JSON),
        ("application/json;stream= ;x=1", JSON),
        ("application/json;sv= ;x=1", JSON),
        ("application/json;sv=1;sv= ;x=1", JSON),
        ("application/json;sv", JSON),
        ("application/json;sv=1=2", JSON),
        ("application/json;sv=1=", None),
        ("application/json;SV=1", JSON),
        ("application/yaml;stream=watch", None),
        (f"{PROTOBUF};stream=watch", PROTOBUF),
        ("application/yaml;stream=watch,*/*;q=0.1", JSON),
        ("application/json;", JSON),
        ("application/json;;foo", JSON),
        # Clauses.
        ("*", JSON),
        (" * ", JSON),
        ("*/", JSON),
        ("*/json", None),
        ("application/", None),
        ("application/json/", JSON),
        ("application/json/x", None),
        ("/json", None),
        (" application / json ", JSON),
        ("text/html,,application/yaml", YAML),
        (",", None),
        ("application/json\t", None),
        ("\tapplication/json", None),
    ],
)
def test_negotiate(accept: str, expected: str | None) -> None:
    """One of the three types that kube-apiserver writes, or none."""
    assert negotiate(accept) == expected


def test_many_clauses() -> None:
    """More clauses than Go sorts by insertion, and more than is kept for the next time."""
    assert negotiate(",".join(["text/html"] * 20 + ["application/yaml"])) == YAML
    assert negotiate(",".join(["text/html"] * 20)) is None
    assert negotiate(f"text/{'x' * 100_000},application/yaml") == YAML


def test_blank_and_second_line() -> None:
    """Only the first line counts, and a blank one is as good as none."""
    headers = ClientHeaders(((b"Accept", b"text/html"), (b"Accept", b"application/json")))
    assert negotiate(headers.get("Accept")) is None
    assert negotiate(ClientHeaders(((b"Accept", b" \t"),)).get("Accept")) == JSON


@pytest.mark.parametrize(
    ("query", "accept", "agent", "expected"),
    [
        ("", "", "", False),
        ("", "", "kubectl/v1.36", False),
        ("", "", "curl", True),
        ("", "", "curl/8.0", True),
        ("", "", "Wget/1.2", True),
        ("", "", "Mozilla/5.0 (X11)", True),
        ("", "", "Mozilla/4.0", False),
        ("", "", "wget", False),
        ("", "", "my curl", False),
        ("?pretty=1", "", "", True),
        ("?pretty=t", "", "", True),
        ("?pretty=true", "", "", True),
        ("?pretty=0", "", "", False),
        ("?pretty=0", "", "curl/8", False),
        ("?pretty=yes", "", "curl/8", False),
        ("?pretty=tRUE", "", "curl/8", False),
        ("?pretty", "", "curl/8", True),
        ("?pretty=", "", "kubectl", False),
        ("?pretty=&pretty=1", "", "", False),
        ("?pretty=1;x", "", "", False),
        # The raw query must show the word.
        ("?pr%65tty=1", "", "", False),
        ("?pr%65tty=0", "", "curl/8", True),
        ("?pr%65tty=1&pretty", "", "", True),
        ("", "application/json; pretty=1", "", True),
        ("?pretty=0", "application/json;pretty=1", "", True),
        ("", "application/json;pretty=true", "", False),
        ("", "text/html;pretty=1,application/json", "", False),
        ("", "text/html,application/json;pretty=1", "", True),
        ("", "application/json,application/json;pretty=1", "", False),
        ("", "text/html;pretty=1", "", False),
    ],
)
def test_wants_pretty(query: str, accept: str, agent: str, expected: bool) -> None:
    """The accepted clause or the query ask for it, or the client is one that people read."""
    headers = ClientHeaders(((b"Accept", accept.encode()), (b"User-Agent", agent.encode())))
    assert wants_pretty(parse_target("GET", b"/api" + query.encode()), headers) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        (" application/json ", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("application/json ; charset = utf-8", "application/json"),
        ('a/b; x="q \\" ; =";y=z', "a/b"),
        ('a/b; x=""', "a/b"),
        ('a/b; x="\\d"', "a/b"),
        ("a/b;", "a/b"),
        ("a/b ; ", "a/b"),
        ("text", "text"),
        ("a/b;x=1;x=1", "a/b"),
        ('a/b;x=1;X="1"', "a/b"),
        ("a/b;x=1;X=2", None),
        ("a/b; charset", None),
        ("a/b; charset=", None),
        ("a/b;;", None),
        ("a/b;x=1;;", None),
        ("a/b;x=1;", "a/b"),
        ('a/b;x="1', None),
        ('a/b;x="1\\"', None),
        ('a/b;x="1"2', None),
        ("a/b;x=1 y=2", None),
        ("a/b;=1", None),
        ("a/b,c/d", None),
        ("a/b c", None),
        ("a/", None),
        ("/b", None),
        ("a/b/c", None),
        ("", None),
        (" ", None),
        (";", None),
        ("a/b;x=\u00e4", None),
        ("\u212a/b", None),
    ],
)
def test_parse_media_type(text: str, expected: str | None) -> None:
    """Go's mime.ParseMediaType: lower case, and an error for an invalid or contrary parameter."""
    assert parse_media_type(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/json", True),
        ("text", True),
        ("text/plain; charset=utf-8", True),
        ('text/plain; charset="a;b"', True),
        ("text/plain;", True),
        ("text/", False),
        ("/plain", False),
        ("text/plain/x", False),
        ("text plain", False),
        ("text/plain; charset", False),
        ("text/plain; a=1; A=2", False),
        (";", False),
    ],
)
def test_is_media_type(text: str, expected: bool) -> None:
    """As Go's mime.ParseMediaType."""
    assert (parse_media_type(text) is not None) is expected


@given(st.text(alphabet='a/;= "\\\t,', max_size=60))
def test_is_media_type_ends(text: str) -> None:
    """Any text is answered for, and a bad end is always seen."""
    parse_media_type(text)
    assert parse_media_type(text + ",") is None


HEADER = st.text('*/;=,. q01ajsonyplictxmk-\t"\\\u212a\udcff', max_size=60)


@given(HEADER)
def test_any_accept(accept: str) -> None:
    """Every text is negotiable or not."""
    assert negotiate(accept) in (*SUPPORTED, None)


@given(st.permutations([*SUPPORTED, "text/html", "image/png"]))
def test_first_of_equals(order: list[str]) -> None:
    """Among clauses of one quality the first that can be met wins."""
    assert negotiate(", ".join(order)) == next(one for one in order if one in SUPPORTED)


MET = ("*/*", "*", "application/*", "application/json;q=0", "application/yaml", PROTOBUF)
UNMET = ("text/html", "text/*;q=0.9", "application/cbor", TABLE, "garbage", "*/json", "")


@given(st.lists(st.sampled_from([*MET, *UNMET]), min_size=1, max_size=40))
def test_order_does_not_decide_whether(clauses: list[str]) -> None:
    """However many clauses there are: one that can be met is enough, and needed."""
    accept = ", ".join(clauses)
    can_be_met = any(clause in MET for clause in clauses)
    assert (negotiate(accept) is not None) == (can_be_met or not accept)


@given(HEADER)
def test_any_content_type(text: str) -> None:
    """What is taken is lower case and without parameters; every text is taken or not."""
    found = parse_media_type(text)
    assert found is None or (found == found.lower() and ";" not in found and found.isascii())
