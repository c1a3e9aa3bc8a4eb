"""--check-config finds what serve refuses and what would make every request fail, all at once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app import operatorlog
from auditproxy.app.proxy import build, check
from auditproxy.files.files import read_files
from auditproxy.options import Options
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, EventCollector, write_files


def flags(folder: Path, **user: Any) -> dict[str, Any]:
    """A sound configuration; ``user`` replaces the kubeconfig's."""

    def change(kubeconfig: dict[str, Any]) -> None:
        if user:
            kubeconfig["users"][0]["user"] = user

    written = write_files(6443, folder, policy=EVERYTHING, tokens=TOKENS, change=change)
    return {**written, "cert_dir": str(folder / "certs"), "audit_log_path": str(folder / "a.log")}


def faults(chosen: Options, *, strict: bool = False) -> tuple[str, ...]:
    """What a check finds."""
    with pytest.raises(Unusable) as caught:
        check(chosen, strict=strict)
    return caught.value.faults


def test_sound(tmp_path: Path) -> None:
    """C3: nothing is found, and nothing is made."""
    before = set(tmp_path.iterdir())
    check(options(**flags(tmp_path)), strict=True)
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {
        "policy.yaml", "tokens.csv", "kubeconfig",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ({"tokenFile": "absent"}, "cannot read the token file"),
        ({"tokenFile": "empty"}, "empty token"),
        ({"tokenFile": "."}, "Is a directory"),
        ({"client-certificate": "absent.crt", "client-key": "absent.key"}, "absent.crt"),
        ({"client-certificate": "empty"}, "client-certificate empty is empty"),
        (
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "absent"}},
            "absent",
        ),
    ],
)
def test_credentials_that_are_not_there(user: dict[str, Any], text: str, tmp_path: Path) -> None:
    """C3: the upstream's kubeconfig, and likewise those of both webhooks."""
    (tmp_path / "empty").write_text("")
    sound = flags(tmp_path)
    (fault,) = faults(options(**flags(tmp_path, **user)))
    assert text in fault
    (tmp_path / "kubeconfig").rename(tmp_path / "webhook")
    flags(tmp_path)
    for flag in ("audit_webhook_config_file", "authentication_token_webhook_config_file"):
        (fault,) = faults(options(**sound, **{flag: str(tmp_path / "webhook")}))
        assert text in fault
        assert f"--{flag.replace('_', '-')}" in fault


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"audit_log_path": "/etc"}, "--audit-log-path /etc cannot be written: is a directory"),
        ({"audit_log_path": "FOLDER/policy.yaml/a.log"}, "--audit-log-path"),
        ({"cert_dir": "FOLDER/policy.yaml"}, "--cert-dir"),
        ({"cert_dir": "/proc/certs"}, "--cert-dir /proc/certs cannot be written"),
        ({"cert_dir": "FOLDER/half"}, "without the matching file"),
    ],
)
def test_where_we_write(change: dict[str, str], flag: str, tmp_path: Path) -> None:
    """C3, C4: the audit log and the folder of our certificate, without making either."""
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "auditproxy.key").write_text("x")
    changed = {name: value.replace("FOLDER", str(tmp_path)) for name, value in change.items()}
    (fault,) = faults(options(**{**flags(tmp_path), **changed}))
    assert flag in fault


def test_policies_with_unknown_fields(tmp_path: Path) -> None:
    """C3: serve warns, as kube-apiserver does; the check does not pass."""
    chosen = options(**flags(tmp_path))
    (tmp_path / "policy.yaml").write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
        "rules:\n- {level: None, verbs: [watch]}\n- {level: Request, verbz: [get]}\n"
    )
    assert len(check(chosen).warnings) == 1
    (fault,) = faults(chosen, strict=True)
    assert f"--audit-policy-file {tmp_path}/policy.yaml" in fault
    assert 'unknown field "rules[1].verbz" (did you mean verbs?)' in fault


def test_a_kubeconfig_with_a_client_certificate(tmp_path: Path) -> None:
    """C1: told at the start with the flag and the remedy; no fault, clients may have tokens."""
    for name, content in (("c.crt", CERTIFICATE), ("c.key", KEY)):
        (tmp_path / name).write_bytes(content)
    sound = flags(tmp_path, **{"client-certificate": "c.crt", "client-key": "c.key"})
    (warning,) = check(options(**sound), strict=True).warnings
    assert "without --client-ca-file clients with a certificate are anonymous" in warning
    assert f"kubeconfig {tmp_path}/kubeconfig" in warning
    (tmp_path / "ca.crt").write_bytes(CERTIFICATE)
    for change in (
        {"client_ca_file": str(tmp_path / "ca.crt")},
        {"upstream_identity": "passthrough"},
    ):
        assert read_files(options(**sound, **change)).warnings == ()


async def test_what_serve_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C1: serve says both lines itself: who is recognised, and what a certificate needs."""
    for name, content in (("c.crt", CERTIFICATE), ("c.key", KEY)):
        (tmp_path / name).write_bytes(content)
    chosen = options(**flags(tmp_path, **{"client-certificate": "c.crt", "client-key": "c.key"}))
    operatorlog.configure(verbosity=0, json_lines=True)
    proxy = await build(chosen, sink=EventCollector(), listener_tls=False)
    await proxy.close()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (warning,) = [line["event"] for line in lines if line["level"] == "warning"]
    assert "without --client-ca-file clients with a certificate are anonymous" in warning
    told = [line["event"] for line in lines if line["level"] == "info"]
    assert any(line.startswith("clients are recognised by static tokens") for line in told)


def test_as_a_process(tmp_path: Path) -> None:
    """C3: every fault is a line, the code is 2, no port is opened and nothing is made."""
    flags(tmp_path, tokenFile="absent")
    (tmp_path / "policy.yaml").write_text(EVERYTHING.replace("level", "verbz: [get], level"))
    arguments = [
        f"--kubeconfig={tmp_path}/kubeconfig",
        f"--audit-policy-file={tmp_path}/policy.yaml",
        "--audit-log-path=/etc",
        "--cert-dir=/proc/certs",
    ]
    for more, misspelt in ((["--check-config"], 1), ([], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "auditproxy", "serve", *arguments, *more],
            capture_output=True,
            text=True,
            timeout=50,
            cwd=tmp_path,
        )
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        assert all(line.startswith("auditproxy: error: ") for line in lines)
        for flag in ("tokenFile", "--audit-log-path /etc", "--cert-dir"):
            assert sum(flag in line for line in lines) == 1, (flag, lines)
        # What serve only warns of is found beside the other faults, not after they are mended.
        assert sum("rules[0].verbz" in line for line in lines) == misspelt, lines
    assert json.loads((tmp_path / "kubeconfig").read_text())
