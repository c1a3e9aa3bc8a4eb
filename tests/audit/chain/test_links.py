"""What is added to a line, and read of it again."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.chain.links import (
    ADDED,
    NOTHING,
    TAIL,
    ChainEnd,
    Link,
    is_sound,
    read_link,
)
from auditproxy.audit.encode import json_line
from tests.fakes.backends import event

CHAIN = "0123456789abcdef"


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
    st.text(max_size=30),
    st.integers(0, 1 << 40),
)
def test_lines_stay_events(annotations: dict[str, str], text: str, number: int) -> None:
    """Whatever an event says, its line has its place at the end, and all else as before."""
    line = json_line(event(text, annotations=annotations))
    chained, end = ChainEnd(CHAIN, number, NOTHING).chained(line)
    value: dict[str, Any] = json.loads(chained)
    added = {
        name: value["annotations"].pop(name)
        for name in list(value["annotations"])
        if name.startswith("auditproxy.io/chain")
    }
    assert added == {
        "auditproxy.io/chain": f"{CHAIN}/{number + 1}",
        "auditproxy.io/chain-previous": NOTHING,
        "auditproxy.io/chain-digest": end.digest,
    }
    if not value["annotations"]:
        del value["annotations"]
    assert value == json.loads(line)
    link = read_link(chained)
    assert link == Link(CHAIN, number + 1, NOTHING, end.digest)
    assert link == read_link(chained[-ADDED:])
    assert is_sound(chained, link)
    assert len(chained) - len(line) < ADDED
    for at in (1, len(line) // 3):
        parts, same = ChainEnd(CHAIN, number, NOTHING).chained_parts(line[:at], line[at:])
        assert (b"".join(parts), len(parts), same) == (chained, 2, end)


def test_the_digest_is_that_of_all_before_it() -> None:
    """head -c -68 | sha256sum says the same."""
    chained, end = ChainEnd(CHAIN, 0, NOTHING).chained(json_line(event()))
    assert hashlib.sha256(chained[:-TAIL]).hexdigest() == end.digest
    assert chained[-TAIL:] == f'{end.digest}"}}}}\n'.encode()


@pytest.mark.parametrize("at", [-1, -2, -68, -70, -200])
def test_not_a_link(at: int) -> None:
    """A line without its end, or with something behind it, has no place."""
    chained, _ = ChainEnd(CHAIN, 0, NOTHING).chained(json_line(event()))
    assert read_link(chained[:at]) is None
    assert read_link(chained + b" ") is None
    assert read_link(json_line(event())) is None


def test_what_a_client_sends_is_no_link() -> None:
    """A user agent that looks like the end of a line is escaped, and stands elsewhere."""
    chained, _ = ChainEnd(CHAIN, 0, NOTHING).chained(json_line(event()))
    line = json_line(event(chained.decode()))
    assert read_link(line) is None
