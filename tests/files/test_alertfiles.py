"""Rows of alert rules and destinations: what is read of them, and when it is read again."""

from pathlib import Path

from auditproxy.files.alertfiles import ALERT_DESTINATIONS, ALERT_RULES
from auditproxy.files.trustedfile import Remarks
from tests.fakes.alertrules import HEAD
from tests.fakes.options import options


def test_sources(tmp_path: Path) -> None:
    """Nothing is read without the flags; rules alone go to standard error."""
    remarks = Remarks()
    assert ALERT_RULES.read(options(), remarks) is None
    assert ALERT_DESTINATIONS.read(options(), remarks) is None
    chosen = options(rules_file="builtin")
    rules = ALERT_RULES.read(chosen, remarks)
    targets = ALERT_DESTINATIONS.read(chosen, remarks)
    assert [target.kind for target in targets.targets] == ["standardError"]
    levels, where = remarks.notes
    assert levels.startswith("--alert-rules-file=builtin without --audit-policy-file: 10 rules see")
    assert where == (
        "--alert-rules-file without --alert-destinations-file: alerts are lines of standard error"
    )
    ALERT_RULES.read(options(rules_file="builtin", audit_policy_file="p"), remarks)
    assert len(remarks.notes) == 2
    path = tmp_path / "rules.yaml"
    path.write_text(
        f"{HEAD}rules: [{{name: R, severity: low, summary: s, match: {{users: [a*]}}}}]"
    )
    ALERT_RULES.read(options(rules_file=str(path)), remarks)
    (warning,) = remarks.warnings
    assert warning.startswith(f'--alert-rules-file {path}: rule R: match.users has "a*", and its')
    assert ALERT_RULES.paths is not None
    assert ALERT_RULES.paths(chosen, rules) == ()
    assert ALERT_RULES.paths(options(rules_file="x"), rules) == ("x",)
    assert ALERT_DESTINATIONS.paths is not None
    assert ALERT_DESTINATIONS.paths(chosen, targets) == ()


def test_rules_that_a_client_evades_by_leaving(tmp_path: Path) -> None:
    """A rule for streams without unknown is reported; one with it, and the shipped ones, are not."""
    path = tmp_path / "rules.yaml"
    rule = "{name: R, severity: low, summary: s, match: {responseCodes: [101%s]}}"
    found = []
    for more in ("", ", unknown"):
        path.write_text(f"{HEAD}rules: [{rule % more}]\n")
        remarks = Remarks()
        ALERT_RULES.read(options(rules_file=str(path)), remarks)
        found.append(remarks.warnings)
    assert found[1] == []
    assert [text.partition(": 101 ")[0] for text in found[0]] == [
        f"--alert-rules-file {path}: rule R: match.responseCodes"
    ]
    remarks = Remarks()
    ALERT_RULES.read(options(rules_file="builtin"), remarks)
    assert remarks.warnings == []


def test_a_template_that_hides_what_is_resolved(tmp_path: Path) -> None:
    """Without the state an alert that is resolved looks like another one that fires."""
    (tmp_path / "url").write_text("http://127.0.0.1:9/")
    path = tmp_path / "destinations.yaml"
    chosen = options(rules_file="builtin", destinations_file=str(path))
    template = "{name: chat, sendResolved: %s, webhook: {urlFile: url, template: {a: [%s]}}}"
    found = []
    for resolved, text in (
        ("true", "'{{ summary }}'"),
        ("true", "'{{ summary }}', '{{ state }}'"),
        ("true", "'{{ line }}', 1"),
        ("false", "'{{ summary }}'"),
    ):
        head = HEAD.replace("AlertRules", "AlertDestinations")
        path.write_text(f"{head}destinations: [{template % (resolved, text)}]\n")
        remarks = Remarks()
        ALERT_DESTINATIONS.read(chosen, remarks)
        found.append(remarks.warnings)
    assert found == [
        [
            f"--alert-destinations-file {path}: destination chat: its template has no {{{{ state "
            "}}, so with sendResolved an alert that is resolved looks like one that fires"
        ],
        [],
        [],
        [],
    ]
