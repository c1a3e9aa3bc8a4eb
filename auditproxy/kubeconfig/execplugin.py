"""Exec plugins: programs that print a credential (client.authentication.k8s.io).

exec: {command, args, env, apiVersion}  ->  ExecPlugin --run--> the status of an ExecCredential
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is the plugin's ``spec.cluster.config``."""


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

    def run(self) -> Any:
        """Run it and return the status that it gives; raises OSError and PluginError.

        It may ask questions: it has standard input and error if standard output is a terminal.
        """
        interactive = bool(sys.stdout) and sys.stdout.isatty()
        try:
            done = subprocess.run(  # noqa: S603 - a trusted file names it, and no shell reads it
                (self.command, *self.arguments),
                stdout=subprocess.PIPE,
                stderr=sys.stderr if interactive else subprocess.PIPE,
                stdin=sys.stdin if interactive else None,
                cwd=self.directory,
                env={
                    **os.environ,
                    **self.variables,
                    "KUBERNETES_EXEC_INFO": json.dumps(self._information(interactive)),
                },
                check=False,
            )
            if done.returncode:
                raise PluginError(f"returned {done.returncode}")
            answer = json.loads(done.stdout)
            if answer["apiVersion"] == self.api_version and "kind" in answer:
                return answer["status"]
        except (KeyError, TypeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError):
            pass
        raise PluginError("returned no ExecCredential")

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
