"""kubectl as an administrator, for what tests prepare and wait for."""

import asyncio
import os
import subprocess
from pathlib import Path

from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets
from tests.fakes.waiting import until


class Admin:
    """kubectl as a member of system:masters, directly at the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self._kubeconfig = cluster.kubeconfig("direct", token=ADMIN_TOKEN)
        self._folder = cluster.folder

    def run(self, command: str, stdin: str = "", *, may_fail: bool = False) -> str:
        """What it prints."""
        done = ran(self._folder, self._kubeconfig, command, stdin)
        assert may_fail or done.returncode == 0, (command, done.stderr)
        return done.stdout.decode()

    def wait(self, command: str, text: str, times: int) -> None:
        """Until it prints a text so many times."""

        def has() -> bool:
            return self.run(command).count(text) == times

        asyncio.run(until(has, f"{command}: {text}", seconds=60))

    def may(self, right: str, user: str) -> bool:
        """Whether RBAC allows something; ``user`` is flags that name one."""
        return self.run(f"auth can-i {right} {user}", may_fail=True).strip() == "yes"

    def wait_refused(self, right: str, user: str) -> None:
        """Until RBAC does not allow it: the authorizer has caches."""
        asyncio.run(until(lambda: not self.may(right, user), f"{right} is refused", seconds=60))


def ran(
    folder: Path, kubeconfig: Path, command: str, stdin: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command with a cache of its own for each kubeconfig."""
    binaries = assets()
    assert binaries is not None
    return subprocess.run(
        [str(binaries / "kubectl"), f"--kubeconfig={kubeconfig}", *command.split()],
        input=stdin.encode(),
        capture_output=True,
        timeout=60,
        env={**os.environ, "KUBECACHEDIR": str(folder / f"{kubeconfig.name}-cache")},
    )
