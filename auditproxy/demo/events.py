"""Audit events for people: one line each, and a follower of the log that they are in."""

import asyncio
import json
from pathlib import Path
from typing import Any

POLL = 0.1
"""Seconds between two looks at the log."""


def one_line(event: dict[str, Any]) -> str:
    """An event on one line: when, stage, who, what, how it ended, how large its objects are."""
    user = event["user"].get("username", "-")
    if "impersonatedUser" in event:
        user += f" as {event['impersonatedUser'].get('username', '-')}"
    status = event.get("responseStatus", {})
    code = str(status.get("code", ""))
    if status.get("reason"):
        code += f" {status['reason']}"
    sizes = [
        f"{name} {len(json.dumps(event[key]))} B"
        for name, key in (("request", "requestObject"), ("response", "responseObject"))
        if key in event
    ]
    return "  ".join(
        part
        for part in (
            event["stageTimestamp"][11:23],
            f"{event['stage']:16}",
            f"{user:24}",
            f"{event['verb']:6} {subject(event)}",
            code,
            event["level"],
            ", ".join(sizes),
        )
        if part
    )


def subject(event: dict[str, Any]) -> str:
    """What an event is about: ``pods/exec default/hello``, or the path of what is no resource."""
    reference = event.get("objectRef")
    if reference is None:
        path: str = event["requestURI"].partition("?")[0]
        return path
    resource = reference.get("resource", "")
    if reference.get("apiGroup"):
        resource += f".{reference['apiGroup']}"
    if reference.get("subresource"):
        resource += f"/{reference['subresource']}"
    place = "/".join(x for x in (reference.get("namespace"), reference.get("name")) if x)
    return f"{resource} {place}".rstrip()


class EventLog:
    """Follows a log of events as it grows; lines are given once, whole, in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self.events: list[dict[str, Any]] = []

    def read(self) -> list[str]:
        """The lines that are new since the last look."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = data.rpartition(b"\n")
        self._position += len(whole) + len(newline)
        lines = whole.decode("utf-8").splitlines() if newline else []
        self.events += [json.loads(line) for line in lines]
        return lines

    async def follow(self, show: Any) -> None:
        """Give every new line to ``show``, until cancelled."""
        while True:
            for line in self.read():
                show(line)
            await asyncio.sleep(POLL)
