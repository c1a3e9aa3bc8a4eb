"""auditproxy alerts: checked, tried and printed."""

import contextlib
import gzip
import json
import os
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.cli import main
from auditproxy.commands.alerts.command import FLAGS, run_alerts
from auditproxy.commands.alerts.replay import MOST_FAULTS
from auditproxy.flags.pflag import parse
from auditproxy.serializer.json import encode
from tests.fakes.alertrules import EXEC_RULE, HEAD, audit_event, exec_event, session_event


class Text:
    """What is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Keep it."""
        self.text += text

    def isatty(self) -> bool:
        """Nobody watches."""
        return False


def run(*words: str) -> tuple[int, str, str]:
    """Run a command line: exit code, standard output, standard error."""
    out, err = Text(), Text()
    code = run_alerts(parse(words, FLAGS), out, err)
    return code, out.text, err.text


def faults(*words: str) -> tuple[str, ...]:
    """The faults of a command line."""
    with pytest.raises(Unusable) as caught:
        run(*words)
    return caught.value.faults


FIRING = """- name: an exec
  events:
  - stage: ResponseStarted
    verb: create
    objectRef: {resource: pods, subresource: exec, namespace: a, name: box}
  fires: [Exec]
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """A file of rules with one test."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        HEAD + EXEC_RULE + "tests:\n- name: no exec\n  events: [{}]\n- name: also none\n"
        "  events: [{verb: create}]\n"
    )
    return str(path)


def test_check(rules: str) -> None:
    """A sound file whose tests pass."""
    path = Path(rules)
    path.write_text(path.read_text() + FIRING)
    assert run("check", rules) == (0, f"{rules}: 1 rule, 3 of 3 tests pass\n", "")


def test_check_warns(rules: str) -> None:
    """What is valid and probably not meant is said, and the file passes."""
    path = Path(rules)
    path.write_text(path.read_text().replace("match:\n", "match:\n    namespaces: ['prod*']\n", 1))
    code, out, err = run("check", rules)
    assert (code, out) == (0, f"{rules}: 1 rule, 2 of 2 tests pass\n")
    assert err.startswith(
        f'auditproxy: warning: {rules}: rule Exec: match.namespaces has "prod*", and its asterisk'
    )


def test_check_without_tests(rules: str) -> None:
    """No test that passes is none that passes."""
    Path(rules).write_text(HEAD + EXEC_RULE)
    assert (
        run("check", rules)[1] == f"{rules}: 1 rule, no tests: nothing shows that its rules fire\n"
    )


def test_check_of_a_rule_without_a_test(rules: str) -> None:
    """It is named: nothing shows that it fires."""
    path = Path(rules)
    other = "- {name: Other, severity: low, summary: s, match: {users: [nobody]}}\n"
    path.write_text(path.read_text().replace("rules:\n", f"rules:\n{other}", 1) + FIRING)
    assert run("check", rules) == (
        0,
        f"{rules}: 2 rules, 3 of 3 tests pass\n",
        f"auditproxy: {rules}: no test fires Other\n",
    )


def test_check_of_what_cannot_match(rules: str) -> None:
    """A rule for a verb and a resource that no request has is sound, and warned of."""
    path = Path(rules)
    path.write_text(path.read_text().replace("pods/exec", "pod/exec").replace("create]", "exec]"))
    code, _, err = run("check", rules)
    assert code == 0
    assert [line.rpartition(": ")[2].rpartition("; ")[2] for line in err.splitlines()] == [
        "it is the subresource pods/exec among resources, with the verbs get and create",
        "did you mean pods/exec?",
        "no test fires Exec",
    ]


def test_check_fails(rules: str) -> None:
    """A test that fails is named, and is the exit code."""
    path = Path(rules)
    path.write_text(path.read_text() + "  fires: [Exec]\n")
    assert run("check", rules) == (
        1,
        f"{rules}: test 'also none': does not fire: Exec\n{rules}: 1 rule, 1 of 2 tests pass\n",
        "",
    )


