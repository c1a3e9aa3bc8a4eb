"""Places of secrets: pointers, steps, and where copies carry them (A14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.redaction.paths import (
    COPIES_LIMIT,
    EVERYWHERE,
    Path,
    Paths,
    at,
    below,
    every_item,
    is_known,
    place,
    spread,
)

DATA: Paths = (("data", None),)


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", ()),
        ("/data/P", ("data", "p")),
        ("/a~1b/c~0d/~01", ("a/b", "c~d", "~1")),
        ("/x/0/-/-1/01", ("x", None, None, None, None)),
        ("/", ("",)),
        ("data/p", None),
        (None, None),
        ("/\u017ftringData", ("stringdata",)),
    ],
)
def test_place(pointer: str | None, found: Path | None) -> None:
    """A pointer's steps are unescaped once and folded; an index is every item."""
    assert place(pointer) == found


def test_steps() -> None:
    """What is left of a path further down, at a place, and in each item."""
    assert below("Data", DATA) == ((None,),)
    assert below("type", DATA) == ()
    assert every_item((("a",), (None, "b"))) == ((), ("b",))
    assert at(("data", "p", "q"), DATA) == EVERYWHERE
    assert at((), DATA) == DATA
    assert at(("type",), DATA) == ()
    assert at(None, DATA) == EVERYWHERE


KNOWN = {"metadata": {"name": None}, "data": None}


@pytest.mark.parametrize(
    ("where", "known"),
    [
        ((), True),
        (("data", "x"), True),
        (("metadata",), True),
        (("metadata", "name"), True),
        (("metadata", "note"), False),
        (("tmp",), False),
        ((None,), False),
        (None, False),
    ],
)
def test_is_known(where: Path | None, known: bool) -> None:
    """A member that the type has not is not known, nor is a place that nobody knows."""
    assert is_known(where, KNOWN) is known
    assert is_known(where, None)


@pytest.mark.parametrize(
    ("copies", "added"),
    [
        ([], set()),
        ([(("a",), ("b",))], set()),
        ([(("data", "p"), ("a",))], {("a",)}),
        ([(("a",), ("data", "p"))], {("a",)}),
        ([(("data",), ("a",))], {("a", None)}),
        ([(("data", "p", "q"), ("a",))], {("a",)}),
        ([(("b",), ("c",)), (("a",), ("b",)), (("data", "p"), ("a",))], {("a",), ("b",), ("c",)}),
        ([(("data", "p"), ("x", None)), (("x", "y"), ("z",))], {("x", None), ("z",)}),
    ],
)
def test_spread(copies: list[tuple[Path, Path]], added: set[Path]) -> None:
    """A14: a copy carries what stands at, above and below its places, both ways, in any order."""
    assert set(spread(DATA, copies)) == {*DATA, *added}


@pytest.mark.parametrize(
    "copies",
    [
        [(("data", "p"), ())],
        [((), ("a",))],
        [(("a",), ())],
        [(None, ("a",))],
        [((f"a{n}",), (f"b{n}",)) for n in range(COPIES_LIMIT + 1)],
        [(("data",), ("a", f"b{n}")) for n in range(COPIES_LIMIT)]
        + [(("a",), ("c", f"d{n}")) for n in range(3)],
    ],
)
def test_what_is_not_followed(copies: list[tuple[Path | None, Path | None]]) -> None:
    """A14: the whole document, no pointer, too many copies: nothing is free of secrets."""
    assert spread(DATA, copies) == EVERYWHERE


STEP = st.sampled_from(["data", "a", "b", None])
PLACES = st.lists(STEP, max_size=3).map(tuple)


@given(st.lists(st.tuples(PLACES, PLACES), max_size=6))
def test_spread_ends(copies: list[tuple[Path, Path]]) -> None:
    """A14: a copy into itself grows no path for ever, and the rules' own paths stay."""
    found = spread(DATA, copies)
    assert found == EVERYWHERE or set(DATA) <= set(found)
