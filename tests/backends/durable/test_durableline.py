"""How lines are made, and which have none."""

import asyncio
import json

import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import LARGE, json_line, json_parts
from auditproxy.backends.durable.durablefile import size_of
from auditproxy.backends.durable.durableline import Committed, LineMaker, Waiting
from auditproxy.backends.log import EncodingError
from auditproxy.backends.logfiles.rotation import LineTooLongError
from tests.fakes.backends import event


def of_size(size: int, audit_id: str = "a") -> Event:
    """An event with a body of about so many bytes."""
    return event(audit_id, level="Request", body=b'{"a":"%s"}' % (b"x" * size))


def test_small_and_large() -> None:
    """One piece, or parts that are not joined."""
    maker = LineMaker(json_parts, 0, print)
    assert maker.line(event()) == json_line(event())
    parts = maker.line(of_size(LARGE))
    assert isinstance(parts, tuple)
    assert b"".join(parts) == json_line(of_size(LARGE))
    assert size_of(parts) == len(json_line(of_size(LARGE)))


@pytest.mark.parametrize("size", [600, LARGE])
def test_bodies_that_fit_in_no_file(size: int) -> None:
    """They are left out, and that is told; a line of just the size of a file is whole."""
    told: list[str] = []
    whole = len(json_line(of_size(size)))
    assert size_of(LineMaker(json_parts, whole, told.append).line(of_size(size))) == whole
    assert told == []
    shorter = LineMaker(json_parts, 500, told.append).line(of_size(size))
    assert isinstance(shorter, bytes)
    assert "requestObject" not in json.loads(shorter)
    assert told == [
        "audit plugin 'log': an event larger than --audit-log-maxsize was written without its bodies"
    ]
    with pytest.raises(LineTooLongError):
        LineMaker(json_parts, 50, told.append).line(of_size(size))


def test_a_fault_names_no_data() -> None:
    """What the encoder says is not passed on."""

    def encode(given: Event) -> tuple[bytes, ...]:
        raise ValueError("secret")

    with pytest.raises(EncodingError, match=r"^encoding failed: ValueError$"):
        LineMaker(encode, 0, print).line(event())


async def test_texts_of_a_commit() -> None:
    """Lines that are made already, and events, in order; what cannot be made is noted and left out."""

    def waiting(text: bytes, given: Event | None) -> Waiting:
        outcome = asyncio.get_running_loop().create_future()
        return Waiting(text, given, len(text), outcome, is_intent=False)

    def encode(given: Event) -> tuple[bytes, ...]:
        return (given.audit_id.encode(),) if given.audit_id != "bad" else (b"x" * 100,)

    lines = [waiting(b"a", None), waiting(b"", event("bad")), waiting(b"", event("c"))]
    done = Committed()
    assert LineMaker(encode, 50, print).texts(lines, done) == [b"a", b"c"]
    assert done.made == [lines[0], lines[2]]
    assert [line for line, _ in done.unmade] == [lines[1]]
    assert isinstance(done.unmade[0][1], LineTooLongError)
    assert (done.count, done.fault) == (0, None)
