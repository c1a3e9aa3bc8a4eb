"""Checkpoints, written and read."""

import json

import pytest

from auditproxy.audit.chain.checkpoints import (
    SIGNED_TAIL,
    CheckpointError,
    checkpoint_line,
    read_checkpoint,
)
from auditproxy.audit.chain.links import ChainEnd
from tests.fakes.chains import TIME, checking, signing

END = ChainEnd("a" * 16, 7, "b" * 64)
LINE = checkpoint_line(END, signing(), sequence=3, time=TIME, reason="Interval")


def test_a_checkpoint() -> None:
    """It is one line of JSON, and its signature is that of all before it."""
    value = json.loads(LINE)
    assert list(value)[-1] == "signature"
    assert (value["sequence"], value["chain"], value["number"]) == (3, "a" * 16, 7)
    assert (value["kind"], value["reason"], value["time"]) == ("Checkpoint", "Interval", TIME)
    assert "message" not in value
    read = read_checkpoint(LINE)
    assert read.message == LINE[:-SIGNED_TAIL]
    (check,) = checking().values()
    assert check(read.message, read.signature)
    assert read.checkpoint.key == value["key"] in checking()


def test_whose_it_is() -> None:
    """Log and instance are signed too; a line that does not say them is read as before."""
    line = checkpoint_line(
        END,
        signing(),
        sequence=3,
        time=TIME,
        reason="Interval",
        log="audit.log",
        instance="proxy-0",
    )
    read = read_checkpoint(line)
    assert read.checkpoint.origin == "proxy-0/audit.log"
    assert b'"log":"audit.log","instance":"proxy-0"' in read.message
    assert read_checkpoint(LINE).checkpoint.origin == ""
    assert b'"log"' not in LINE


def test_why_a_chain_began() -> None:
    """Texts that anybody could have chosen cannot end the line."""
    line = checkpoint_line(
        END, signing(), sequence=1, time=TIME, reason="ChainBegan", message='a"\n', after="x/1"
    )
    read = read_checkpoint(line).checkpoint
    assert (read.message, read.after, line.count(b"\n")) == ('a"\n', "x/1", 1)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        LINE[:-1],
        LINE[1:],
        b" " + LINE[:-2] + b"\n",
        LINE.replace(b"Checkpoint", b"Checkpoints"),
        LINE.replace(b'"number":7', b'"number":"7"'),
        LINE.replace(b"==", b"=*"),
        LINE.replace(b"Interval", b"\xff"),
    ],
)
def test_not_a_checkpoint(line: bytes) -> None:
    """It is said, and nothing of the line."""
    with pytest.raises(
        CheckpointError, match="^it is not a checkpoint that auditproxy has written$"
    ):
        read_checkpoint(line)


def test_a_key_does_not_show_itself() -> None:
    """Only its public name."""
    assert repr(signing()) == f"CheckpointKey({signing().name})"