def test_check_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All faults, one a line, and the exit code for what cannot be used."""
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + "rules: [{name: R, sevrity: low}]")
    assert main(["alerts", "check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f'auditproxy: error: {path}: unknown field "rules[0].sevrity" (did you mean severity?)',
        f"auditproxy: error: {path}: rules[0] (R).summary: is missing; give a text such as "
        '"{{ user }} is here"',
    ]


def test_test(tmp_path: Path, rules: str) -> None:
    """A row for each alert, a summary, and lines that are no events are said."""
    log, packed = tmp_path / "audit.log", tmp_path / "old.gz"
    event_list = b'{"kind":"EventList","items":[' + encode(exec_event()) + b"]}\n"
    packed.write_bytes(gzip.compress(event_list))
    log.write_bytes(
        b"not json\n"
        + encode(audit_event())
        + b"\n"
        + encode(exec_event())
        + b"\n"
        + encode(session_event())
        + b"\n"
    )
    code, out, err = run("test", f"--rules={rules}", str(packed), str(log))
    assert code == 0
    rows = out.splitlines()
    assert rows[0].split() == ["TIME", "SEVERITY", "RULE", "SUMMARY"]
    assert rows[1] == ("2026-01-01T00:00:00Z  high      Exec                        alice in n/box")
    assert rows[3] == "4 events, 1 alert of 1 rule"
    assert rows[5].split() == ["Exec", "high", "1", "2"]
    assert err == (
        "auditproxy: warning: 1 line is not an event and was left out: line 2: not JSON\n"
    )


def test_rules_instead_of_a_log(
    tmp_path: Path, rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fault has the flag that was meant; the lines are not read as events."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"")
    assert main(["alerts", "test", rules, str(log)]) == 2
    assert capsys.readouterr() == (
        "",
        f"auditproxy: error: {rules} is a file of rules and no log; did you mean --rules={rules}?\n",
    )


def test_test_without_an_event(tmp_path: Path) -> None:
    """A file that is not a log is not a log in which nothing fires."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"a\nb\n")
    code, _, err = run("test", str(log))
    assert code == 1
    assert err == (
        "auditproxy: warning: 2 lines are not events and were left out, the first of them: "
        f"line 1: not JSON\nauditproxy: error: no event in {log}; name an audit log\n"
    )


def test_a_log_of_junk_is_not_read_to_its_end(tmp_path: Path, rules: str) -> None:
    """Where nothing is an event any more, the rest is left out; the next log is read."""
    junk, log = tmp_path / "junk.log", tmp_path / "audit.log"
    event = encode(exec_event()) + b"\n"
    junk.write_bytes(b"x\n" * MOST_FAULTS + event + b"x\n" * (MOST_FAULTS + 5) + event)
    log.write_bytes(b"x\n" + event)
    code, out, err = run("test", f"--rules={rules}", str(junk), str(log))
    assert code == 0
    assert "2 events, 1 alert of 1 rule" in out
    assert err == (
        f"auditproxy: warning: the rest of {junk} is not read: 10000 lines one after the other are "
        "not events\nauditproxy: warning: 20002 lines are not events and were left out, the first "
        "of them: line 1: not JSON\n"
    )


@pytest.mark.parametrize("output", ["table", "json"])
def test_lines_that_the_input_has_none_of(tmp_path: Path, rules: str, output: str) -> None:
    """Rules that nothing could fire are no rules that did not fire."""
    log, lines = tmp_path / "audit.log", tmp_path / "sessions.log"
    log.write_bytes(encode(exec_event()) + b"\n")
    lines.write_bytes(encode(session_event()) + b"\n")
    of_lines = tmp_path / "lines.yaml"
    of_lines.write_text(
        HEAD + "rules: [{name: R, severity: low, summary: s, match: {sessionEvents: [Command]}}]"
    )
    assert run("test", f"--rules={of_lines}", f"-o={output}", str(log))[2] == (
        "auditproxy: 1 rule is for lines of the session log, and the input has none; name a session "
        "log as well\n"
    )
    assert run("test", f"--rules={rules}", f"-o={output}", str(lines))[2] == (
        "auditproxy: 1 rule is for audit events, and the input has none; name an audit log as well\n"
    )
    assert run("test", f"--rules={of_lines}", str(log), str(lines))[2] == ""


