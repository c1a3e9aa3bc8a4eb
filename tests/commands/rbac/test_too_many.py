"""More rights than are kept: it is said, and nothing is called unused because of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.commands.rbac.command import FLAGS
from auditproxy.commands.rbac.deriving import run_derive
from auditproxy.commands.rbac.finding import run_unused
from auditproxy.reading.reports.blockpass import PassTask
from tests.fakes.policies import Text
from tests.fakes.trails import event, write
from tests.reading.granted import binding, role, rule, user

MOST = 4


def printed(run: Any, folder: Path, log: Path, output: str, **flags: Any) -> tuple[int, str, str]:
    """The exit code, the output and what is said, with a limit of MOST rights."""
    out, err = Text(), Text()
    settings = {flag.name: flag.default for flag in FLAGS} | flags
    code = run(
        PassTask("rbac", most_groups=MOST), [str(log)], str(folder), settings, output, out, err
    )
    return code, out.text, err.text


def noise(count: int, who: str = "bob") -> list[dict[str, Any]]:
    """Requests of one user for objects with names of their own, before those of alice."""
    return [event(resource="secrets", name=f"s{n}", user=who) for n in range(count)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Rights of bob, more than are kept, and then two of alice."""
    alice = [event("list", "pods", at="10:00:05"), event("list", "jobs", group="batch")]
    return write(tmp_path / "audit.log", [*noise(MOST + 3), *alice])


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """What alice and bob have."""
    items = [
        role("r", rule("list,get", "-", "pods"), rule("list", "batch", "jobs")),
        binding("alice", "ClusterRole/r", user("alice")),
        role("s", rule("get,list", "-", "secrets")),
        binding("bob", "ClusterRole/s", user("bob")),
    ]
    path = tmp_path / "rbac.json"
    path.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    return path


def test_derive(tmp_path: Path, log: Path) -> None:
    """The output, the warning and the exit code say so; a user alone has room, as the warning says."""
    code, shown, said = printed(run_derive, tmp_path, log, "yaml")
    assert code == 1
    assert shown.startswith("# Incomplete: 5 uses of rights left out, because there are too many\n")
    assert said.count("\n") == 1
    assert "give --user, or a shorter period" in said
    assert printed(run_derive, tmp_path, log, "json")[::2] == (1, said)
    code, shown, said = printed(run_derive, tmp_path, log, "yaml", user=("alice",))
    assert (code, said) == (0, "")
    assert "# User alice\n---" in shown
    assert shown.count("- list\n") == 2


def test_what_no_role_is_made_of_takes_no_place(tmp_path: Path) -> None:
    """Names that controllers make, and users of whom no roles are wanted."""
    pods = [event(name=f"web-{n}", resource="pods") for n in range(MOST + 3)]
    kubelet = noise(MOST + 3, "system:node:n1")
    log = write(tmp_path / "audit.log", [*kubelet, *pods])
    code, shown, said = printed(run_derive, tmp_path, log, "yaml")
    assert (code, said) == (0, "")
    assert f"# {MOST + 3} requests" in shown


def test_unused(tmp_path: Path, log: Path, manifests: Path) -> None:
    """A rule without a use is unknown, and no narrower rule is given."""
    flags = {"manifests": (str(manifests),)}
    code, shown, said = printed(run_unused, tmp_path, log, "text", **flags)
    assert code == 1
    assert "what has no use is called unknown; give --user" in said
    assert "Incomplete: 5 uses of rights left out: there are too many" in shown
    assert "unused  " not in shown
    assert "partly used  get,list secrets" in shown
    assert "narrower: " not in shown
    assert "Never seen in what was compared, neither allowed nor refused:\n  User alice" in shown
    found = json.loads(printed(run_unused, tmp_path, log, "json", **flags)[1])
    assert found["leftOut"] == 5
    states = {one["subject"]["name"]: one["rules"] for one in found["grants"]}
    assert [rule["state"] for rule in states["alice"]] == ["unknown", "unknown"]
    assert [rule.get("narrower") for rule in states["bob"]] == [[]]


def test_unused_of_one_user(tmp_path: Path, log: Path, manifests: Path) -> None:
    """What others did takes no place."""
    flags = {"manifests": (str(manifests),), "user": ("alice",)}
    code, shown, said = printed(run_unused, tmp_path, log, "text", **flags)
    assert (code, said) == (0, "")
    assert "partly used  list,get pods" in shown
    assert "narrower: list pods" in shown
