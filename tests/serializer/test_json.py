"""Go's JSON: rows, then properties against Python's own reader and a slow compactor."""

import json as standard_json
import re
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import Event
from auditproxy.apis.status import Status, StatusDetails, failure, new_timeout, new_unauthorized
from auditproxy.apis.user import UserInfo
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import (
    DEPTH_LIMIT,
    check_depth,
    compact,
    cut,
    decode,
    decode_as,
    encode,
    go_text,
    marks_outside,
    normalize,
    status_body,
    status_body_indented,
    text_from_bytes,
)
from tests.fakes.cpu import fastest


def event(**members: object) -> Event:
    """An event with the members that must be there, and those given."""
    values: dict[str, object] = {
        "kind": "Event",
        "api_version": "audit.k8s.io/v1",
        "level": "Metadata",
        "audit_id": "a",
        "stage": "Panic",
        "request_uri": "/",
        "verb": "get",
        "user": UserInfo(),
        "request_received_timestamp": "t",
        "stage_timestamp": "t",
    }
    return Event(**{**values, **members})  # type: ignore[arg-type]


class TestEncode:
    """encode: one line in Go's spelling."""

    @pytest.mark.parametrize(
        ("text", "lexeme"),
        [
            ('"\\', rb"\"\\"),
            ("\b\f\n\r\t", rb"\b\f\n\r\t"),
            ("\x00\x01\x0b\x1b\x1f", rb"\u0000\u0001\u000b\u001b\u001f"),
            ("\x7f/", b"\x7f/"),
            ("<a>&b", rb"\u003ca\u003e\u0026b"),
            ("\u2028\u2029\u2027\u202a", rb"\u2028\u2029" + "\u2027\u202a".encode()),
            ("é\U0001f600", "é\U0001f600".encode()),
            ("\udcff", rb"\ufffd"),
            ("\udce2\udc82a", rb"\ufffd\ufffda"),
            ("\ud800", rb"\ufffd"),  # noqa: PT014 (not the same text as the byte above)
            ("\ufffd\udc80", "\ufffd".encode() + rb"\ufffd"),
            ("\uf8ff\udc80\ue080", "\uf8ff".encode() + rb"\ufffd" + "\ue080".encode()),
            ("\udc80\uf8ff\uf8ff\ue000", rb"\ufffd" + "\uf8ff\uf8ff\ue000".encode()),
        ],
    )  # fmt: skip
    def test_strings(self, text: str, lexeme: bytes) -> None:
        """T175: control characters, HTML characters and bytes that are not UTF-8 are escaped."""
        assert encode(text) == b'"' + lexeme + b'"'
        assert encode({text: [text]}) == b'{"' + lexeme + b'":["' + lexeme + b'"]}'

    def test_invalid_bytes_in_an_event(self) -> None:
        """T176: a User-Agent that is not UTF-8 costs neither the event nor what Go omits."""
        line = encode(
            event(
                user_agent="\udcff\udcfe",
                user=UserInfo(username="\udc80", groups=("g", "\udc81"), extra={"\udc82": ("v",)}),
                request_object=msgspec.Raw('{"a":"\uf8ff\uf8ff\ue080\ufffd"}'.encode()),
                response_status=new_unauthorized(),
            )
        )
        assert line == (
            b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a",'
            b'"stage":"Panic","requestURI":"/","verb":"get","user":{"username":"\\ufffd",'
            b'"groups":["g","\\ufffd"],"extra":{"\\ufffd":["v"]}},'
            b'"userAgent":"\\ufffd\\ufffd","responseStatus":{"metadata":{},"status":"Failure",'
            b'"message":"Unauthorized","reason":"Unauthorized","code":401},'
            b'"requestObject":{"a":"' + "\uf8ff\uf8ff\ue080\ufffd".encode() + b'"},'
            b'"requestReceivedTimestamp":"t","stageTimestamp":"t"}'
        )

    def test_names_that_differ_only_in_invalid_bytes(self) -> None:
        """Both members stay, as in Go's map of byte strings."""
        assert (
            encode({text_from_bytes(raw): raw[0] for raw in (b"\x80", b"\x81")})
            == rb'{"\ufffd":128,"\ufffd":129}'
        )

    def test_raw_members_are_spliced(self) -> None:
        """Raw JSON keeps its lexemes."""
        raw = msgspec.Raw(rb'{"a":1.0e2,"a":"\/\u00e9\ud800"}')
        assert encode({"o": raw}) == rb'{"o":{"a":1.0e2,"a":"\/\u00e9\ud800"}}'

    def test_too_deep(self) -> None:
        """A value nested beyond the interpreter's limit is an error of this floor."""
        value: object = []
        for _ in range(100_000):
            value = [value]
        with pytest.raises(JSONError):
            encode(value)

    @given(st.dictionaries(st.text(), st.lists(st.text())))
    def test_reads_back(self, value: dict[str, list[str]]) -> None:
        """T175: any text comes back, and no control, HTML or separator character is raw."""
        line = encode(value)
        assert standard_json.loads(line) == value
        assert not set("\n\r\x00\x1b<>&\u2028\u2029") & set(line.decode())

    @given(st.text(st.characters(codec=None, exclude_categories=())))
    def test_lone_surrogates(self, text: str) -> None:
        """T176: each lone surrogate is one U+FFFD, everything else is untouched."""
        assert standard_json.loads(encode([text])) == [go_text(text)]


