"""Advice on a valid policy: logged for the operator at the start, never a fault.

It is what ``lint`` finds that must not be missed: errors, and what makes events very large. Bodies
with credentials are not among it, because the proxy redacts them.
"""

import re

from auditproxy.apis.audit import Policy, Stage
from auditproxy.audit.policy.decoding import FIELDS
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.lint.levels import levels
from auditproxy.audit.policy.lint.reached import START_WORK, never_reached
from auditproxy.audit.policy.lint.selecting import never_matching

_UNKNOWN = re.compile(r'unknown field "(?:[^" ]*\.)?([A-Za-z]+)"')
_AT_START = frozenset({"responses-of-reads"})
"""Checks whose findings are advice even though they are not errors."""


def advice(policy: Policy, *, strict: str) -> tuple[str, ...]:
    """Texts about a policy; ``strict`` is a backend's mode that refuses what it cannot store."""
    rules = policy.rules
    findings: list[Finding] = []
    for index, rule in enumerate(rules):
        findings += never_matching(rule, f"rules[{index}]")
    findings += levels(policy)
    findings += never_reached(rules, START_WORK)
    found = [
        f"the policy's {finding.text}"
        for finding in findings
        if finding.severity is Severity.ERROR or finding.check in _AT_START
    ]
    omitting = [policy.omit_stages, *(rule.omit_stages for rule in rules)]
    if strict and any(Stage.REQUEST_RECEIVED in stages for stages in omitting):
        found.append(
            f"the policy omits RequestReceived, but the mode {strict} writes it anyway: it "
            "forwards a request only after this event is stored"
        )
    return tuple(found)


def spelling(warning: str) -> str:
    """A warning about unknown fields with the names that were perhaps meant."""
    known = {name.lower(): name for name in FIELDS}

    def hint(found: re.Match[str]) -> str:
        import difflib

        match = difflib.get_close_matches(found[1].lower(), known, n=1, cutoff=0.7)
        return f"{found[0]} (did you mean {known[match[0]]}?)" if match else found[0]

    return _UNKNOWN.sub(hint, warning)
