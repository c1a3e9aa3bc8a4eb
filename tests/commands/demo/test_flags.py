"""commands/demo/flags.py: what help shows of the demo."""

import shlex

import pytest

from auditproxy.commands.demo.flags import EXAMPLES, FLAGS
from auditproxy.flags.pflag import parse


@pytest.mark.parametrize("line", [line for _, line in EXAMPLES])
def test_examples_can_be_parsed(line: str) -> None:
    """Each is a command line of the demo, without a fault."""
    words = shlex.split(line.partition("|")[0])
    assert words[:2] == ["auditproxy", "demo"]
    parsed = parse(words[2:], FLAGS)
    assert parsed.faults == ()
    assert parsed.arguments == ()
