"""The documents of the project, and the commands that they show.

A block of commands says in a comment above it who runs it, where this is not ``tests/test_documents.py``:
``<!-- run by: tests/some_test.py -->`` or ``<!-- not run: why -->``.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "certs/*.md", "manifests/**/*.md")
    for path in ROOT.glob(pattern)
)
SHELLS = ("console", "sh", "bash", "shell")

_BLOCK = re.compile(
    r"(?:<!--\s*(?P<who>not run|run by):\s*(?P<what>[^>]*?)\s*-->\s*\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>[a-z]+)\n(?P<text>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)

_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of shell commands in a document; ``who`` is ``not run``, ``run by`` or empty."""

    document: str
    number: int
    who: str
    what: str
    commands: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The document and the first command: what a test calls the block by."""
        return self.document, self.commands[0]


def _commands(text: str, language: str) -> tuple[str, ...]:
    """The commands of a block, each with its continuation lines; output is left out."""
    found: list[str] = []
    more = language != "console"
    for line in text.splitlines():
        stripped = line.strip()
        if language == "console" and stripped.startswith("$ "):
            found.append(stripped[2:])
        elif language != "console" and not more and stripped:
            found.append(stripped)
        elif more and found:
            found[-1] += "\n" + stripped
        elif more and stripped:
            found.append(stripped)
        else:
            continue
        more = _is_open(found[-1])
    return tuple(found)


def _is_open(command: str) -> bool:
    """Whether a command goes on in the next line: a backslash, or a quote that is not closed."""
    return command.endswith("\\") or command.count("'") % 2 == 1


def blocks(path: Path, text: str | None = None) -> tuple[Block, ...]:
    """The blocks of shell commands of one document, in order."""
    name = str(path.relative_to(ROOT)) if text is None else str(path)
    found: list[Block] = []
    for match in _BLOCK.finditer(path.read_text(encoding="utf-8") if text is None else text):
        if match["language"] in SHELLS:
            commands = _commands(match["text"], match["language"])
            if commands:
                found.append(
                    Block(name, len(found), match["who"] or "", match["what"] or "", commands)
                )
    return tuple(found)


def shown(path: Path) -> list[tuple[str, str]]:
    """Each command of the consoles of a page with the output below it."""
    found: list[tuple[str, str]] = []
    for block in _CONSOLE.findall(path.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            count = 1
            while lines[count - 1].endswith("\\\n"):
                count += 1
            found.append(("".join(lines[:count]).rstrip("\n"), "".join(lines[count:])))
    return found


def run(
    command: str, folder: Path, environment: Mapping[str, str] | None = None, *, status: int = 0
) -> str:
    """Run one command of a document with a shell in a folder; return its standard output.

    ``auditproxy``, ``kubectl`` and ``python`` are those of this interpreter's environment.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, f"{command}\n{done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode()
