"""The fixed requests of ``auditproxy demo --once``, each with the events it must leave."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auditproxy.commands.demo.events import POLL, Event, EventLog
from auditproxy.commands.demo.shell import has_ended, shell_faults, type_commands

DEADLINE = 60.0
"""Seconds for all of it; a machine that is busy with something else takes many of them."""

SHORT = ("RequestReceived", "ResponseComplete")
LONG = ("RequestReceived", "ResponseStarted", "ResponseComplete")
REFUSED = ("ResponseStarted",)

CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "demo"},
    "data": {"greeting": "hello"},
}
JSON = "application/json"
DEFAULT = "/api/v1/namespaces/default"
WEBSOCKET = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", base64.b64encode(b"auditproxy demo.").decode()),
    ("Sec-WebSocket-Protocol", "v5.channel.k8s.io"),
)


@dataclass(frozen=True)
class Step:
    """One request: what is sent, which code comes back, which stages are recorded."""

    what: str
    method: str
    target: str
    code: int
    stages: tuple[str, ...] = SHORT
    headers: tuple[tuple[str, str], ...] = ()
    body: object = None
    content_type: str = JSON
    token: str | None = field(default=None, repr=False)
    leave_early: bool = False
    is_shell: bool = False
    """Whether commands are typed after a 101 (shell.py)."""


def steps(viewer_token: str) -> tuple[Step, ...]:
    """What the demo asks, in order."""
    config_map = f"{DEFAULT}/configmaps/demo"
    return (
        Step("list pods", "GET", f"{DEFAULT}/pods", 200),
        Step("create", "POST", f"{DEFAULT}/configmaps", 201, body=CONFIG_MAP),
        Step("get", "GET", config_map, 200),
        Step(
            "merge patch",
            "PATCH",
            config_map,
            200,
            body={"data": {"greeting": "hi"}},
            content_type="application/merge-patch+json",
        ),
        Step(
            "apply",
            "PATCH",
            f"{config_map}?fieldManager=demo&force=true",
            200,
            body=CONFIG_MAP,
            content_type="application/apply-patch+yaml",
        ),
        Step("watch", "GET", f"{DEFAULT}/configmaps?watch=1", 200, LONG, leave_early=True),
        Step("logs", "GET", f"{DEFAULT}/pods/hello/log", 200, LONG),
        Step(
            "exec",
            "GET",
            f"{DEFAULT}/pods/hello/exec?command=echo&command=hi&stdout=true",
            101,
            LONG,
            headers=WEBSOCKET,
            leave_early=True,
        ),
        Step(
            "shell",
            "GET",
            f"{DEFAULT}/pods/hello/exec?command=sh&container=app&stdin=true&stdout=true&tty=true",
            101,
            LONG,
            headers=WEBSOCKET,
            leave_early=True,
            is_shell=True,
        ),
        Step("read as viewer", "GET", config_map, 200, token=viewer_token),
        Step("secrets denied", "GET", f"{DEFAULT}/secrets", 403, token=viewer_token),
        Step("wrong token", "GET", f"{DEFAULT}/pods", 401, REFUSED, token="wrong"),  # noqa: S106
        Step(
            "impersonate",
            "GET",
            f"{DEFAULT}/pods",
            200,
            headers=(("Impersonate-User", "viewer"),),
        ),
        Step(
            "impersonation denied",
            "GET",
            f"{DEFAULT}/pods",
            403,
            headers=(("Impersonate-User", "admin"),),
            token=viewer_token,
        ),
        Step("delete", "DELETE", config_map, 200),
    )


@dataclass(slots=True)
class Followed:
    """A log that is followed, who shows its lines, and those that were read."""

    log: EventLog
    show: Callable[[str, Event], None]
    events: list[Event] = field(default_factory=list)

    def read(self) -> None:
        """Show what is new."""
        for line, event in self.log.read():
            self.events.append(event)
            self.show(line, event)


async def drive(
    port: int,
    admin: ssl.SSLContext,
    by_token: ssl.SSLContext,
    viewer_token: str,
    audit: Followed,
    sessions: Followed,
    look: Callable[[], bool],
) -> list[str]:
    """Send every request and show what is logged; what is missing or wrong in it.

    ``look`` shows what follows the logs, and says whether all of that is there.
    """
    faults = []
    expected: dict[str, Step] = {}

    def read() -> bool:
        audit.read()
        sessions.read()
        return look()

    def is_there() -> bool:
        over = all(has_ended(sessions.events, shell) for shell in shells)
        return read() and over and not unseen(expected, audit.events)

    shells: list[str] = []

    try:
        async with asyncio.timeout(DEADLINE):
            for number, step in enumerate(steps(viewer_token)):
                audit_id = f"demo-{number:02}"
                expected[audit_id] = step
                if step.is_shell:
                    shells.append(audit_id)
                context = admin if step.token is None else by_token
                code = await send(port, context, step, audit_id)
                if code != step.code:
                    faults.append(f"{step.what}: {code} instead of {step.code}")
                read()
            while True:
                if is_there():
                    break
                await asyncio.sleep(POLL)
    except TimeoutError:
        faults += [f"not within {DEADLINE:g} seconds", *unseen(expected, audit.events)]
    for shell in shells:
        faults += shell_faults(sessions.events, audit.events, shell)
    return faults + surplus(expected, audit.events)


def unseen(expected: dict[str, Step], events: Sequence[Event]) -> list[str]:
    """The stages that have not been recorded yet."""
    seen = {(event["auditID"], event["stage"]) for event in events}
    return [
        f"{step.what}: no {stage}"
        for audit_id, step in expected.items()
        for stage in step.stages
        if (audit_id, stage) not in seen
    ]


def surplus(expected: dict[str, Step], events: Sequence[Event]) -> list[str]:
    """Events that should not be there, and those with another code than the client saw."""
    faults = []
    for event in events:
        step = expected.get(event["auditID"])
        if step is None:
            continue
        if event["stage"] not in step.stages:
            faults.append(f"{step.what}: unexpected {event['stage']}")
        code = event.get("responseStatus", {}).get("code", step.code)
        if code != step.code:
            faults.append(f"{step.what}: {event['stage']} says {code}, the client saw {step.code}")
    return faults


async def send(port: int, context: ssl.SSLContext, step: Step, audit_id: str) -> int:
    """Send one request on a connection of its own; returns the code of the answer."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    try:
        body = b"" if step.body is None else json.dumps(step.body).encode()
        lines = [f"{step.method} {step.target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in step.headers]
        lines += [f"Audit-ID: {audit_id}", "User-Agent: auditproxy-demo"]
        if step.token is not None:
            lines.append(f"Authorization: Bearer {step.token}")
        if body:
            lines += [f"Content-Type: {step.content_type}", f"Content-Length: {len(body)}"]
        if not step.leave_early:
            lines.append("Connection: close")
        writer.write("\r\n".join((*lines, "", "")).encode() + body)
        status = await reader.readline()
        if not step.leave_early:
            await reader.read()
        else:
            await reader.readuntil(b"\r\n\r\n")
        if step.is_shell:
            await type_commands(reader, writer)
        return int(status.split(b" ")[1])
    finally:
        writer.close()
