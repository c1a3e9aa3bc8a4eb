"""Policies and redaction of one backend alone, read from files."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.audit import Level
from auditproxy.apis.faults import Unusable
from auditproxy.files.backendpolicies import BACKEND_POLICIES
from auditproxy.files.files import Files, read_files
from auditproxy.options.receivergroups import ReceiverGroups
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.policies import HEAD

POLICY = HEAD + "rules: [{level: Request}]"
REDACTION = "apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\n"


def read(folder: Path, **flags: Any) -> Files:
    """What the files of a proxy with a log say."""
    return read_files(options(kubeconfig=kubeconfig_file(folder), **flags))


def test_every_backend_has_its_rows() -> None:
    """A backend's flags have rows, and the rows have fields of Files."""
    groups = [group.name for group in dataclasses.fields(ReceiverGroups)]
    fields = {field.name for field in dataclasses.fields(Files)}
    assert [row.field for row in BACKEND_POLICIES] == [
        f"{group}_{what}" for group in groups for what in ("policy", "redactor")
    ]
    assert {row.field for row in BACKEND_POLICIES} <= fields


def test_nothing(tmp_path: Path) -> None:
    """Without flags nothing is read, and nothing is watched."""
    files = read(tmp_path)
    for row in BACKEND_POLICIES:
        assert getattr(files, row.field) is None
        assert row.paths is not None
        assert row.paths(options(), None) == ()


def test_files(tmp_path: Path) -> None:
    """Each is read, with the key of all redaction, and watched."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "redaction.yaml").write_text(REDACTION + "queryParameters: [password]\n")
    (tmp_path / "key").write_bytes(b"k" * 32)
    flags = {
        "audit_log_policy_file": str(tmp_path / "policy.yaml"),
        "audit_log_redact": str(tmp_path / "redaction.yaml"),
        "audit_redact_key_file": str(tmp_path / "key"),
    }
    files = read(tmp_path, **flags)
    assert files.audit_log_policy is not None
    assert files.audit_log_policy.rules[0].level is Level.REQUEST
    assert files.audit_log_redactor is not None
    assert files.audit_log_redactor.key == b"k" * 32
    assert "password" in files.audit_log_redactor.query_parameters
    policy, redaction, *_ = BACKEND_POLICIES
    assert policy.paths is not None
    assert redaction.paths is not None
    assert policy.paths(options(**flags), files.audit_log_policy) == (
        flags["audit_log_policy_file"],
    )
    assert redaction.paths(options(**flags), files.audit_log_redactor) == (
        flags["audit_log_redact"],
        flags["audit_redact_key_file"],
    )


def test_key_at_random(tmp_path: Path) -> None:
    """A key made at random lasts through a reload."""
    (tmp_path / "redaction.yaml").write_text(REDACTION)
    flags = {"audit_log_redact": str(tmp_path / "redaction.yaml")}
    first = read(tmp_path, **flags).audit_log_redactor
    again = BACKEND_POLICIES[1].again
    assert again is not None
    assert first is not None
    from auditproxy.files.trustedfile import Remarks

    assert again(options(**flags), Remarks(), first).key == first.key
    assert read(tmp_path, **flags).audit_log_redactor != first


def test_faults(tmp_path: Path) -> None:
    """Each fault names the flag of its backend, beside those of other files."""
    (tmp_path / "policy.yaml").write_text(HEAD + "rules: [{level: Often}]")
    (tmp_path / "webhook.yaml").write_text("nothing")
    with pytest.raises(Unusable) as caught:
        read(
            tmp_path,
            audit_policy_file=str(tmp_path / "missing"),
            token_auth_file=str(tmp_path / "missing"),
            audit_log_path="-",
            audit_log_policy_file=str(tmp_path / "policy.yaml"),
            audit_log_redact=str(tmp_path / "none.yaml"),
            audit_webhook_config_file=str(tmp_path / "webhook.yaml"),
            audit_webhook_policy_file=str(tmp_path / "missing"),
        )
    found = caught.value.faults
    for flag in (
        "--audit-policy-file ",
        f"--audit-log-policy-file {tmp_path}/policy.yaml: ",
        f"--audit-log-redact {tmp_path}/none.yaml cannot be read",
        f"--audit-webhook-policy-file {tmp_path}/missing cannot be read",
        "--token-auth-file",
    ):
        assert any(fault.startswith(flag) for fault in found), (flag, found)


def test_notes(tmp_path: Path) -> None:
    """What has no effect is said, and what is not redacted; advice names its flag."""
    (tmp_path / "policy.yaml").write_text(
        HEAD + "omitStages: [RequestReceived]\nrules: [{level: Request}]"
    )
    files = read(
        tmp_path,
        audit_log_mode="blocking-strict",
        audit_log_policy_file=str(tmp_path / "policy.yaml"),
        audit_log_redact="none",
        audit_webhook_policy_file="missing",
    )
    assert files.audit_webhook_policy is None
    assert files.audit_log_redactor is None
    assert (
        "--audit-webhook-policy-file missing has no effect: no webhook backend is configured"
        in files.warnings
    )
    text = "\n".join(files.notes)
    assert "--audit-log-redact=none: the log backend gets secrets and tokens" in text
    assert "--audit-log-policy-file: the policy omits RequestReceived, but the mode" in text