def slow_compact(raw: bytes) -> bytes:
    """Compact JSON character by character: the rule in its plainest form."""
    out = ""
    in_string = escaped = False
    escapes = {
        "<": r"\u003c",
        ">": r"\u003e",
        "&": r"\u0026",
        "\u2028": r"\u2028",
        "\u2029": r"\u2029",
    }
    for char in raw.decode("utf-8", "surrogateescape"):
        if not in_string and char in " \t\r\n":
            continue
        if char == '"' and not escaped:
            in_string = not in_string
        escaped = in_string and char == "\\" and not escaped
        out += escapes.get(char, "\ufffd" if "\udc80" <= char <= "\udcff" else char)
    return out.encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


class TestCompact:
    """compact: nothing but spaces and HTML characters changes."""

    @pytest.mark.parametrize(
        ("raw", "compacted"),
        [
            (b' {\t"a" : 1.0e2 ,\r\n "a" : 1 } ', b'{"a":1.0e2,"a":1}'),
            (rb'"\/\u00e9\u00E9"', rb'"\/\u00e9\u00E9"'),
            (rb'["\ud800" , "\\ud800 \" x"]', rb'["\ud800","\\ud800 \" x"]'),
            (rb'["\ud83d\ude00" , "\ude00\ud83d"]', rb'["\ud83d\ude00","\ude00\ud83d"]'),
            (b"[-0, 1E400, 18446744073709551616, 0.10]", b"[-0,1E400,18446744073709551616,0.10]"),
            (b"9" * 5000, b"9" * 5000),
            ('"<&>\u2028\u2029"'.encode(), rb'"\u003c\u0026\u003e\u2028\u2029"'),
            (b'"\xff\xe2\x82 \xed\xa0\x80"', '"\ufffd\ufffd\ufffd \ufffd\ufffd\ufffd"'.encode()),
            (b'{"a\xff" : "\\udc00" }', '{"a\ufffd":"\\udc00"}'.encode()),
            (b"null", b"null"),
            (b'"\x7f  "', b'"\x7f  "'),
        ],
    )  # fmt: skip
    def test_kept(self, raw: bytes, compacted: bytes) -> None:
        """T222, T223: numbers, escapes, doubled names stay; what is not UTF-8 becomes U+FFFD."""
        assert compact(raw) == compacted

    @pytest.mark.parametrize(
        "raw",
        [
            b"", b" ", b"{", b"[1,]", b'{"a":1,}', b"[1] x", b"'a'", b"{a:1}", b"apiVersion: v1",
            b"01", b"1.", b".5", b"+1", b"1e", b"NaN", b"-Infinity", b"nul",
            b'"a\nb"', b'"\\x"', b'"\\u12"', b'"\\ud800', b'"\\ud800\\u12"',
            b"\xef\xbb\xbf{}", b"[\x0b1]", b"\xff",
            b"[" * 100_000, b'{"a":' * 100_000, b"[" * 3000 + b'"\\ud800"' + b"]" * 3000,
        ],
    )  # fmt: skip
    def test_not_json(self, raw: bytes) -> None:
        """T220, T223: what Go refuses is refused, and so is what is nested without end."""
        with pytest.raises(JSONError):
            compact(raw)
        with pytest.raises(JSONError):
            decode(raw)

    @given(JSON_VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
    def test_equals_the_slow_rule(self, value: object, indent: object, ascii_only: bool) -> None:
        """Whatever the form, the result is that of the plain rule, and valid UTF-8 on one line."""
        text = standard_json.dumps(value, indent=indent, ensure_ascii=ascii_only)  # type: ignore[arg-type]
        raw = text.encode("utf-8", "surrogatepass")
        compacted = compact(raw)
        assert compacted == slow_compact(raw)
        assert compact(compacted) == compacted
        assert "\n" not in compacted.decode()

    @given(
        st.binary(max_size=40)
        | st.text(alphabet='{}[]",:\\u0dD8c1.e- \n', max_size=40).map(str.encode)
    )
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes are compacted or refused, as Python's reader does or refuses."""
        try:
            compacted = compact(raw)
        except JSONError:
            with pytest.raises(ValueError):
                standard_json.loads(raw.decode("utf-8", "replace"), parse_constant=int)
        else:
            assert standard_json.loads(compacted) == standard_json.loads(
                raw.decode("utf-8", "replace")
            )


class TestDecode:
    """decode: values as Go reads them."""

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (b'{"a":1,"a":2}', {"a": 2}),
            (b"18446744073709551616", 18446744073709551616),
            (rb'"\ud83d\ude00 \ud83d \\ud83d"', "\U0001f600 \ufffd \\ud83d"),
            (b'{"a\xff":"\xe2\x82"}', {"a\ufffd": "\ufffd\ufffd"}),
            (b" null ", None),
        ],
    )
    def test_values(self, raw: bytes, value: object) -> None:
        """The last of doubled names counts; what is not Unicode becomes U+FFFD."""
        assert decode(raw) == value

    @pytest.mark.parametrize("raw", [b"1e400", b"9" * 5000])
    def test_numbers_without_a_value(self, raw: bytes) -> None:
        """T222: a number that no float holds is an error, not infinity."""
        with pytest.raises(JSONError):
            decode(raw)


