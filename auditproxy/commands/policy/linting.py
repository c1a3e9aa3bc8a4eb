"""``auditproxy policy lint``: a line for each finding, as compilers print them."""

import json
from collections.abc import Sequence
from typing import Any

from auditproxy.apis.faults import FAILED
from auditproxy.app.standardstreams import Output, counted, one_line
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.lint.linting import lint
from auditproxy.commands.policy.reading import policy_text
from auditproxy.serializer.yamllines import line_of, lines_by_path

NEVER = "never"
FAIL_ON = (*(severity.value for severity in Severity), NEVER)
"""What ``--fail-on`` takes."""


def run_lint(paths: Sequence[str], fail_on: str, out: Output, *, is_json: bool) -> int:
    """Print the findings of each file; FAILED where one is as severe as ``fail_on``, or more."""
    order = tuple(Severity)
    failing = () if fail_on == NEVER else order[: order.index(Severity(fail_on)) + 1]
    failed = False
    for path in paths:
        text = policy_text(path)
        linted = lint(text)
        lines = lines_by_path(text)
        for finding in linted.findings:
            line = line_of(lines, finding.path)
            failed = failed or finding.severity in failing
            if is_json:
                out.write(json.dumps(_object(finding, path, line)) + "\n")
                continue
            where = path if line is None else f"{path}:{line}"
            out.write(one_line(f"{where}: {finding.severity}: {finding.text}"))
            out.write(f" [{finding.check}]\n")
        if not is_json:
            out.write(f"{one_line(path)}: {_summary(linted.findings)}\n")
    return FAILED if failed else 0


def _summary(findings: Sequence[Finding]) -> str:
    return ", ".join(
        counted(sum(finding.severity is severity for finding in findings), severity.value)
        for severity in Severity
    )


def _object(finding: Finding, path: str, line: int | None) -> dict[str, Any]:
    """A finding as JSON has it; members without a value are left out."""
    found: dict[str, Any] = {
        "file": path,
        "line": line,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "check": finding.check,
        "path": finding.path,
        "problem": finding.problem,
        "fix": finding.fix,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}
