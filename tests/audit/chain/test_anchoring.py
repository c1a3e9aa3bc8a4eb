"""Checkpoints on their way through other systems."""

import json

import pytest

from auditproxy.audit.chain.anchoring import CHECKPOINT, checkpoint_event, checkpoints_in
from auditproxy.audit.encode import json_line
from tests.fakes.backends import event
from tests.fakes.chains import chained_log

LINE = chained_log(3, 1, every=3).checkpoints[-1]
TIME = "2026-11-23T13:06:31.814986Z"
EVENT = json_line(checkpoint_event(LINE, TIME))


def test_an_event() -> None:
    """What receives events gets one, with an id of its own and the checkpoint as it was signed."""
    value = json.loads(EVENT)
    assert value["annotations"] == {CHECKPOINT: LINE.decode().rstrip()}
    assert value["user"] == {"username": "system:auditproxy"}
    assert (value["auditID"], value["stageTimestamp"]) == ("a" * 16 + "-2", TIME)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (LINE, 1),
        (EVENT, 1),
        (b'{"kind":"EventList","items":[%b,{},%b]}\n' % (EVENT, EVENT), 2),
        (b"2026-11-23T13:06:31Z [info     ] checkpoint of the audit log: " + LINE, 1),
        (json.dumps({"event": f"checkpoint: {LINE.decode().rstrip()}", "n": 1}).encode(), 1),
        (json_line(event("other")), 0),
        (b'"{\\"kind\\":\\"Checkpoint\\",', 0),
        (b'{"a":"\xff{\\"kind\\":\\"Checkpoint\\","}', 0),
        (b"[" * 100_000 + b'"{\\"kind\\":\\"Checkpoint\\",', 0),
        (b"", 0),
    ],
)
def test_found_again(line: bytes, count: int) -> None:
    """The bytes that were signed, whatever stands around them."""
    assert list(checkpoints_in(line)) == [LINE] * count
