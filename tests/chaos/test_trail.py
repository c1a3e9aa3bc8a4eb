"""Each broken promise by itself."""

import json

from tests.chaos.trail import Round, place, read


def line(count: int, stage: str) -> bytes:
    """An event of round 1."""
    target = f"/api/v1/namespaces/r1-c0/configmaps/n{count}"
    return json.dumps({"requestURI": target, "stage": stage}).encode() + b"\n"


def test_broken_promises_are_noticed() -> None:
    """No record, a late one, one that is there twice, half a line, and what is gone."""
    played = Round(
        1,
        before=b"{}\n",
        journal={(1, 0, 0), (1, 0, 1), (1, 0, 2)},
        answered={(1, 0, 1)},
    )
    files = {
        "audit.log": line(1, "RequestReceived") + b"what\n{",
        "audit-1.log": line(0, "RequestReceived") * 2 + b"{",
    }
    trail = read(files, played)
    assert trail.faults == [
        "what was there before the round is not there any more",
        "audit-1.log was rotated with half a line",
        "audit.log has a line that is no event: b'what'",
        "((1, 0, 0), 'RequestReceived') is in the log 2 times",
        "(1, 0, 1) was forwarded before ((1, 0, 0), 'ResponseComplete') was stored",
        "(1, 0, 2) was forwarded without a record",
        "(1, 0, 2) was forwarded before ((1, 0, 1), 'ResponseComplete') was stored",
        "(1, 0, 1) was answered before ((1, 0, 0), 'ResponseComplete') was stored",
    ]
    assert trail.torn == 2
    assert place("/api/v1/namespaces/r1-c2/configmaps/n3") == (1, 2, 3)


def test_kept_promises() -> None:
    """A whole trail over two files, one of them moved while half a line was on its way."""
    first = line(0, "RequestReceived")
    played = Round(
        1, before=first, journal={(1, 0, 0), (1, 0, 1)}, answered={(1, 0, 0)}, moved={"audit-1.log"}
    )
    files = {
        "audit-1.log": first + line(0, "ResponseComplete") + b"{",
        "audit.log": line(1, "RequestReceived"),
    }
    trail = read(files, played)
    assert (trail.faults, trail.torn) == ([], 1)
    assert trail.found.total() == 3
