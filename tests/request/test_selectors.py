"""Field and label selectors: kube-apiserver's own tables, then properties.

The rows are those of apimachinery pkg/fields/selector_test.go and
pkg/labels/selector_test.go, and texts of the same code.
"""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.attributes import SelectorRequirement
from auditproxy.request.selectors import (
    SelectorError,
    field_requirements,
    is_int64,
    label_requirements,
)

Terms = list[tuple[str, str, tuple[str, ...]]]


def fields(text: str) -> Terms:
    """The requirements of a field selector as plain tuples."""
    return [(term.key, term.operator, term.values) for term in field_requirements(text)]


def labels(text: str) -> Terms:
    """The requirements of a label selector as plain tuples."""
    return [(term.key, term.operator, term.values) for term in label_requirements(text)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (",", []),
        (",,a=b,", [("a", "In", ("b",))]),
        ("x=a,y=b,z=c", [("x", "In", ("a",)), ("y", "In", ("b",)), ("z", "In", ("c",))]),
        ("x!=a,y=b", [("x", "NotIn", ("a",)), ("y", "In", ("b",))]),
        ("a=x,x=a", [("a", "In", ("x",)), ("x", "In", ("a",))]),
        ("x=a,a=x", [("a", "In", ("x",)), ("x", "In", ("a",))]),
        ("foo==bar", [("foo", "In", ("bar",))]),
        ("x=", [("x", "In", ("",))]),
        ("x= ", [("x", "In", (" ",))]),
        ("x=,z= ", [("x", "In", ("",)), ("z", "In", (" ",))]),
        ("x= ,z= ", [("x", "In", (" ",)), ("z", "In", (" ",))]),
        ("notin=in", [("notin", "In", ("in",))]),
        # The left side is taken as it is, up to the first operator.
        (" x =a", [(" x ", "In", ("a",))]),
        ("a\\b=c", [("a\\b", "In", ("c",))]),
        ("\\,=a\\,", [("\\,", "In", ("a,",))]),
        ("a!b!=c", [("a!b", "NotIn", ("c",))]),
        ("!=a", [("", "NotIn", ("a",))]),
        ("=a", [("", "In", ("a",))]),
        ("x=!a", [("x", "In", ("!a",))]),
        # A term without field and value says nothing.
        ("=", []),
        ("==", []),
        ("=,a=b", [("a", "In", ("b",))]),
        # Escapes.
        ("x=a||y\\=b", [("x", "In", ("a||y=b",))]),
        ("x=a\\=\\=b", [("x", "In", ("a==b",))]),
        ("k=\\,,k2=v2", [("k2", "In", ("v2",)), ("k", "In", (",",))]),
        ("k=\\\\,k2=v2", [("k2", "In", ("v2",)), ("k", "In", ("\\",))]),
        ("k=\\\\\\,,k2=v2", [("k2", "In", ("v2",)), ("k", "In", ("\\,",))]),
        ("complex=\\=value\\\\\\,\\\\", [("complex", "In", ("=value\\,\\",))]),
        # More than ASCII; terms sort by their bytes.
        (
            "\ud568=\uc218,\ubaa9=\ub85d",
            [("\ubaa9", "In", ("\ub85d",)), ("\ud568", "In", ("\uc218",))],
        ),
        (
            "\udcff=1,\U0001f600=1,\uffee=1",
            [("\uffee", "In", ("1",)), ("\U0001f600", "In", ("1",)), ("\udcff", "In", ("1",))],
        ),
    ],
)
def test_field_selector(text: str, terms: Terms) -> None:
    """Terms in Go's order, with their escapes taken off."""
    assert fields(text) == terms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*bar", "invalid selector: '*bar'; can't understand '*bar'"),
        ("x", "invalid selector: 'x'; can't understand 'x'"),
        ("x=a,b", "invalid selector: 'x=a,b'; can't understand 'b'"),
        ("x in (a)", "invalid selector: 'x in (a)'; can't understand 'x in (a)'"),
        ("x in (a,b,c)", "invalid selector: 'x in (a,b,c)'; can't understand 'b'"),
        ("x=a||y=b", "invalid field selector: unescaped character in value: 61"),
        ("x==a==b", "invalid field selector: unescaped character in value: 61"),
        ("x===a", "invalid field selector: unescaped character in value: 61"),
        ("x=\\", "invalid field selector: invalid escape sequence: \\"),
        ("x=\\\\\\", "invalid field selector: invalid escape sequence: \\"),
        ("x=\\a", "invalid field selector: invalid escape sequence: \\a"),
        ("k=\\a\\b\\", "invalid field selector: invalid escape sequence: \\a"),
    ],
)
def test_no_field_selector(text: str, message: str) -> None:
    """What Go refuses is refused, with its text."""
    with pytest.raises(SelectorError) as caught:
        field_requirements(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \t\r\n", []),
        ("x=a,y=b,z=c", [("x", "In", ("a",)), ("y", "In", ("b",)), ("z", "In", ("c",))]),
        ("x!=a,y=b", [("x", "NotIn", ("a",)), ("y", "In", ("b",))]),
        ("x=a,a=x", [("a", "In", ("x",)), ("x", "In", ("a",))]),
        ("a=x,x=a", [("a", "In", ("x",)), ("x", "In", ("a",))]),
        ("foo==bar", [("foo", "In", ("bar",))]),
        ("x=", [("x", "In", ("",))]),
        ("x= ", [("x", "In", ("",))]),
        ("x=,z= ", [("x", "In", ("",)), ("z", "In", ("",))]),
        ("x= ,z= ", [("x", "In", ("",)), ("z", "In", ("",))]),
        ("x", [("x", "Exists", ())]),
        ("!x", [("x", "DoesNotExist", ())]),
        ("! x , y", [("x", "DoesNotExist", ()), ("y", "Exists", ())]),
        ("x,!x", [("x", "Exists", ()), ("x", "DoesNotExist", ())]),
        # No word for these in a review; they only narrow.
        ("x>1", []),
        ("x>1,z<5", []),
        ("x>1,y", [("y", "Exists", ())]),
        ("x>9223372036854775807", []),
        ("x<007", []),
        # Sets: sorted, each value once, empty ones included.
        ("x in (b,a,b)", [("x", "In", ("a", "b"))]),
        ("x in ( value1, value2 )", [("x", "In", ("value1", "value2"))]),
        ("x notin (abc,def)", [("x", "NotIn", ("abc", "def"))]),
        ("x in()", [("x", "In", ("",))]),
        ("x in (,)", [("x", "In", ("",))]),
        ("x in (a,)", [("x", "In", ("", "a"))]),
        ("x in (,a)", [("x", "In", ("", "a"))]),
        ("x in (a,,b)", [("x", "In", ("", "a", "b"))]),
        ("x in (a,,)", [("x", "In", ("", "a"))]),
        ("x in (foo,,baz),y,z notin ()", None),
        # Keywords are words wherever an operator cannot stand.
        ("notin=in", [("notin", "In", ("in",))]),
        ("in in (in,notin)", [("in", "In", ("in", "notin"))]),
        ("!notin", [("notin", "DoesNotExist", ())]),
        ("x=notin", [("x", "In", ("notin",))]),
        # Keys and values at their limits.
        ("a" * 63, [("a" * 63, "Exists", ())]),
        ("a.b-c/D_e.F=G_h.I-j", [("a.b-c/D_e.F", "In", ("G_h.I-j",))]),
        (f"{'a' * 253}/b", [(f"{'a' * 253}/b", "Exists", ())]),
        (f"x={'v' * 63}", [("x", "In", ("v" * 63,))]),
        # Go's lexer takes one NUL behind a token for nothing and a second one for the end.
        ("a\x00", [("a", "Exists", ())]),
        ("a\x00=\x00b", [("a", "In", ("b",))]),
        ("a=b\x00\x00garbage !!", [("a", "In", ("b",))]),
        ("\x00!!", []),
    ],
)
def test_label_selector(text: str, terms: Terms | None) -> None:
    """Requirements in the words of a review, sorted by key."""
    if terms is None:
        terms = [("x", "In", ("", "baz", "foo")), ("y", "Exists", ()), ("z", "NotIn", ("",))]
    assert labels(text) == terms


