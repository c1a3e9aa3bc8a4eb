"""``python -m tests.sessions.terminal.record [NAME...]``: record the rows of the table.

Needs what the rows run: bash, dash, busybox, vim, less, zsh, fish, sudo and setpriv (as root), and
PostgreSQL 15, of which it starts a server in a temporary folder.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sessions.terminal.hostile import HOSTILE
from tests.sessions.terminal.scenarios import SCENARIOS
from tests.sessions.terminal.transcripts import DATA, replay, run, save

POSTGRES = "/usr/lib/postgresql/15/bin"


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """A server that listens on a socket in the folder."""
    os.chmod(folder, 0o777)
    data, log = folder / "data", folder / "log"
    command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def control(*words: str) -> None:
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)

    control(f"{POSTGRES}/initdb", "-D", str(data), "-A", "trust")
    options = f"-k {folder} -c listen_addresses="
    control(f"{POSTGRES}/pg_ctl", "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
    try:
        yield
    finally:
        control(f"{POSTGRES}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def main(names: list[str]) -> None:
    """Record all rows, or those named; print what comes of each."""
    DATA.mkdir(exist_ok=True)
    for scenario in (*SCENARIOS, *HOSTILE):
        if names and scenario.name not in names:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if scenario.argv[0] == "psql":
                with database(folder):
                    events = run(scenario, folder, PGHOST=name, PAGER="cat")
            else:
                events = run(scenario, folder)
        save(scenario.name, events)
        print(scenario.name, [(c.line, *c.flags) for c in replay(events)])


if __name__ == "__main__":
    main(sys.argv[1:])
