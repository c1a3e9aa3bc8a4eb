"""CSV as Go reads it: rows of its own tests' kinds, then properties."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.authentication.tokens.gocsv import CsvError, read_records


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"\n\n\r\n", []),
        (b"a,b,c\n", [("a", "b", "c")]),
        (b"a,b,c", [("a", "b", "c")]),
        (b"a,b\r\nc,d\r\n", [("a", "b"), ("c", "d")]),
        (b"a,b\r", [("a", "b")]),
        (b"a\rb,c\n", [("a\rb", "c")]),
        (b" a , b \n", [(" a ", " b ")]),
        (b" \n", [(" ",)]),
        (b",\n", [("", "")]),
        (b'""\n', [("",)]),
        (b'"a ""b"" c",d\n', [('a "b" c', "d")]),
        (b'"a\nb",c\n', [("a\nb", "c")]),
        (b'"a\r\nb",c\n', [("a\nb", "c")]),
        (b'"a\n\nb"\n', [("a\n\nb",)]),
        (b'a,"b"', [("a", "b")]),
        (b'"a,b","c"\n#x,y\n', [("a,b", "c"), ("#x", "y")]),
        (b"a,b\n\nc,d,e\n", [("a", "b"), ("c", "d", "e")]),
    ],
)
def test_records(data: bytes, records: list[tuple[str, ...]]) -> None:
    """What is read."""
    read = [tuple(field.decode() for field in record) for record in read_records(data)]
    assert read == records


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'a,b"c\n', 'parse error on line 1, column 4: bare " in non-quoted field'),
        (b'x\n a,"b"\n "c"\n', 'parse error on line 3, column 2: bare " in non-quoted field'),
        (b'"a" ,b\n', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        (b'x\n"a\n', None),
        (b'"a\nb"c\n', None),
    ],
)
def test_refused(data: bytes, text: str | None) -> None:
    """What is refused, in Go's words, and never with the file's."""
    with pytest.raises(CsvError) as caught:
        list(read_records(data))
    if text is None:
        assert "record on line" in str(caught.value) or "parse error" in str(caught.value)
    else:
        assert str(caught.value) == text


def test_open_quote() -> None:
    """A quoted field without an end names the line where its record began."""
    with pytest.raises(CsvError) as caught:
        list(read_records(b'x,y\n"secret\nmore\n'))
    assert str(caught.value) == (
        'record on line 2; parse error on line 3, column 6: extraneous or missing " in quoted-field'
    )


@given(st.binary(max_size=60))
def test_never_anything_else(data: bytes) -> None:
    """Any bytes give records or a CsvError."""
    try:
        records = list(read_records(data))
    except CsvError:
        return
    assert all(records)


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r")), min_size=1),
        max_size=5,
    )
)
def test_written_is_read(rows: list[list[str]]) -> None:
    """What a CSV writer quotes is read back; rows without a character are skipped."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    read = [
        [field.decode() for field in record] for record in read_records(out.getvalue().encode())
    ]
    assert read == rows
