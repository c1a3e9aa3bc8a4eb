"""Command lines of reports, run in the process of the test."""

import json
from typing import Any

from auditproxy.commands.report.command import FLAGS, run_report
from auditproxy.flags.pflag import parse


class Written(list[str]):
    """A standard output or error."""

    def write(self, text: str) -> None:
        """Keep a text."""
        self.append(text)

    def isatty(self) -> bool:
        """It is a pipe."""
        return False

    def __str__(self) -> str:
        return "".join(self)


def run(*words: str) -> tuple[int, str, str]:
    """The exit code, the output and the warnings; raises Unusable."""
    out, err = Written(), Written()
    code = run_report(parse(words, FLAGS), out, err)
    return code, str(out), str(err)


def told(*words: str) -> dict[str, Any]:
    """The object of a report."""
    code, out, _ = run(*words, "--output=json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found
