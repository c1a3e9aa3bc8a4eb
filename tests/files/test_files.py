"""Files: every fault of every file at once, and each default said."""

from pathlib import Path
from typing import Any

import pytest

from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.files.files import FilesError, default_kubeconfig, read_files
from tests.fakes.authority import Authority
from tests.fakes.kubeconfigs import kubeconfig_file
from tests.fakes.options import options
from tests.fakes.proxy import POLICY
from tests.fakes.tokens import ec_key, public, public_pem, rsa_key
from tests.fakes.wire import envelope, number_field

ROOT = Authority("root")


def faults(**flags: Any) -> tuple[str, ...]:
    """What is wrong with the files."""
    with pytest.raises(FilesError) as caught:
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
        ("audit_policy_file", "loading audit policy file: failed to read file path"),
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


def test_policy_warnings_are_notes(tmp_path: Path) -> None:
    """C3: kube-apiserver's lenient fallback, told at start as a warning."""
    (tmp_path / "policy.yaml").write_text(POLICY.replace("level", "bogus: 1, level"))
    files = read_files(
        options(
            kubeconfig=kubeconfig_file(tmp_path), audit_policy_file=str(tmp_path / "policy.yaml")
        )
    )
    assert any("falling back to lenient decoding" in text for text in files.warnings)


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


def test_front_proxy_without_headers(tmp_path: Path) -> None:
    """As in kube-apiserver there is no default header; that is said."""
    (tmp_path / "front.crt").write_bytes(ROOT.pem)
    files = read_files(
        options(
            kubeconfig=kubeconfig_file(tmp_path),
            requestheader_client_ca_file=str(tmp_path / "front.crt"),
        )
    )
    assert any("give X-Remote-User" in note for note in files.notes)


def test_passthrough_notes(tmp_path: Path) -> None:
    """What passthrough cannot do is said at start."""
    (tmp_path / "tokens.csv").write_text("t,u,1\n")
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    (tmp_path / "front.crt").write_bytes(Authority("front").pem)
    files = read_files(
        options(
            kubeconfig=kubeconfig_file(tmp_path),
            upstream_identity="passthrough",
            token_auth_file=str(tmp_path / "tokens.csv"),
            client_ca_file=str(tmp_path / "ca.crt"),
            requestheader_client_ca_file=str(tmp_path / "front.crt"),
            requestheader_username_headers=("X-Remote-User",),
        )
    )
    assert sum("--upstream-identity=passthrough" in note for note in files.notes) == 3


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KUBECONFIG": "/a:/b"}, "/a"),
        ({"KUBECONFIG": "/a", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "/a"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ""),
        ({}, str(Path.home() / ".kube" / "config")),
    ],
)
def test_default_kubeconfig(environment: dict[str, str], expected: str) -> None:
    """$KUBECONFIG, then the pod's account, then the home directory's."""
    assert default_kubeconfig(environment) == expected


def test_no_upstream_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a flag, a kubeconfig or a pod the text says what to give."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    assert faults() == (
        f"there is no upstream: {tmp_path / 'nothing'} does not exist and this is no pod of a "
        "cluster; give --kubeconfig",
    )


def test_protobuf_tables(tmp_path: Path) -> None:
    """Tables of the operator's are merged over the built-in one; all faults are told with the file."""
    table, broken = tmp_path / "table.json", tmp_path / "broken.json"
    rows = '[[0, "@typemeta"], [1, "size", "v"]]'
    table.write_text(f'{{"kinds": {{"x.io/v1/Foo": "foo"}}, "types": {{"foo": {rows}}}}}')
    broken.write_text('{"kinds": {"Foo": "none"}, "types": {}}')
    path = kubeconfig_file(tmp_path)
    files = read_files(options(kubeconfig=path, protobuf_tables=(str(table),)))
    body = envelope("x.io/v1", "Foo", number_field(1, 5))
    assert files.types.decode(body) == b'{"kind":"Foo","apiVersion":"x.io/v1","size":5}'
    with pytest.raises(FilesError) as raised:
        read_files(options(kubeconfig=path, protobuf_tables=(str(broken), "/none")))
    assert len(raised.value.faults) == 3
    assert f"--audit-protobuf-table {broken}: kinds: Foo: no message 'none'" in raised.value.faults
    assert read_files(options(kubeconfig=path)).types is BUILTIN_TYPES


def test_service_account_keys(tmp_path: Path) -> None:
    """The keys of all files in order; a file that is missing or without a key is a fault each."""
    (tmp_path / "a.pub").write_bytes(public_pem(rsa_key()))
    (tmp_path / "b.pub").write_bytes(public_pem(ec_key()))
    (tmp_path / "empty").write_bytes(b"")

    def flags(*names: str) -> dict[str, Any]:
        return {
            "kubeconfig": kubeconfig_file(tmp_path),
            "service_account_issuer": ("i",),
            "service_account_key_file": tuple(str(tmp_path / name) for name in names),
        }

    files = read_files(options(**flags("a.pub", "b.pub")))
    assert files.service_account_keys == (public(rsa_key()), public(ec_key()))
    missing, empty = faults(**flags("missing", "empty", "a.pub"))
    assert missing.startswith(f"--service-account-key-file {tmp_path}/missing cannot be read")
    assert "does not contain any valid RSA or ECDSA public keys" in empty


def test_webhook_file(tmp_path: Path) -> None:
    """A webhook's kubeconfig that cannot be used is found before anything is opened."""
    (fault,) = faults(
        kubeconfig=kubeconfig_file(tmp_path), audit_webhook_config_file=str(tmp_path / "missing")
    )
    assert fault.startswith("initializing audit webhook: --audit-webhook-config-file")
