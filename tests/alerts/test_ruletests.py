"""A file's own tests."""

from pathlib import Path

import auditproxy.alerts
from auditproxy.alerts.decoding import load_rules
from auditproxy.alerts.ruletests import run_tests
from tests.fakes.alertrules import EXEC_RULE, rules_of

SHIPPED = (Path(auditproxy.alerts.__file__).parent / "rules.yaml").read_bytes()
EXAMPLE = """
examples:
  exec:
    stage: ResponseStarted
    objectRef: {resource: pods, subresource: exec, namespace: a, name: "p{{ i }}"}
"""


def test_the_shipped_file_passes() -> None:
    """What every rule means, and what it does not, is as its tests say."""
    assert run_tests(load_rules(SHIPPED)) == ()


def test_the_list_of_those_who_may_exec() -> None:
    """Filled in, everybody else fires."""
    text = SHIPPED.replace(b'- users: ["*"]\n  # Health', b"- users: [alice]\n  # Health")
    assert text != SHIPPED
    (failed,) = run_tests(load_rules(text))[:1]
    assert failed.unexpected == ("ExecByUnlistedUser",)


def test_passes() -> None:
    """The rules of fires fire, no others."""
    rules = rules_of(
        EXEC_RULE + EXAMPLE + "tests: [{events: [{like: exec}], fires: [Exec]},"
        " {events: [{like: exec, objectRef: {subresource: null}}]}]"
    )
    assert run_tests(rules) == ()


def test_fails() -> None:
    """What is missing and what is too much is named; a condition that fails is an error."""
    rules = rules_of(
        EXEC_RULE
        + "- {name: Other, severity: low, summary: s, condition: event.a.b == 1}\n"
        + EXAMPLE
        + "tests: [{name: t, events: [{like: exec}, {}], fires: [Other]},"
        " {events: [{like: exec}]}]"
    )
    first, second = run_tests(rules)
    assert first.name == "t"
    assert (first.missing, first.unexpected, first.errors) == (
        ("Other",),
        ("Exec",),
        ('Other: it cannot be evaluated with these values: no such member "a"',),
    )
    assert (second.name, second.unexpected) == ("tests[1]", ("Exec",))


def test_repeated() -> None:
    """Repetitions are events of their own, with their number, at their time."""
    rules = rules_of(
        "rules: [{name: R, severity: low, summary: s, match: {stages: [ResponseStarted]},"
        " by: [user], threshold: {count: 3, within: 10s, distinct: name}}]" + EXAMPLE + "tests:\n"
        "- {events: [{like: exec}], repeat: 3, every: 5s, fires: [R]}\n"
        "- {events: [{like: exec}], repeat: 9, every: 6s}\n"
        "- {events: [{like: exec, objectRef: {name: same}}], repeat: 9}\n"
    )
    assert run_tests(rules) == ()


def test_session_events() -> None:
    """Lines of the session log are tested too."""
    rules = rules_of(
        "rules: [{name: R, severity: low, summary: s, match: {sessionEvents: [Command]},"
        " condition: session.line == 'id'}]\n"
        "tests: [{sessionEvents: [{type: Command, line: id}], fires: [R]},"
        " {sessionEvents: [{type: Command, line: ls}, {}]}]"
    )
    assert run_tests(rules) == ()
