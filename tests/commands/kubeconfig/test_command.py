"""``auditproxy kubeconfig``: its examples are command lines of its own."""

import shlex

import pytest

from auditproxy.commands.kubeconfig.command import EXAMPLES, FLAGS
from auditproxy.flags.pflag import parse


@pytest.mark.parametrize(("comment", "line"), EXAMPLES)
def test_examples(comment: str, line: str) -> None:
    """Each can be parsed without a fault, and says what it is for."""
    words = shlex.split(line.partition(" > ")[0])
    assert words[:2] == ["auditproxy", "kubeconfig"]
    assert parse(words[2:], FLAGS).faults == ()
    assert comment.endswith(".")
