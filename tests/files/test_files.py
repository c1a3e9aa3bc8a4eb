"""Files: every fault of every file at once, and each default said."""

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.files import SOURCES, Files, read_files
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.proxy import POLICY

ROOT = Authority("root")


def faults(**flags: Any) -> tuple[str, ...]:
    """What is wrong with the files."""
    with pytest.raises(Unusable) as caught:
        read_files(options(**flags))
    return caught.value.faults


def test_sound(tmp_path: Path) -> None:
    """Without files but the kubeconfig there are notes of what is assumed."""
    files = read_files(options(kubeconfig=kubeconfig_file(tmp_path)))
    assert any("the built-in policy" in note for note in files.notes)
    assert any("context 'c'" in note for note in files.notes)
    assert files.token_file is None


def test_all_faults_at_once(tmp_path: Path) -> None:
    """Each bad file is one line with its flag."""
    (tmp_path / "policy.yaml").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\n")
    (tmp_path / "tokens.csv").write_text("only,two\n")
    (tmp_path / "ca.crt").write_text("nothing")
    found = faults(
        kubeconfig=str(tmp_path / "missing"),
        audit_policy_file=str(tmp_path / "policy.yaml"),
        token_auth_file=str(tmp_path / "tokens.csv"),
        client_ca_file=str(tmp_path / "ca.crt"),
    )
    assert len(found) == 4
    text = "\n".join(found)
    assert "loaded illegal policy with 0 rules" in text
    assert "at least 3 columns" in text
    assert "--client-ca-file" in text
    assert str(tmp_path / "missing") in text


@pytest.mark.parametrize(
    ("flag", "start"),
    [
        ("audit_policy_file", "--audit-policy-file"),
        ("token_auth_file", "--token-auth-file"),
        ("client_ca_file", "--client-ca-file"),
    ],
)
def test_unreadable(tmp_path: Path, flag: str, start: str) -> None:
    """A file that is not there is one line and no more."""
    flags = {flag: str(tmp_path / "missing")}
    found = faults(kubeconfig=kubeconfig_file(tmp_path), **flags)
    assert len(found) == 1
    assert found[0].startswith(start)
    assert "no such file" in found[0].lower()


def test_overlapping_authorities(tmp_path: Path) -> None:
    """kube-apiserver's fault: clients could set the headers of a front proxy."""
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    (tmp_path / "front.crt").write_bytes(Authority("front").pem + ROOT.pem)
    flags: dict[str, Any] = {
        "kubeconfig": kubeconfig_file(tmp_path),
        "client_ca_file": str(tmp_path / "ca.crt"),
        "requestheader_client_ca_file": str(tmp_path / "front.crt"),
        "requestheader_username_headers": ("X-Remote-User",),
    }
    (fault,) = faults(**flags)
    assert "contain overlapping certificates; --requestheader-allowed-names must be" in fault
    read = read_files(options(**flags, requestheader_allowed_names=("front-proxy",)))
    assert read.front_proxy_authorities is not None


def test_passthrough_notes(tmp_path: Path) -> None:
    """What passthrough cannot do is said at start, by each file that it concerns."""
    (tmp_path / "tokens.csv").write_text("t,u,1\n")
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    (tmp_path / "front.crt").write_bytes(Authority("front").pem)
    flags = {
        "token_auth_file": str(tmp_path / "tokens.csv"),
        "client_ca_file": str(tmp_path / "ca.crt"),
        "requestheader_client_ca_file": str(tmp_path / "front.crt"),
        "requestheader_username_headers": ("X-Remote-User",),
        "token_webhook_config_file": kubeconfig_file(tmp_path),
    }
    for identity, count in (("passthrough", 4), ("impersonate", 0)):
        files = read_files(
            options(kubeconfig=kubeconfig_file(tmp_path), upstream_identity=identity, **flags)
        )
        assert sum("--upstream-identity=passthrough" in note for note in files.notes) == count


def test_strict(tmp_path: Path) -> None:
    """C3: strictly read, what is only warned of is a fault, beside those of other files."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("level", "bogus: 1, level"))
    flags = {"audit_policy_file": str(tmp_path / "policy.yaml")}
    (warning,) = read_files(options(kubeconfig=kubeconfig_file(tmp_path), **flags)).warnings
    assert warning.endswith("; falling back to lenient decoding")
    for missing in ((), ("missing",)):
        given = options(
            kubeconfig=str(tmp_path / "missing") if missing else kubeconfig_file(tmp_path), **flags
        )
        with pytest.raises(Unusable) as caught:
            read_files(given, strict=True)
        *others, misspelt = caught.value.faults
        assert misspelt == warning.removesuffix("; falling back to lenient decoding")
        assert len(others) == len(missing)


def test_each_row_has_its_field() -> None:
    """Files has a field for every row and no other; no flag has two rows."""
    values = {field.name for field in dataclasses.fields(Files)} - {"notes", "warnings"}
    assert {source.field for source in SOURCES} == values
    assert len({source.flag for source in SOURCES}) == len(SOURCES)


def test_each_file_is_read_once(tmp_path: Path) -> None:
    """A pipe gives its content once: whoever reads a second time would wait for ever."""
    flags = {
        "audit_policy_file": POLICY.encode(),
        "token_auth_file": b"t,u,1\n",
        "client_ca_file": ROOT.pem,
        "audit_redact_key_file": b"0123456789abcdef",
    }
    writers = []
    for flag, content in flags.items():
        os.mkfifo(tmp_path / flag)
        writers.append(threading.Thread(target=(tmp_path / flag).write_bytes, args=(content,)))
        writers[-1].start()
    files = read_files(
        options(
            kubeconfig=kubeconfig_file(tmp_path), **{flag: str(tmp_path / flag) for flag in flags}
        )
    )
    for writer in writers:
        writer.join(10)
    assert files.token_file is not None
    assert files.redactor is not None
    assert files.redactor.key == flags["audit_redact_key_file"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 1_000 + "1" + "}" * 1_000,
        '{"a": ' + "[" * 1_000 + "]" * 1_000 + "}",
        "a: " + "[" * 1_000 + "]" * 1_000,
        "- " * 1_000 + "a",
    ],
    ids=["json-objects", "json-lists", "yaml-flow", "yaml-block"],
)
def test_nested_too_deeply(tmp_path: Path, text: str) -> None:
    """Each file is refused in a line that names it, at start and when it is read again."""
    path = tmp_path / "deep"
    path.write_text(text)
    for field in (
        "kubeconfig",
        "audit_policy_file",
        "authentication_config",
        "audit_redact",
        "token_auth_file",
        "service_account_key_file",
        "audit_webhook_config_file",
        "token_webhook_config_file",
        "client_ca_file",
    ):
        given = (str(path),) if field == "service_account_key_file" else str(path)
        sound = {"kubeconfig": kubeconfig_file(tmp_path)}
        found = faults(**{**sound, field: given})
        assert len(found) == 1, (field, found)
        assert str(path) in found[0]
        assert len(found[0]) < 400
        assert "Error" not in found[0]