PARSE = "unable to parse requirement: "
NAME = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',"
    "  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
SUBDOMAIN = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
    "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
    "'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
INTEGER = "for 'Gt', 'Lt' operators, the value must be an integer"
OPERATORS = "in, notin, =, ==, !=, gt, lt"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*bar", f'{PARSE}<nil>: Invalid value: "*bar": name part {NAME}'),
        ("x=a||y=b", f'{PARSE}values[0][x]: Invalid value: "a||y": {VALUE}'),
        ("x=a=b", "found '=', expected: ',' or 'end of string'"),
        ("x==a==b", "found '==', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x=a y=b", "found 'y', expected: ',' or 'end of string'"),
        ("x<a", f'{PARSE}values[0]: Invalid value: "a": {INTEGER}'),
        ("x>", f'{PARSE}values[0]: Invalid value: "": {INTEGER}'),
        (
            "x>9223372036854775808",
            f'{PARSE}values[0]: Invalid value: "9223372036854775808": {INTEGER}',
        ),
        ("x>-5", f'{PARSE}values[0][x]: Invalid value: "-5": {VALUE}'),
        (
            "x<-a",
            f'{PARSE}[values[0]: Invalid value: "-a": {INTEGER}, '
            f'values[0][x]: Invalid value: "-a": {VALUE}]',
        ),
        (
            "x in (-a,b,c-)",
            f'{PARSE}[values[0][x]: Invalid value: "-a": {VALUE}, '
            f'values[2][x]: Invalid value: "c-": {VALUE}]',
        ),
        ("x17=a/b", f'{PARSE}values[0][x17]: Invalid value: "a/b": {VALUE}'),
        (
            f"x={'a' * 64}",
            f'{PARSE}values[0][x]: Invalid value: "{"a" * 64}": must be no more than 63 bytes',
        ),
        (
            "a" * 64,
            f'{PARSE}<nil>: Invalid value: "{"a" * 64}": name part must be no more than 63 bytes',
        ),
        (
            f"{'a' * 254}/b",
            f'{PARSE}<nil>: Invalid value: "{"a" * 254}/b": '
            "prefix part must be no more than 253 bytes",
        ),
        ("/b", f'{PARSE}<nil>: Invalid value: "/b": prefix part must be non-empty'),
        (
            "b/",
            f'{PARSE}<nil>: Invalid value: "b/": name part must be non-empty; name part {NAME}',
        ),
        ("A/b", f'{PARSE}<nil>: Invalid value: "A/b": {SUBDOMAIN}'),
        (
            "a/b/c",
            f'{PARSE}<nil>: Invalid value: "a/b/c": a valid label key {NAME} with an optional '
            "DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
        ('a"', f'{PARSE}<nil>: Invalid value: "a\\"": name part {NAME}'),
        ("\udcff", f'{PARSE}<nil>: Invalid value: "\\xff": name part {NAME}'),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        ("x,,y", "found ',', expected: identifier after ','"),
        ("x,=", "found '=', expected: identifier after ','"),
        ("!", f"{PARSE}found '', expected: identifier"),
        ("!!x", f"{PARSE}found '!', expected: identifier"),
        ("x!", f"{PARSE}found '!', expected: {OPERATORS}"),
        ("x exists", f"{PARSE}found 'exists', expected: {OPERATORS}"),
        ("x (a)", f"{PARSE}found '(', expected: {OPERATORS}"),
        ("x==(", f"{PARSE}found '(', expected: identifier"),
        ("x in", f"{PARSE}found '' expected: '('"),
        ("x in a", f"{PARSE}found 'a' expected: '('"),
        ("x in (", f"{PARSE}found '', expected: ',', ')' or identifier"),
        ("x in (=", f"{PARSE}found '=', expected: ',', ')' or identifier"),
        ("x in (a", f"{PARSE}found '', expected: ',' or ')'"),
        ("x in (a b)", f"{PARSE}found 'b', expected: ',' or ')'"),
        ("x in (a,", f"{PARSE}found '', expected: ',', or identifier"),
        ("x in (a,=", f"{PARSE}found '=', expected: ',', or identifier"),
        ("x in (a))", "found ')', expected: ',' or 'end of string'"),
        ("a\x00b", f"{PARSE}found 'b', expected: {OPERATORS}"),
    ],
)
def test_no_label_selector(text: str, message: str) -> None:
    """What Go refuses is refused, with its text."""
    with pytest.raises(SelectorError) as caught:
        label_requirements(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", True),
        ("-0", True),
        ("+12", True),
        ("9223372036854775807", True),
        ("9223372036854775808", False),
        ("-9223372036854775808", True),
        ("-9223372036854775809", False),
        ("0" * 5000 + "7", True),
        ("9" * 5000, False),
        ("", False),
        ("-", False),
        ("+-1", False),
        ("1_0", False),
        (" 1", False),
        ("1.0", False),
        ("\u0663", False),
        ("\u00b2", False),
    ],
)
def test_is_int64(text: str, expected: bool) -> None:
    """Go's ParseInt in base 10."""
    assert is_int64(text) is expected


