"""One command direct and through the proxy: its texts and events without what differs anyway."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from auditproxy.audit.annotations import REASON

VARIABLE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r'("?resourceVersion"?: "?)\d+'), r"\1N"),
    (re.compile(r"\b\d+(s|ms)\b"), "AGE"),
    (re.compile(r"^[EIW]\d{4} .*$", re.MULTILINE), "KLOG"),
)


def kubectl(
    binary: Path,
    kubeconfig: Path,
    command: str,
    stdin: str,
    folder: Path,
    more: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run one command; returns exit code, output and error output."""
    done = subprocess.run(
        [
            str(binary),
            f"--kubeconfig={kubeconfig}",
            *(word.replace("\u00a0", " ") for word in command.split(" ")),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            "HOME": str(folder),
            "KUBECACHEDIR": str(folder / "cache"),
            **(more or {}),
        },
    )
    return done.returncode, done.stdout, done.stderr


def normal(text: str, namespace: str, url: str) -> str:
    """The text without what differs between any two runs."""
    text = text.replace(namespace, "NS").replace(url, "URL")
    for pattern, replacement in VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def as_seen_here(recorded: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """The server's event as it would be without a proxy before it: docs/parity.md, "Who asks".

    To the server the proxy is the user who impersonates; the client's own
    user, address and impersonation are known here only.
    """
    seen = dict(recorded)
    for key in ("user", "impersonatedUser", "authenticationMetadata", "sourceIPs"):
        seen.pop(key, None)
        if key in ours:
            seen[key] = ours[key]
    reasons = [event.get("annotations", {}).get(REASON, "") for event in (recorded, ours)]
    if all(reason.startswith("RBAC: allowed by ") for reason in reasons):
        # Where several bindings allow, RBAC names any of them, each time anew.
        seen["annotations"] = {**recorded["annotations"], REASON: reasons[1]}
    return seen
