"""What ``auditproxy rbac unused`` found: nothing in it steers a terminal."""

import json
from pathlib import Path

from auditproxy.commands.rbac.command import FLAGS, run_rbac
from auditproxy.flags.pflag import parse
from tests.fakes.policies import Text
from tests.fakes.trails import event, write
from tests.reading.granted import binding, role, rule, user


def test_hostile_names_are_spelled_out(tmp_path: Path) -> None:
    """In manifests and in the log."""
    bad = "\x1b[2J\u202e"
    log = write(tmp_path / "audit.log", [event("list", "pods", user=f"eve{bad}")])
    manifests = tmp_path / "rbac.json"
    items = [
        role(bad, rule(bad, bad, bad, resourceNames=[bad])),
        binding(bad, f"ClusterRole/{bad}", user(bad), user(f"eve{bad}")),
    ]
    manifests.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    shown = []
    for output in ("text", "json"):
        out = Text()
        words = ["unused", f"--manifests={manifests}", str(log), f"--output={output}"]
        assert run_rbac(parse(words, FLAGS), out, Text()) == 0
        shown.append(out.text)
    for text in shown:
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\\x1b[2J\\u202e" in shown[0]
