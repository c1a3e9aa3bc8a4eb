"""``auditproxy alerts check|test|rules``: what a file of alert rules says, before it is used.

    check FILE...        validates rule files and runs the tests that they bring
    test LOG...          says which events of existing logs would have fired
    rules                prints the rules that are shipped

Exit codes: 0 when all is well, 1 when a test of a file fails or a log has no event, 2 for what
cannot be used.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auditproxy.alerts.rules import AlertRules
from auditproxy.alerts.ruletests import FailedTest, run_tests
from auditproxy.apis.faults import FAILED, Unusable, why_unread
from auditproxy.app.standardstreams import Output, counted
from auditproxy.commands.alerts.replay import MOST_FAULTS, Replay, lines_of
from auditproxy.files.alerts import advice_on, builtin_rules_text, read_rules
from auditproxy.options.alerts import BUILTIN

_RULES = re.compile(rb"^kind: *[\"']?AlertRules\b", re.MULTILINE)
_BEGINNING = 64 * 1024
"""Bytes of a file in which its kind is looked for."""
PROGRESS = 5.0
"""Seconds between two lines of progress, where standard error is a terminal."""


_OWN_RULES = (
    "--rules=FILE tries those of a file, as --alert-rules-file of auditproxy serve names it"
)
_WHICH_RULES = (
    f"name a file of alert rules, or {BUILTIN}; auditproxy alerts rules prints an example"
)

NO_TESTS = "no tests: nothing shows that its rules fire"


def rules(out: Output) -> int:
    """Print the rules that are shipped."""
    out.write(builtin_rules_text().decode())
    return 0


def check(paths: Sequence[str], out: Output, err: Output) -> int:
    """Validate files of rules and run their tests; the exit code."""
    failed = False
    for path in paths:
        found = read_rules(path, "")
        for warning in advice_on(found, path):
            err.write(f"auditproxy: warning: {warning}\n")
        failures = run_tests(found)
        for failure in failures:
            out.write(f"{path}: {_failure(failure)}\n")
        passed = len(found.tests) - len(failures)
        rows = counted(len(found.rules), "rule")
        tests = f"{passed} of {counted(len(found.tests), 'test')} pass" if found.tests else NO_TESTS
        out.write(f"{path}: {rows}, {tests}\n")
        tested = {name for test in found.tests for name in test.fires}
        silent = [rule.name for rule in found.rules if rule.name not in tested]
        if found.tests and silent:
            err.write(f"auditproxy: {path}: no test fires {', '.join(silent)}\n")
        failed = failed or bool(failures)
    return FAILED if failed else 0


def _is_rules(path: str) -> bool:
    """Whether a file says that it has rules; those that cannot be read are reported as logs."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return _RULES.search(file.read(_BEGINNING)) is not None
    except OSError:
        return False


def _failure(failure: FailedTest) -> str:
    parts = []
    if failure.missing:
        parts.append(f"does not fire: {', '.join(failure.missing)}")
    if failure.unexpected:
        parts.append(f"fires, and should not: {', '.join(failure.unexpected)}")
    if failure.errors:
        parts += (f"condition of {error}" for error in failure.errors)
    return f"test {failure.name!r}: {'; '.join(parts)}"


def _read(path: str) -> Iterator[bytes]:
    """The lines of a log; raises Unusable for what reading it raises, and for nothing else."""
    try:
        yield from lines_of(path)
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {why_unread(error)}") from None
    except EOFError:
        raise Unusable(f"{path} cannot be read: the gzip file ends too early") from None


def _rules_of(named: str) -> AlertRules:
    """The rules of --rules; raises Unusable."""
    if not named:
        raise Unusable(f"--rules is empty; {_WHICH_RULES}")
    try:
        return read_rules(named, "--rules")
    except Unusable as error:
        if named == BUILTIN or Path(named).is_file():
            raise
        raise Unusable(*(f"{fault}; {_WHICH_RULES}" for fault in error.faults)) from None


def test(values: Mapping[str, Any], paths: Sequence[str], out: Output, err: Output) -> int:
    """Say which events of logs would have fired; the exit code."""
    mistaken = [
        f"{path} is a file of rules and no log; did you mean --rules={path}?"
        for path in paths
        if _is_rules(path)
    ]
    if mistaken:
        raise Unusable(*mistaken)
    named = values.get("rules", BUILTIN)
    tried = _rules_of(named)
    is_json = values.get("output") == "json"
    replay = Replay(tried, out.write, is_json=is_json)
    shown = time.monotonic()
    for path in paths:
        replay.faults = 0
        for number, line in enumerate(_read(path), 1):
            replay.take(line)
            if replay.faults > MOST_FAULTS:
                err.write(
                    f"auditproxy: warning: the rest of {path} is not read: {MOST_FAULTS} lines "
                    f"one after the other are not events\n"
                )
                break
            if number % 1000 == 0 and time.monotonic() - shown > PROGRESS:
                shown = time.monotonic()
                if err.isatty():
                    lines, events = counted(replay.lines, "line"), counted(replay.events, "event")
                    err.write(f"{path}: {lines}, {events}\n")
    replay.finish()
    if replay.unreadable:
        many = replay.unreadable > 1
        left_out = "lines are not events and were" if many else "line is not an event and was"
        err.write(
            f"auditproxy: warning: {replay.unreadable} {left_out} left out"
            f"{', the first of them' if many else ''}: {replay.first_unreadable}\n"
        )
    for rule, count in replay.condition_errors.items():
        if count:
            err.write(
                f"auditproxy: warning: the condition of {rule} could not be evaluated for "
                f"{counted(count, 'event')}: {replay.condition_reasons[rule]}\n"
            )
    for text in replay.unasked() if replay.events else ():
        err.write(f"auditproxy: {text}\n")
    if replay.asked and not replay.fired:
        own = named != BUILTIN
        which = f"a rule of --rules {named}" if own else f"a shipped rule; {_OWN_RULES}"
        err.write(f"auditproxy: no event fires {which}\n")
    if not replay.events:
        err.write(f"auditproxy: error: no event in {', '.join(paths)}; name an audit log\n")
        return FAILED
    return 0
