"""Events for people, and the follower of their log."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.demo.events import EventLog, one_line, subject

EVENT: dict[str, Any] = {
    "auditID": "a",
    "stage": "ResponseComplete",
    "level": "RequestResponse",
    "requestURI": "/api/v1/namespaces/default/pods/hello/exec?command=sh",
    "verb": "get",
    "user": {"username": "admin"},
    "impersonatedUser": {"username": "viewer"},
    "objectRef": {
        "resource": "pods",
        "namespace": "default",
        "name": "hello",
        "apiVersion": "v1",
        "subresource": "exec",
    },
    "responseStatus": {"code": 403, "reason": "Forbidden"},
    "responseObject": {"kind": "Status"},
    "stageTimestamp": "2026-11-23T13:06:31.814986Z",
}


def test_one_line() -> None:
    """Who did what, how it ended and how much was recorded."""
    line = one_line(EVENT)
    for part in (
        "13:06:31.814",
        "ResponseComplete",
        "admin as viewer",
        "get",
        "pods/exec default/hello",
        "403 Forbidden",
        "RequestResponse",
        "response 18 B",
    ):
        assert part in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (None, "/version"),
        ({"resource": "nodes", "name": "n"}, "nodes n"),
        ({"resource": "deployments", "apiGroup": "apps", "namespace": "d"}, "deployments.apps d"),
        ({"resource": "pods"}, "pods"),
    ],
)
def test_subject(reference: dict[str, str] | None, expected: str) -> None:
    """Resources by name, everything else by path."""
    event = {"requestURI": "/version?x=1"}
    if reference is not None:
        event["objectRef"] = reference  # type: ignore[assignment]
    assert subject(event) == expected


def test_log_is_read_once(tmp_path: Path) -> None:
    """Whole lines, once, in order; a line that is being written waits."""
    path = tmp_path / "audit.log"
    log = EventLog(path)
    assert log.read() == []
    path.write_text('{"n":1}\n{"n":2}\n{"n"')
    assert [json.loads(line)["n"] for line in log.read()] == [1, 2]
    assert log.read() == []
    with path.open("a") as file:
        file.write(":3}\n")
    assert [json.loads(line)["n"] for line in log.read()] == [3]
    assert [event["n"] for event in log.events] == [1, 2, 3]


async def test_follow(tmp_path: Path) -> None:
    """New lines are shown until the follower is cancelled."""
    path = tmp_path / "audit.log"
    shown: list[str] = []
    seen = asyncio.Event()

    def show(line: str) -> None:
        shown.append(line)
        seen.set()

    following = asyncio.create_task(EventLog(path).follow(show))
    path.write_text('{"n":1}\n')
    async with asyncio.timeout(5):
        await seen.wait()
    following.cancel()
    await asyncio.wait({following})
    assert shown == ['{"n":1}']
