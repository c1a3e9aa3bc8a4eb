"""The flags of ``auditproxy view``: every fault at once, before anything is read."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view.command import FLAGS, VIEW, run_view
from auditproxy.flags.pflag import parse


def faults(*words: str) -> tuple[str, ...]:
    """What is wrong with a command line."""
    with pytest.raises(Unusable) as caught:
        run_view(parse(words, FLAGS))
    return caught.value.faults


def test_without_a_log() -> None:
    """It says what one is called."""
    (fault,) = faults()
    assert fault.startswith("auditproxy view needs a log: ")


def test_all_at_once(tmp_path: Path) -> None:
    """Flags with values that cannot be used, and those that belong to others."""
    found = faults(
        "--port=70000", f"--recordings={tmp_path}/none", "--no-browser=maybe", "audit.log"
    )
    assert [fault.split()[0].strip('"') for fault in found][-2:] == ["--port", "--recordings"]
    assert len(found) == 3
    assert faults("--identity=key", "audit.log")[-1].startswith("--identity is for --recordings")


def test_a_log_that_is_not_there() -> None:
    """As for every command that reads logs."""
    (fault,) = faults("/no/such/log")
    assert fault == "/no/such/log does not exist; name a log, a folder of logs, or -"


def test_it_is_documented() -> None:
    """Examples name the command."""
    assert all("auditproxy view" in line for _, line in VIEW.examples)
