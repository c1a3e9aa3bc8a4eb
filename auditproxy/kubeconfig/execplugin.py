"""Exec plugins: programs that print a credential (client.authentication.k8s.io).

exec: {command, args, env, apiVersion}  ->  ExecPlugin --run--> the status of an ExecCredential
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditproxy.kubeconfig.credentials import EXEC_TIMEOUT

EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is the plugin's ``spec.cluster.config``."""


LONGEST_OUTPUT = 1024 * 1024
"""Bytes that it may print."""


class PluginError(ValueError):
    """The plugin gave no credential; the text says why and repeats none of its output."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program, as a user's ``exec`` names it; ``cluster`` is given to it on request."""

    command: str
    arguments: tuple[str, ...] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    api_version: str
    directory: Path
    cluster: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def read(cls, settings: Any, cluster: Mapping[str, Any], directory: Path) -> "ExecPlugin":
        """Read a user's ``exec``; raises ValueError, KeyError and TypeError for a malformed one."""
        arguments = settings.get("args") or []
        variables = {each["name"]: each["value"] for each in settings.get("env") or []}
        texts = [settings["command"], settings["apiVersion"], *variables, *variables.values()]
        if not isinstance(arguments, list) or not all(
            isinstance(text, str) for text in (*texts, *arguments)
        ):
            raise ValueError("exec is not what an ExecConfig is")
        return cls(
            settings["command"],
            tuple(arguments),
            variables,
            settings["apiVersion"],
            directory,
            dict(cluster) if settings.get("provideClusterInfo") else None,
        )

    def run(self, seconds: float = EXEC_TIMEOUT) -> Any:
        """Run it and return the status that it gives; raises OSError and PluginError.

        It may ask questions: it has standard input and error if standard output is a terminal.
        After ``seconds``, or LONGEST_OUTPUT bytes, it is killed, and what it has started with it
        unless it has the terminal.
        """
        try:
            answer = json.loads(self._output(seconds))
            if answer["apiVersion"] == self.api_version and "kind" in answer:
                return answer["status"]
        except (KeyError, TypeError, RecursionError):
            pass
        except PluginError:
            raise
        except ValueError:
            # No JSON, no UTF-8, or a number of too many digits.
            pass
        raise PluginError("returned no ExecCredential")

    def _output(self, seconds: float) -> bytes:
        """Run it and return what it prints; raises OSError and PluginError."""
        interactive = bool(sys.stdout) and sys.stdout.isatty()
        try:
            process = subprocess.Popen(  # noqa: S603 - a trusted file names it, no shell reads it
                (self.command, *self.arguments),
                stdout=subprocess.PIPE,
                stderr=sys.stderr if interactive else subprocess.DEVNULL,
                stdin=sys.stdin if interactive else None,
                cwd=self.directory,
                env={
                    **os.environ,
                    **self.variables,
                    "KUBERNETES_EXEC_INFO": json.dumps(self._information(interactive)),
                },
                start_new_session=not interactive,
            )
        except ValueError:
            raise PluginError(
                "cannot be run: its arguments or variables hold what no program can be given"
            ) from None
        until = time.monotonic() + seconds
        try:
            with process.stdout as printed:  # type: ignore[union-attr] # it is a pipe
                output = _read(printed.fileno(), until)
            code = process.wait(max(0.0, until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise PluginError(f"did not end within {seconds:g} seconds and was killed") from None
        finally:
            _kill(process, group=not interactive)
        if len(output) > LONGEST_OUTPUT:
            raise PluginError(f"printed more than {LONGEST_OUTPUT // 1024} KiB and was killed")
        if code:
            raise PluginError(f"returned {code}")
        return output

    def _information(self, interactive: bool) -> dict[str, Any]:
        """Return what the plugin gets in its environment: an ExecCredential with a spec."""
        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster is not None:
            spec["cluster"] = dict(self.cluster)
            for extension in self.cluster.get("extensions") or ():
                if extension["name"] == EXTENSION:
                    spec["cluster"]["config"] = extension["extension"]
                    break
        return {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}


def _read(descriptor: int, until: float) -> bytes:
    """Read up to its end, or a byte more than LONGEST_OUTPUT; raises TimeoutError."""
    parts: list[bytes] = []
    left = LONGEST_OUTPUT + 1
    while left:
        # What it has started may hold the pipe open without it.
        if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(descriptor, left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _kill(process: "subprocess.Popen[bytes]", *, group: bool) -> None:
    """Kill what is left of a plugin, and of its group if that is its own; wait for its end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()
    process.wait()
