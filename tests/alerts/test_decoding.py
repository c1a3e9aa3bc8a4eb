"""Reading a file of alert rules: strict, all faults at once."""

import contextlib
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditproxy.alerts
from auditproxy.alerts.decoding import AlertRulesError, load_rules
from auditproxy.alerts.rules import DEFAULT_KEEP_FIRING
from auditproxy.apis.audit import Stage
from auditproxy.apis.units import SECOND
from tests.fakes.alertrules import EXEC_RULE, HEAD, rules_of

SHIPPED = (Path(auditproxy.alerts.__file__).parent / "rules.yaml").read_bytes()


def faults(text: str) -> tuple[str, ...]:
    """The faults of a file that lacks only its version and kind."""
    with pytest.raises(AlertRulesError) as caught:
        rules_of(text)
    return caught.value.faults


def test_a_rule() -> None:
    """Defaults are filled in."""
    (rule,) = rules_of(EXEC_RULE).rules
    assert (rule.name, rule.severity, rule.by) == ("Exec", "high", ("user", "namespace", "pod"))
    assert rule.stages == {Stage.RESPONSE_STARTED}
    assert rule.selectors.verbs == ("get", "create")
    assert rule.condition is None
    assert rule.keep_firing == DEFAULT_KEEP_FIRING


def test_members() -> None:
    """Codes become numbers, durations nanoseconds, sets of exclusions their entries."""
    (rule,) = rules_of(
        "exclusions: {a: [{users: [u]}, {users: [v]}]}\n"
        "rules: [{name: R, severity: low, summary: s, match: {responseCodes: [403, 5xx]},"
        " exclude: [{set: a}, {names: [m]}], threshold: {count: 3, within: 5m, distinct: name},"
        " keepFiringFor: 1h, labels: {team: a}, by: []}]"
    ).rules
    assert rule.response_codes == {403, *range(500, 600)}
    assert len(rule.exclude) == 3
    assert rule.threshold is not None
    assert (rule.threshold.count, rule.threshold.within) == (3, 300 * SECOND)
    assert rule.keep_firing == 3600 * SECOND
    assert rule.by == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "rules: must have a rule"),
        ("rules: [{}]", "rules[0].name: is missing; give one such as ExecIntoPod"),
        ("rules: [{name: a b}]", 'and _, as ExecIntoPod; is "a b"'),
        ("rules: [{name: R}]", "rules[0] (R).severity: is missing; give one of info, low"),
        ("rules: [{name: R}]", "rules[0] (R).summary: is missing; give a text"),
        ("rules: 5", "rules: must be a list, is a number"),
        ("x: 1", 'unknown field "x"'),
        ("rules: [{matches: {}}]", 'unknown field "rules[0].matches"'),
        ("rules: [{name: R, name: S}]", 'key "name" already set'),
        (
            "rules: [{name: R, severity: warning}]",
            'rules[0] (R).severity: must be one of info, low, medium, high, critical; is "warning"',
        ),
        ("rules: [{name: R, summary: '{{ usr }}'}]", "did you mean user?"),
        (
            "rules: [{name: R, summary: '{{ usr }} {{ command }'}]",
            "rules[0] (R).summary: has {{ without a field",
        ),
        ("rules: [{name: R, match: {nonResourceURLs: [x]}}]", "rules[0] (R).match.nonResourceURLs"),
        ("rules: [{name: R, match: {stages: [x]}}]", "rules[0] (R).match.stages: must be one of"),
        (
            "rules: [{name: R, match: {decisions: [deny]}}]",
            'must be one of allow, forbid; is "deny"',
        ),
        (
            "rules: [{name: R, match: {responseCodes: [600]}}]",
            'must be numbers as 403, ranges as 4xx, or unknown; is "600"',
        ),
        ("rules: [{name: R, match: {responseCodes: [true]}}]", "must be numbers as 403"),
        (
            "rules: [{name: R, match: {sessionEvents: [Command], verbs: [get]}}]",
            "rules[0] (R).match.verbs: lines of the session log have none",
        ),
        ("rules: [{name: R, condition: '1 +'}]", "rules[0] (R).condition: "),
        ("rules: [{name: R, condition: \"'text'\"}]", "condition: it must be true or false"),
        (
            "rules: [{name: R, condition: session.a}]",
            "condition: undeclared reference to 'session.a' at column 8; session needs "
            "match.sessionEvents, such as [Command]",
        ),
        (
            "rules: [{name: R, match: {sessionEvents: [Command]}, condition: event.a}]",
            "column 6; event is of audit events, a rule with match.sessionEvents has session",
        ),
        ("rules: [{name: R, by: [auditID]}]", "rules[0] (R).by: must be one of user"),
        ("rules: [{name: R, threshold: {count: 1, within: 5m}}]", "a whole number from 2"),
        (
            "rules: [{name: R, threshold: {count: 2}}]",
            "threshold.within: must be a duration from 1s to 24h, as 90s, 5m or 1h; is missing",
        ),
        (
            "rules: [{name: R, keepFiringFor: 1s}]",
            'must be a duration from 1m to 24h, as 90s, 5m or 1h; is "1s"',
        ),
        ("rules: [{name: R, labels: {severity: x}}]", "labels.severity: must be"),
        ("rules: [{name: R, exclude: [{}]}]", "exclude[0]: excludes every event"),
        (
            "rules: [{name: R, exclude: [{set: x}]}]",
            'set: "x" is not the name of an exclusion; there is none',
        ),
        (
            "exclusions: {a: [{users: [u]}]}\nrules: [{exclude: [{set: x}]}]",
            "is not the name of an exclusion; known are a",
        ),
        ("exclusions: {a: [{set: a}]}", "exclusions.a[0].set: must be alone"),
        ("rules: [{name: R}, {name: R}]", "rules[1].name: R is the name of another rule"),
        ("tests: [{}]", "tests[0]: must have events"),
        ("tests: [{fires: [X], events: [{}]}]", "tests[0].fires: X is not a rule of this file"),
        ("tests: [{events: [{verb: 1}]}]", "tests[0].events[0]: not an event: Expected `str`"),
        ("tests: [{events: [{like: x}]}]", "tests[0].events[0]: there is no example x"),
        ("tests: [{repeat: 0, events: [{}]}]", "tests[0].repeat: must be a whole number"),
        ("tests: [{every: x, events: [{}]}]", "tests[0].every: must be a duration"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    """Each names its place and the fix."""
    assert any(fault in found for found in faults(text)), faults(text)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing for all conditions is one fault, beside the others."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    found = faults(
        "rules: [{name: R, severity: low, summary: s, condition: 'true'},"
        " {name: S, severity: x, summary: s, condition: 'true'}]"
    )
    assert [fault.partition(":")[0].partition(",")[0] for fault in found] == [
        "expressions need the extra cel",
        "rules[1] (S).severity",
    ]


