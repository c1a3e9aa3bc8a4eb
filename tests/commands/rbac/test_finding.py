"""``auditproxy rbac unused``: its manifests, its output, and what is wrong with them."""

import json
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.rbac.command import FLAGS, run_rbac
from auditproxy.commands.rbac.finding import read_manifests
from auditproxy.flags.pflag import parse
from tests.fakes.policies import Text
from tests.fakes.trails import event, write
from tests.reading.granted import binding, role, rule, user, write_granted
from tests.reading.week import write_week

FORBID = {"authorization.k8s.io/decision": "forbid"}


def found(log: Path, manifests: Path, *flags: str) -> str:
    """What is printed."""
    out, err = Text(), Text()
    words = ["unused", f"--manifests={manifests}", str(log), *flags]
    assert run_rbac(parse(words, FLAGS), out, err) == 0
    assert err.text == ""
    return out.text


def test_json(tmp_path: Path) -> None:
    """Every grant with its rules, and who was allowed without one."""
    log, granted = write_week(tmp_path / "audit.log"), write_granted(tmp_path / "rbac.yaml")
    shown = json.loads(found(log, granted, "--output=json"))
    grants = {(one["binding"], one["subject"]["name"]): one for one in shown["grants"]}
    alice = grants["RoleBinding shop/alice", "alice"]
    assert alice["seen"]
    assert [one["state"] for one in alice["rules"]] == ["partly used", "used", "unused"]
    assert alice["rules"][0]["narrower"] == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "patch"]}
    ]
    assert not grants["ClusterRoleBinding old", "mallory"]["seen"]
    assert grants["ClusterRoleBinding alice-binds", "alice"]["rules"][0]["state"] == "unknown"
    without = {one["user"]: one for one in shown["withoutGrant"]}
    assert without["system:kube-scheduler"]["requests"] == 60
    assert "alice" not in without
    assert (shown["from"][:10], shown["to"][:10]) == ("2026-11-23", "2026-11-27")


def test_filters(tmp_path: Path) -> None:
    """A user, with the user's groups; a group; a time."""
    log, granted = write_week(tmp_path / "audit.log"), write_granted(tmp_path / "rbac.yaml")

    def subjects(*flags: str) -> list[str]:
        grants = json.loads(found(log, granted, "-o=json", *flags))["grants"]
        return sorted({one["subject"]["name"] for one in grants})

    assert subjects("--user=alice") == ["alice", "system:authenticated"]
    assert subjects("--user=mallory") == ["mallory"]
    assert subjects("--group=system:authenticated") == ["system:authenticated"]
    assert "exec (1 request" not in found(log, granted, "--user=alice", "--since=2026-11-25")
    assert "No request of such a user" in found(log, granted, "--user=mallory")


def test_what_was_refused_is_no_use(tmp_path: Path) -> None:
    """It shows that the user is there."""
    refused = event("list", "pods", user="alice", code=403, annotations=FORBID)
    log = write(tmp_path / "audit.log", [refused])
    manifests = tmp_path / "rbac.json"
    items = [role("r", rule("list", "-", "pods")), binding("b", "ClusterRole/r", user("alice"))]
    manifests.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    shown = json.loads(found(log, manifests, "-o=json"))
    assert [(one["seen"], one["rules"][0]["state"]) for one in shown["grants"]] == [
        (True, "unused")
    ]
    assert shown["withoutGrant"] == []


def test_documents_files_and_folders(tmp_path: Path) -> None:
    """Several documents, typed lists, other objects, nulls and an object of its own."""
    folder = tmp_path / "rbac"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n"
        "rules:\n- verbs: [get]\n  apiGroups: ['']\n  resources: [pods]\n  resourceNames: null\n"
        "---\n# nothing\n--- \n"
        "kind: ClusterRoleBindingList\napiVersion: rbac.authorization.k8s.io/v1\nitems:\n"
        "- metadata: {name: b}\n  roleRef: {kind: ClusterRole, name: r}\n"
        "  subjects: [{kind: User, name: alice}]\n"
    )
    (folder / "b.json").write_text('{"apiVersion": "v1", "kind": "Pod"}')
    (folder / "notes.txt").write_text("nothing")
    manifests = read_manifests([str(folder), str(folder / "a.yaml")])
    assert (manifests.counts, manifests.others) == ((1, 1), 1)
    (grant,) = manifests.grants()
    assert (grant.subject, grant.rules[0].resources) == ("alice", ("pods",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "a document is not an object of Kubernetes"),
        ("a: b\n", "an object has no kind"),
        ("kind: List\nitems: 1\n", "the items of a List are not a list of objects"),
        ("a: [", "yaml"),
        ("\xff\xfe", "it is not YAML or JSON"),
        (
            "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nrules: [{verbs: 1}]\n",
            "a Role cannot be read",
        ),
        ('{"kind": "List", "items": ' + "[" * 100_000, "--manifests"),
    ],
)
def test_faults_of_manifests(text: str, said: str, tmp_path: Path) -> None:
    """One line that names the file."""
    path = tmp_path / "rbac.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Unusable) as caught:
        read_manifests([str(path), "/nowhere/x"])
    first, second = caught.value.faults
    assert str(path) in first
    assert said in first
    assert "\n" not in first
    assert second == "--manifests: /nowhere/x: No such file or directory"
