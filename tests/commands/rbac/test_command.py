"""``auditproxy rbac``: its arguments, and what is wrong with them."""

from pathlib import Path

import pytest

from auditproxy import cli
from auditproxy.apis.faults import Unusable
from auditproxy.commands.rbac.command import FLAGS, run_rbac
from auditproxy.flags.pflag import parse
from tests.fakes.policies import Text
from tests.fakes.trails import event, write


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "auditproxy rbac derive needs a log"),
        (("derive",), "auditproxy rbac derive needs a log"),
        (("x", "--output=text"), "--output must be one of yaml, json"),
        (("x", "--resource-names=-1"), "--resource-names must be from 0 to 100"),
        (("x", "--namespaces=1001"), "--namespaces must be from 0 to 1000"),
        (("x", "--since=soon"), '--since "soon" is not a time'),
        (("unused", "x"), "--manifests must name the files with the cluster's RBAC"),
        (("unused", "--manifests=y"), "auditproxy rbac unused needs a log"),
        (("unused", "x", "--output=yaml"), "--output must be one of text, json"),
        (("x", "--manifests=y"), "--manifests is a flag of auditproxy rbac unused"),
        (("unused", "x", "--manifests=/nowhere/y"), "/nowhere/y: No such file"),
        (("/nowhere/x",), "/nowhere/x does not exist"),
    ],
)
def test_faults(words: tuple[str, ...], said: str) -> None:
    """One line each, which says what to do."""
    with pytest.raises(Unusable) as caught:
        run_rbac(parse(words, FLAGS), Text(), Text())
    assert said in str(caught.value)


def test_the_command_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It has its place in the command line and its help; derive is what is meant without a word."""
    path = str(write(tmp_path / "audit.log", [event("list", "pods")]))
    assert cli.main(["rbac", path]) == 0
    shown = capsys.readouterr().out
    assert "kind: RoleBinding" in shown
    assert cli.main(["rbac", "derive", path]) == 0
    assert capsys.readouterr().out == shown
    assert cli.main(["rbac", "--help"]) == 0
    assert "--group=developers" in capsys.readouterr().out
