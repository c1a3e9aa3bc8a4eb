"""auditproxy policy explain: as text and as JSON."""

import json
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from tests.fakes.policies import policy_text, resources, run

EXEC = "--path=/api/v1/namespaces/shop/pods/web/exec"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """Three rules."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(
        policy_text(
            "level: None, nonResourceURLs: ['/healthz*']",
            "users: [eve], omitStages: [RequestReceived]",
            resources("pods/*") + ", level: Request",
        )
    )
    return str(path)


def test_text(policy: str) -> None:
    """The request, what it is, the rule, and those before it."""
    code, out, err = run("explain", policy, "--as=bob", "--as-group=dev", "--verb=create", EXEC)
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
request   POST /api/v1/namespaces/shop/pods/web/exec
means     verb create, resource pods/exec, group "", namespace shop, name web
user      bob, in dev, system:authenticated
kubectl   kubectl exec web -n shop -- COMMAND (before 1.31)
          kubectl cp
level     Request, rules[2] ({policy}:6)
events    RequestReceived, ResponseStarted, ResponseComplete

rules[0]  nonResourceURLs: the request is for a resource
rules[1]  users: the user is "bob", not "eve"
rules[2]  matches
"""
    )


def test_names_are_resolved(tmp_path: Path) -> None:
    """A short name is decided about as kubectl asks for it, and the output says so."""
    path = tmp_path / "apps.yaml"
    rule = "level: None, resources: [{group: apps, resources: [deployments]}]"
    path.write_bytes(policy_text(rule, ""))
    words = ("explain", str(path), "--verb=list", "--resource=deploy", "-n", "shop")
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert 'resource  "deploy" means deployments of the group apps\n' in out
    assert "kubectl   kubectl get deployments.apps -n shop\n" in out
    assert "level     None, rules[0]" in out
    assert json.loads(run(*words, "-o", "json")[1])["askedResource"] == "deploy"
    _, out, _ = run("explain", str(path), "--verb=list", "--resource=Secret")
    assert 'resource  "Secret" means secrets of the core group\n' in out


def test_not_recorded(policy: str) -> None:
    """By a rule, or by none; a failed authentication has no user."""
    _, out, _ = run("explain", policy, "--path=/healthz")
    assert "level     None, rules[0]" in out
    assert "events" not in out
    _, out, _ = run("explain", policy, "--path=/version", "--unauthenticated")
    assert "user      none: its authentication failed\n" in out
    assert "level     None, no rule matches\n" in out
    assert out.endswith("no rule matches, so nothing is recorded\n")


def test_no_event_is_left(policy: str) -> None:
    """All stages that a request has may be omitted."""
    path = Path(policy)
    path.write_bytes(policy_text("", head="omitStages: [RequestReceived, ResponseComplete]\n"))
    _, out, _ = run("explain", policy, "--path=/version")
    assert "events    none: all that the request has are omitted\n" in out


def test_json(policy: str) -> None:
    """One object."""
    _, out, _ = run("explain", policy, "--as=eve", EXEC, "-o", "json")
    assert json.loads(out) == {
        "method": "GET",
        "requestURI": "/api/v1/namespaces/shop/pods/web/exec",
        "verb": "get",
        "user": {"username": "eve", "groups": ["system:authenticated"]},
        "objectRef": {
            "resource": "pods",
            "subresource": "exec",
            "namespace": "shop",
            "name": "web",
        },
        "rule": 1,
        "file": policy,
        "line": 5,
        "level": "Metadata",
        "stages": ["ResponseStarted", "ResponseComplete"],
        "omitManagedFields": False,
        "steps": [
            {
                "rule": 0,
                "matches": False,
                "selector": "nonResourceURLs",
                "reason": "the request is for a resource",
            },
            {"rule": 1, "matches": True},
        ],
        "kubectl": ["kubectl exec web -n shop -- COMMAND (since 1.31)", "kubectl cp"],
    }
    _, out, _ = run("explain", policy, "--path=/version", "--unauthenticated", "-o", "json")
    assert not {"line", "objectRef"} & set(json.loads(out))
    assert json.loads(out)["user"] is None


def test_terminal_sequences(policy: str) -> None:
    """Text of flags is shown, not obeyed."""
    _, out, _ = run("explain", policy, "--path=/version", "--as=\x1b[31mred")
    assert "\x1b" not in out


def test_refused(tmp_path: Path) -> None:
    """A policy that kube-apiserver refuses."""
    path = tmp_path / "p"
    path.write_bytes(policy_text("level: All"))
    with pytest.raises(Unusable, match=r"rules\[0\]\.level"):
        run("explain", str(path), "--path=/x")
