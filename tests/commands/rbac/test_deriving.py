"""``auditproxy rbac derive``: manifests of what users did, that can be applied as they are."""

import json
from pathlib import Path
from typing import Any

import yaml

from auditproxy.commands.rbac.command import FLAGS, run_rbac
from auditproxy.commands.rbac.deriving import role_name
from auditproxy.flags.pflag import parse
from tests.fakes.policies import Text
from tests.fakes.trails import event, line_of, write

REPORTER = "system:serviceaccount:shop:reporter"
FORBID = {"authorization.k8s.io/decision": "forbid"}


def derived(path: Path, *flags: str) -> tuple[list[dict[str, Any]], str]:
    """The manifests, and their text."""
    out, err = Text(), Text()
    assert run_rbac(parse(["derive", str(path), *flags], FLAGS), out, err) == 0
    return [one for one in yaml.safe_load_all(out.text) if one], out.text


def test_manifests(tmp_path: Path) -> None:
    """A role and a binding for each namespace; what was refused is a comment."""
    path = write(
        tmp_path / "audit.log",
        [
            event("list", "pods", user=REPORTER),
            event("get", "nodes", "n", user=REPORTER, namespace=""),
            event("get", "secrets", "db", user=REPORTER, code=403, annotations=FORBID),
            event(user=REPORTER, objectRef=None, requestURI="/metrics"),
            event(user=REPORTER, objectRef=None, requestURI="/version"),
        ],
    )
    found, text = derived(path)
    assert [one["kind"] for one in found] == [
        "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
    ]  # fmt: skip
    assert found[0]["rules"] == [
        {"apiGroups": [""], "resources": ["nodes"], "resourceNames": ["n"], "verbs": ["get"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    assert found[2]["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    assert found[3]["subjects"] == [
        {"kind": "ServiceAccount", "name": "reporter", "namespace": "shop"}
    ]
    assert found[3]["metadata"]["namespace"] == "shop"
    assert "#   1 request, 2026-11-23: get secrets db -n shop\n" in text
    assert "secrets" not in yaml.safe_dump(found)
    assert "# Left out: 1 right that every authenticated user has (--defaults)\n" in text
    with_defaults, _ = derived(path, "--defaults")
    assert "/version" in yaml.safe_dump(with_defaults)
    out = Text()
    run_rbac(parse([str(path), "--output=json"], FLAGS), out, Text())
    assert json.loads(out.text)["items"] == found


def test_subjects(tmp_path: Path) -> None:
    """People and service accounts, or who is named; a group has what its members did."""
    ops = ["ops", "system:authenticated"]
    path = write(
        tmp_path / "audit.log",
        [
            event("list", "pods", user="alice"),
            event("list", "pods", user="system:kube-scheduler", at="10:00:01"),
            event("list", "nodes", at="10:00:02") | {"user": {"username": "bob", "groups": ops}},
            event("list", "jobs", at="10:00:03") | {"user": {"username": "eve", "groups": ops}},
            event("list", "leases", at="10:00:04")
            | {"user": {"username": "root", "groups": ["system:masters"]}},
        ],
    )

    def names(*flags: str) -> list[str]:
        found, _ = derived(path, *flags)
        return [one["subjects"][0]["name"] for one in found if "subjects" in one]

    assert names() == ["alice", "bob", "eve", "root"]
    assert names("--user=system:*") == ["system:kube-scheduler"]
    assert names("--user=!alice,!root") == ["bob", "eve", "system:kube-scheduler"]
    found, text = derived(path, "--group=ops")
    assert [one["kind"] for one in found] == ["Role", "RoleBinding"]
    assert found[0]["rules"][0]["resources"] == ["jobs", "nodes"]
    assert found[1]["subjects"][0]["kind"] == "Group"
    assert text.startswith("# Group ops\n")
    assert "1 request as a member of system:masters" in derived(path, "--user=root")[1]
    out, err = Text(), Text()
    assert run_rbac(parse([str(path), "--user=nobody"], FLAGS), out, err) == 0
    assert (out.text, err.text) == (
        "", "auditproxy: no request of such a user was allowed or refused\n",
    )  # fmt: skip


def test_who_writes_rights(tmp_path: Path) -> None:
    """More than a log shows is needed for that."""
    group = "rbac.authorization.k8s.io"
    path = write(tmp_path / "audit.log", [event("create", "rolebindings", group=group)])
    assert "escalate and bind" in derived(path)[1]
    found, text = derived(path, "--escalation")
    assert [one["verbs"] for one in found[0]["rules"]] == [["bind"], ["create"]]
    assert "# added bind: whether" in text
    assert "escalate and bind" not in text


def test_namespaces(tmp_path: Path) -> None:
    """Rights in all namespaces are said to be wider than their use."""
    made = [event("list", "pods", namespace=space) for space in ("shop", "work")]
    path = write(tmp_path / "audit.log", made)
    assert [one["kind"] for one in derived(path)[0][::2]] == ["Role", "Role"]
    found, text = derived(path, "--namespaces=1")
    assert [one["kind"] for one in found] == ["ClusterRole", "ClusterRoleBinding"]
    assert "# 2 requests, 2026-11-23\n# in all namespaces: used in 2\n" in text


def test_names_of_roles() -> None:
    """The same every time, and different for different subjects."""
    assert role_name("alice", is_group=False) == "used-by-alice"
    names = {
        role_name(subject, is_group=is_group)
        for subject in ("alice", "Alice", "a/b", "a.b", REPORTER, "x" * 300, "\x1b", "ä")
        for is_group in (False, True)
    }
    assert len(names) == 16
    assert all(len(name) < 63 and name.isascii() for name in names)


def test_hostile_names(tmp_path: Path) -> None:
    """Nothing that a client chose becomes a line of its own, or steers a terminal."""
    bad = "x\nkind: ClusterRole\n---\n\x1b[2J\u202e"
    made = event("get", "secrets", user=bad, code=403, annotations=FORBID, requestURI=f"/{bad}")
    other = event("list", "pods", user=bad, at="10:00:01")
    path = tmp_path / "audit.log"
    path.write_bytes(b"\n".join(line_of(one).replace(b"\x1b", b"\\u001b") for one in (made, other)))
    found, text = derived(path)
    assert [one["kind"] for one in found] == ["Role", "RoleBinding"]
    assert found[1]["subjects"][0]["name"] == bad
    assert not set(text) & set("\x1b\u202e")