def levels(count: int, inside: bytes = b"1") -> bytes:
    """Objects and arrays in one another."""
    opened = b"".join(b"[" if n % 2 else b'{"a":' for n in range(count))
    closed = b"".join(b"]" if n % 2 else b"}" for n in reversed(range(count)))
    return opened + inside + closed


class TestDepth:
    """The limit of nesting: one number, whatever the interpreter can do."""

    @pytest.mark.parametrize(
        "raw",
        [
            levels(DEPTH_LIMIT),
            levels(DEPTH_LIMIT, b'"' + b"[" * 1000 + b'"'),
            levels(DEPTH_LIMIT, rb'"\"[[[[[[\\"'),
            levels(DEPTH_LIMIT, b'"a\xff[[["'),
            b"[" + b",".join([levels(DEPTH_LIMIT - 1)] * 50) + b"]",
            b"[" + b"[]," * 200_000 + b"[]]",
        ],
        ids=len,
    )
    def test_within(self, raw: bytes) -> None:
        """HD1: as deep as the limit, and as wide as anything, is read by all readers."""
        check_depth(raw)
        compact(raw)
        decode(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            levels(DEPTH_LIMIT + 1),
            levels(1000),
            levels(20_000),
            b"[" + b'"[",' * 500 + levels(DEPTH_LIMIT) + b"]",
            b"[" + b"[[]]," * 100_000 + levels(DEPTH_LIMIT) + b"]",
            rb'["\\",' + levels(DEPTH_LIMIT) + b"]",
            rb'["\"",' + levels(DEPTH_LIMIT) + b"]",
            rb'["\n",' + levels(DEPTH_LIMIT, rb'"\ud800"') + b"]",
            b'["\xff",' + levels(DEPTH_LIMIT) + b"]",
        ],
        ids=len,
    )
    def test_beyond(self, raw: bytes) -> None:
        """HD1: one level more is an error that says so, in every reader and on every Python."""
        for reader in (check_depth, compact, decode, lambda raw: decode_as(raw, list)):
            with pytest.raises(JSONError, match="nested too deeply"):
                reader(raw)

    @given(
        st.recursive(
            st.text(alphabet='[]{}"\\a', max_size=8) | st.integers(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\'), inner),
            max_leaves=60,
        ),
        st.integers(0, DEPTH_LIMIT + 5),
    )
    def test_equals_counting(self, value: object, around: int) -> None:
        """HD1: what stands in texts does not count; the rest is counted exactly."""

        def depth(value: object) -> int:
            if isinstance(value, dict):
                value = list(value.values())
            return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0

        raw = levels(around, standard_json.dumps(value, ensure_ascii=False).encode())
        try:
            check_depth(raw)
        except JSONError:
            assert around + depth(value) > DEPTH_LIMIT
        else:
            assert around + depth(value) <= DEPTH_LIMIT


def test_decode_as() -> None:
    """A text as a type; bytes that are not UTF-8 are an error there."""
    assert decode_as(b'{"a":[1]}', dict[str, list[int]]) == {"a": [1]}
    for raw in (b'{"a":1}', b"{", b'{"a":["\xff"]}', b""):
        with pytest.raises(JSONError):
            decode_as(raw, dict[str, list[int]])


class TestInvalidText:
    """Megabytes that are not UTF-8 cost milliseconds, and no single step of it many."""

    @pytest.mark.parametrize(
        "unit", [b"\xff", b"a\xff", b"\xe2\x82", b"\xe2\x82\xac\xe2\x82", b"?\xff\xef\xbf\xbd"]
    )
    @pytest.mark.parametrize("shift", [0, 1, 2])
    def test_pieces(self, unit: bytes, shift: int) -> None:
        """B8: a text of many pieces becomes what it becomes as one, wherever the pieces end."""
        raw = b"x" * shift + unit * 150_000
        expected = re.sub("[\udc80-\udcff]", "\ufffd", raw.decode("utf-8", "surrogateescape"))
        assert normalize(raw).decode() == expected
        assert go_text(text_from_bytes(raw)) == expected
        assert compact(b'"' + raw + b'"').decode() == f'"{expected}"'
        lexemes = raw.decode("utf-8", "surrogateescape")
        lexemes = re.sub("[\udc80-\udcff]", lambda _: "\\ufffd", lexemes)
        assert encode(text_from_bytes(raw)).decode() == f'"{lexemes}"'

    @given(st.text(alphabet="?a\0\1\2\3\4\5\6\7\b\ud800\udc80\ufffd\uf8ff\u20ac"))
    def test_any_text(self, text: str) -> None:
        """B8: whatever characters a text has, only its surrogates are replaced."""
        assert go_text(text) == re.sub("[\ud800-\udfff]", "\ufffd", text)
        assert standard_json.loads(encode(text)) == go_text(text)


INVALID = b"a\xff" * 1_500_000
SHORTER = INVALID[:600_000]


@pytest.mark.parametrize(
    ("work", "given"),
    [
        (normalize, INVALID),
        (check_depth, b"[]," * 1_000_000),
        (encode, text_from_bytes(INVALID)),
    ],
    ids=["normalize", "check_depth", "encode"],
)
def test_no_stall(work: Callable[[Any], object], given: Any) -> None:
    """B8: megabytes are worked on in pieces, between which other threads have their turns."""
    calls: list[str] = []
    sys.setprofile(lambda frame, what, function: calls.append(what))
    try:
        work(given)
    finally:
        sys.setprofile(None)
    assert calls.count("c_call") > len(given) // (100 * 1024)


@pytest.mark.parametrize(
    ("work", "given", "share"),
    [
        (go_text, text_from_bytes(SHORTER), 1 / 3),
        (normalize, SHORTER, 1 / 2),
        (encode, text_from_bytes(SHORTER), 1),
    ],
    ids=["go_text", "normalize", "encode"],
)
def test_costs_less_than_a_search(work: Callable[[Any], object], given: Any, share: float) -> None:
    """B8: what is not UTF-8 costs less than a search for it would, by whatever clock."""
    text = text_from_bytes(SHORTER)
    searched = fastest(lambda: re.sub("[\ud800-\udfff]", "\ufffd", text))
    assert fastest(lambda: work(given)) < searched * share


class TestNormalize:
    """normalize: text that every reader takes."""

    @pytest.mark.parametrize(
        ("raw", "normal"),
        [
            (rb'{"\udc00": "\ud83d\ude00 \ud83d"}', rb'{"\ufffd": "\ud83d\ude00 \ufffd"}'),
            (rb'"\\ud83d \\\ud83d"', rb'"\\ud83d \\\ufffd"'),
            (b'"\xff"', '"\ufffd"'.encode()),
            (b"[1.0e2,  1e400]", b"[1.0e2,  1e400]"),
            (b"\\", b"\\"),
        ],
    )
    def test_rows(self, raw: bytes, normal: bytes) -> None:
        """T223: halves of pairs and invalid bytes go, everything else stays."""
        assert normalize(raw) == normal


class TestStatusBody:
    """The bodies of our own answers."""

    def test_line(self) -> None:
        """One line that ends."""
        assert status_body(new_unauthorized()) == (
            b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
            b'"message":"Unauthorized","reason":"Unauthorized","code":401}\n'
        )

    def test_empty_details_are_shown(self) -> None:
        """An empty details object is a member all the same."""
        assert b'"reason":"Timeout","details":{},"code":504}' in status_body(new_timeout())

    def test_metadata_is_shown(self) -> None:
        """A ListMeta stands where Go puts it."""
        assert status_body(Status(metadata={"continue": "x"}, code=410)) == (
            b'{"kind":"Status","apiVersion":"v1","metadata":{"continue":"x"},"code":410}\n'
        )

    def test_indented(self) -> None:
        """Two spaces a level, empty objects closed, no newline at the end."""
        status = failure(403, "Forbidden", "a < b", StatusDetails(name="x"))
        assert status_body_indented(status) == (
            b'{\n  "kind": "Status",\n  "apiVersion": "v1",\n  "metadata": {},\n'
            b'  "status": "Failure",\n  "message": "a \\u003c b",\n  "reason": "Forbidden",\n'
            b'  "details": {\n    "name": "x"\n  },\n  "code": 403\n}'
        )


class TestText:
    """Bytes as text."""

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (b"a", "a"),
            (b"\xe2\x82a", "\ufffd\ufffda"),
            (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
            (b"\xf0\x9f\x98\x80", "\U0001f600"),
            (b"\xc0\x80", "\ufffd\ufffd"),
        ],
    )
    def test_one_replacement_for_each_byte(self, raw: bytes, text: str) -> None:
        """Go replaces each invalid byte, not each invalid sequence."""
        assert go_text(text_from_bytes(raw)) == text

    @given(st.binary())
    def test_bytes_come_back(self, raw: bytes) -> None:
        """The text keeps every byte."""
        assert text_from_bytes(raw).encode("utf-8", "surrogateescape") == raw


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"a":1,"b":[2,3]}', 4),
        (b'{"a:,:,":"[{,:\\",:","b":":\\\\"}', 3),
        (b'["","","a:",":"]', 0),
        (b'["' + b":" * 400_000 + b'",{"a":1}]', 1),
        (b"[" + b'":",' * 100_000 + b'{"a":1}]', 1),
    ],
)
def test_marks_outside(raw: bytes, found: int) -> None:
    """What stands in strings is not counted, however long the text is."""
    marks = b":" if raw[:1] == b"[" else b":,"
    assert marks_outside(raw, marks, 0) == found
    assert marks_outside(raw, marks, len(raw)) == sum(raw.count(bytes((m,))) for m in marks)


@pytest.mark.parametrize(
    ("raw", "levels", "left"),
    [
        (b'{"a":{"b":[1,{"c":2}]},"d":[]}', 2, b'{"a":{"b":null},"d":[]}'),
        (b'{"a":{"b":[1]},"d":[]}', 1, b'{"a":null,"d":null}'),
        (b'{"a":"{[\\"{[","b":{"c":"]}"}}', 1, b'{"a":"{[\\"{[","b":null}'),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"b":1}', 1, b'{"a":null,"b":1}'),
        (b'{"a":[', 1, b'{"a":null'),
        (b"]]{}", 1, b"]]{}"),
        (b"", 1, b""),
    ],
)
def test_cut(raw: bytes, levels: int, left: bytes) -> None:
    """What is nested deeper is null; brackets in strings are none."""
    assert cut(raw, levels) == left