def test_all_at_once() -> None:
    """A file is corrected in one go."""
    with pytest.raises(AlertRulesError) as caught:
        load_rules(b"apiVersion: v1\nrules: [{name: a b, severity: x, wrong: 1}]")
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        'unknown field "rules[0].wrong" (its fields are name, severity, summary, description, '
        "labels, annotations, match, exclude, condition, by, threshold, keepFiringFor)",
        "apiVersion",
        "kind",
        "rules[0].name",
        "rules[0].severity",
        "rules[0].summary",
    ]


@pytest.mark.parametrize("text", [b"- a", b"\xff", b"{", b"a: b: c", b"text"])
def test_not_a_mapping(text: bytes) -> None:
    """Anything else is one fault."""
    with pytest.raises(AlertRulesError):
        load_rules(text)


@given(st.data())
def test_mutations_of_the_shipped_file(data: st.DataObject) -> None:
    """A damaged file is read or refused, and nothing else is raised."""
    text = bytearray((HEAD + EXEC_RULE).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(text) - 1))
        text[index : index + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(AlertRulesError):
        load_rules(bytes(text))


class TestShipped:
    """alerts/rules.yaml."""

    def test_every_rule_has_its_reason_and_its_technique(self) -> None:
        """MITRE ATT&CK ids are in annotations."""
        for rule in load_rules(SHIPPED).rules:
            assert rule.description.text, rule.name
            assert rule.annotations["attack"].text.startswith("T1"), rule.name

    def test_every_rule_fires_in_a_test(self) -> None:
        """All but the one that is silent until its list is filled in."""
        rules = load_rules(SHIPPED)
        fired = {name for test in rules.tests for name in test.fires}
        assert {rule.name for rule in rules.rules} - fired == {"ExecByUnlistedUser"}
        assert sum(not test.fires for test in rules.tests) > 15

    def test_the_table_of_the_documentation(self) -> None:
        """docs/alerts.md has a row for each rule, with its severity and its techniques."""
        page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \| ([T0-9., ]+) \|", page, re.MULTILINE)
        assert rows == [
            (rule.name, rule.severity, rule.annotations["attack"].text)
            for rule in load_rules(SHIPPED).rules
        ]
