"""asciinema, a player of others, which must take every recording."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_EACH = """\
import contextlib, io, json, sys
from asciinema.__main__ import main

def shown(*words):
    sys.argv = ["asciinema", *words]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = main()
    return code, output.getvalue()

paths = sys.stdin.read().split("\\n")
answers = [(shown("cat", path), shown("play", "-i", "0.000001", path)) for path in paths]
print(json.dumps(answers))
"""
"""Its two commands for each path, in one process: its start takes longer than they do."""


def takes(paths: Sequence[Path], folder: Path) -> None:
    """``asciinema cat`` and ``play`` take each recording, and show what the container wrote.

    ``folder`` gets asciinema's configuration. Skips the test where asciinema is not installed.
    """
    pytest.importorskip("asciinema")
    done = subprocess.run(
        [sys.executable, "-c", _EACH],
        input="\n".join(map(str, paths)).encode(),
        capture_output=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
        timeout=100,
        check=False,
        # Without a terminal, from which it would read keys.
        start_new_session=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    for path, answers in zip(paths, json.loads(done.stdout), strict=True):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()[1:]]
        output = "".join(line[2] for line in lines if line[1] == "o")
        assert answers == [[0, output], [0, output]], path.name