@pytest.mark.parametrize("output", ["table", "json"])
def test_nothing_fires(tmp_path: Path, rules: str, output: str) -> None:
    """One line says whose rules were tried, and by which flag others are."""
    log = tmp_path / "audit.log"
    log.write_bytes(encode(audit_event()) + b"\n")
    code, out, err = run("test", f"--rules={rules}", f"-o={output}", str(log))
    assert (code, err) == (0, f"auditproxy: no event fires a rule of --rules {rules}\n")
    assert out == ("\n1 event, no alert of any of 1 rule\n" if output == "table" else "")
    err = run("test", f"-o={output}", str(log))[2]
    assert err.splitlines()[-1] == (
        "auditproxy: no event fires a shipped rule; --rules=FILE tries those of a file, as "
        "--alert-rules-file of auditproxy serve names it"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [("", " is empty"), ("{}/none", " {}/none cannot be read"), ("{}", " {} cannot be read")],
)
def test_no_rules(tmp_path: Path, given: str, why: str) -> None:
    """What --rules may name is said where it names nothing."""
    (fault,) = faults("test", f"--rules={given.format(tmp_path)}", "log")
    assert fault.startswith(f"--rules{why.format(tmp_path)}")
    assert fault.endswith(
        "; name a file of alert rules, or builtin; auditproxy alerts rules prints an example"
    )


def test_the_flag_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """The name that it has here is suggested."""
    assert main(["alerts", "test", "--alert-rules-file=rules.yaml", "audit.log"]) == 2
    assert "unknown flag: --alert-rules-file; did you mean --rules?\n" in capsys.readouterr().err


def test_test_json(tmp_path: Path, rules: str) -> None:
    """An object for each alert."""
    log = tmp_path / "audit.log"
    log.write_bytes(encode(exec_event()) + b"\n")
    _, out, _ = run("test", f"--rules={rules}", "-o=json", str(log))
    (line,) = out.splitlines()
    assert json.loads(line)["name"] == "Exec"


def test_test_with_the_shipped_rules(tmp_path: Path) -> None:
    """They are used when none are named."""
    log = tmp_path / "audit.log"
    log.write_bytes(encode(exec_event()) + b"\n")
    assert "ExecIntoPod" in run("test", str(log))[1]


def test_condition_errors_are_said(tmp_path: Path) -> None:
    """A rule that could not be evaluated is not silent."""
    rules, log = tmp_path / "rules.yaml", tmp_path / "audit.log"
    rules.write_text(
        HEAD + "rules: [{name: R, severity: low, summary: s, condition: event.a.b == 1}]"
    )
    log.write_bytes(encode(audit_event()) + b"\n")
    _, _, err = run("test", f"--rules={rules}", str(log))
    assert (
        "the condition of R could not be evaluated for 1 event: it cannot be evaluated with these "
        'values: no such member "a"\n'
    ) in err


def test_rules(rules: str) -> None:
    """The shipped file, which is sound as a file of one's own."""
    code, out, _ = run("rules")
    assert code == 0
    Path(rules).write_text(out)
    assert run("check", rules)[0] == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "auditproxy alerts takes check, test or rules"),
        (("list",), 'auditproxy alerts takes check, test or rules, not "list"'),
        (("check",), "auditproxy alerts check needs the file to check"),
        (("test",), "auditproxy alerts test needs a log, - for standard input"),
        (("rules", "x"), "auditproxy alerts rules does not take any arguments"),
        (("test", "x", "--output=xml"), "--output must be one of table, json"),
    ],
)
def test_refused(words: tuple[str, ...], fault: str) -> None:
    """One line says what is missing."""
    assert fault in faults(*words)


@pytest.mark.parametrize("is_packed", [False, True])
def test_reader_that_goes_away(
    tmp_path: Path, rules: str, capfd: pytest.CaptureFixture[str], *, is_packed: bool
) -> None:
    """It is no fault of the log: nothing is said, and the exit code is that of every command."""
    log = tmp_path / "audit.log"
    line = encode(exec_event()) + b"\n"
    log.write_bytes(gzip.compress(line) if is_packed else line)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as broken, contextlib.redirect_stdout(broken):
        assert main(["alerts", "test", f"--rules={rules}", str(log)]) == 1
    assert capfd.readouterr().err == ""


def test_files_that_cannot_be_read(tmp_path: Path, rules: str) -> None:
    """The path and the reason."""
    missing, cut = tmp_path / "missing", tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"x" * 100)[:-8])
    assert faults("test", f"--rules={rules}", str(missing)) == (
        f"{missing} cannot be read: No such file or directory; correct the path",
    )
    assert "ends too early" in faults("test", f"--rules={rules}", str(cut))[0]