def test_long_selectors() -> None:
    """As much selector as a request may carry is read without trouble."""
    many = 50_000
    assert len(label_requirements(",".join(["a"] * many))) == many
    assert len(field_requirements(",".join(["a=b"] * many))) == many
    assert labels(f"a in ({'b,' * many}b)") == [("a", "In", ("b",))]
    for hopeless in ("a" * 200_000, "a-" * 100_000 + "/b", "=" * 200_000, "(" * 200_000):
        with pytest.raises(SelectorError):
            label_requirements(hopeless)


def escaped(value: str) -> str:
    """A value as it stands in a field selector."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


@given(st.lists(st.tuples(st.text("ab.c ", min_size=1), st.text("ab\\,=! ")), max_size=6))
def test_field_selector_reads_what_was_written(pairs: list[tuple[str, str]]) -> None:
    """Escaped terms come back, whatever their order."""
    text = ",".join(f"{key}={escaped(value)}" for key, value in pairs)
    assert sorted(fields(text)) == sorted((key, "In", (value,)) for key, value in pairs)


WORDS = st.from_regex(r"\A[a-z]([-a-z_.]{0,5}[a-z])?\Z")
REQUIREMENTS = st.one_of(
    st.builds(SelectorRequirement, WORDS, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(
        lambda key, operator, values: SelectorRequirement(key, operator, tuple(sorted(values))),
        WORDS,
        st.sampled_from(["In", "NotIn"]),
        st.sets(WORDS, min_size=1, max_size=4),
    ),
)


def written(requirement: SelectorRequirement) -> str:
    """A requirement as a client writes it."""
    key, values = requirement.key, ",".join(requirement.values)
    if requirement.operator == "Exists":
        return key
    if requirement.operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {requirement.operator.lower()} ({values})"


@given(st.lists(REQUIREMENTS, max_size=6))
def test_label_selector_reads_what_was_written(wanted: list[SelectorRequirement]) -> None:
    """Requirements come back, sorted by key and otherwise in their order."""
    text = " , ".join(map(written, wanted))
    assert label_requirements(text) == tuple(sorted(wanted, key=lambda one: one.key))


@given(st.text("ab!=<>(), \tin\x00\\/-\udcff\u00e4", max_size=40))
def test_any_text(text: str) -> None:
    """Every text is a selector or a refusal; a refusal never comes from elsewhere."""
    for read in (field_requirements, label_requirements):
        with contextlib.suppress(SelectorError):
            assert all(term.operator for term in read(text))
