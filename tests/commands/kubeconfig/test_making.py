"""``auditproxy kubeconfig``: the user of a context, and the proxy as its cluster."""

import base64
import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.commands.kubeconfig.command import CERTIFICATE_NAME
from auditproxy.commands.kubeconfig.making import (
    KubeconfigError,
    ProxyKubeconfig,
    make_kubeconfig,
)
from auditproxy.files.certdir import ensure_self_signed

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CA_DATA = base64.b64encode(CERTIFICATE.encode()).decode()


def kubeconfig(user: Any, *, name: str = "dev", current: str | None = "dev") -> dict[str, Any]:
    """A kubeconfig with one context of that name, its cluster and its user."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": "https://old.example.com"}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": f"{name}-user", "namespace": "n"}}
        ],
        "users": [{"name": f"{name}-user", "user": user}],
    }
    return document | ({"current-context": current} if current is not None else {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with a kubeconfig of a token user, and the proxy's CA beside it."""
    (tmp_path / "ca.crt").write_text(CERTIFICATE, encoding="utf-8")
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config", kubeconfig({"token": "t"}))
    return tmp_path


def write(path: Path, document: Any) -> None:
    """Write a file of YAML."""
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def make(folder: Path, environment: dict[str, str] | None = None, **flags: Any) -> ProxyKubeconfig:
    """Run the command with the folder as home; flags with underscores."""
    values = {"certificate-authority": str(folder / "ca.crt"), "cert-dir": str(folder / "certs")}
    values |= {name.replace("_", "-"): value for name, value in flags.items()}
    return make_kubeconfig(values, environment or {}, folder)


def made_user(folder: Path, user: Any, **flags: Any) -> Any:
    """What becomes of a user."""
    write(folder / ".kube" / "config", kubeconfig(user))
    return yaml.safe_load(make(folder, **flags).text)["users"][0]["user"]


def test_the_whole_document(folder: Path) -> None:
    """User and namespace of the current context, the proxy's address and CA."""
    made = make(folder)
    assert made.warnings == ()
    assert yaml.safe_load(made.text) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "auditproxy",
                "cluster": {
                    "server": "https://127.0.0.1:6443",
                    "certificate-authority-data": CA_DATA,
                },
            }
        ],
        "users": [{"name": "dev-user", "user": {"token": "t"}}],
        "contexts": [
            {
                "name": "auditproxy",
                "context": {"cluster": "auditproxy", "user": "dev-user", "namespace": "n"},
            }
        ],
        "current-context": "auditproxy",
    }
    assert made.text.startswith("apiVersion: v1\nkind: Config\n")


def test_flags(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another context, name, server, and the CA as a path, which becomes absolute."""
    monkeypatch.chdir(folder)
    write(folder / "other", kubeconfig({"token": "o"}, name="other", current=None))
    document = yaml.safe_load(
        make(
            folder,
            kubeconfig="other",
            context="other",
            name="proxied",
            server="https://proxy.example.com",
            certificate_authority="ca.crt",
            embed_certs=False,
        ).text
    )
    assert document["current-context"] == "proxied"
    assert document["clusters"] == [
        {
            "name": "proxied",
            "cluster": {
                "server": "https://proxy.example.com",
                "certificate-authority": str(folder / "ca.crt"),
            },
        }
    ]
    assert document["users"] == [{"name": "other-user", "user": {"token": "o"}}]


def test_several_files(folder: Path) -> None:
    """Of $KUBECONFIG's files the first with a name counts; files that do not exist are skipped."""
    write(folder / "a", kubeconfig({"token": "a"}, name="dev", current="two"))
    write(folder / "b", kubeconfig({"token": "b"}, name="two", current="dev"))
    (folder / "b").write_text(
        (folder / "b").read_text(encoding="utf-8").replace("two-user", "dev-user"),
        encoding="utf-8",
    )
    environment = {"KUBECONFIG": f"{folder}/none:{folder}/a::{folder}/b"}
    document = yaml.safe_load(make(folder, environment).text)
    assert document["users"] == [{"name": "dev-user", "user": {"token": "a"}}]


USERS = [
    ({"token": "t"}, {"token": "t"}),
    ({"username": "u", "password": "p"}, {"username": "u", "password": "p"}),
    ({"tokenFile": "t"}, {"tokenFile": "HOME/.kube/t"}),
    ({"tokenFile": "/run/t"}, {"tokenFile": "/run/t"}),
    (
        {"client-certificate-data": "Yw==", "client-key-data": "aw=="},
        {"client-certificate-data": "Yw==", "client-key-data": "aw=="},
    ),
    (
        {"exec": {"command": "aws", "args": ["eks"], "provideClusterInfo": False}},
        {"exec": {"command": "aws", "args": ["eks"], "provideClusterInfo": False}},
    ),
    ({"exec": {"command": "./login"}}, {"exec": {"command": "HOME/.kube/login"}}),
    ({"exec": {"command": "/bin/login"}}, {"exec": {"command": "/bin/login"}}),
    (
        {"auth-provider": {"name": "oidc", "config": {"id-token": "x"}}},
        {"auth-provider": {"name": "oidc", "config": {"id-token": "x"}}},
    ),
    ({"as": "jane", "token": "yes"}, {"as": "jane", "token": "yes"}),
    (None, {}),
]


@pytest.mark.parametrize(("user", "expected"), USERS)
def test_users_are_copied(folder: Path, user: Any, expected: dict[str, Any]) -> None:
    """Every way to log in, usable from any folder; texts stay texts."""
    text = yaml.safe_dump(expected).replace("HOME", str(folder))
    assert made_user(folder, user) == yaml.safe_load(text)


def test_certificates_of_the_user(folder: Path) -> None:
    """Embedded by default, else with absolute paths; contents win over a path."""
    (folder / ".kube" / "c").write_bytes(b"certificate")
    (folder / ".kube" / "k").write_bytes(b"key")
    user = {"client-certificate": "c", "client-key": "k"}
    assert made_user(folder, user) == {
        "client-certificate-data": base64.b64encode(b"certificate").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
    }
    assert made_user(folder, user, embed_certs=False) == {
        "client-certificate": f"{folder}/.kube/c",
        "client-key": f"{folder}/.kube/k",
    }
    both = {"client-certificate": "none", "client-certificate-data": "Yw=="}
    assert made_user(folder, both) == {"client-certificate-data": "Yw=="}
    with pytest.raises(KubeconfigError, match=r"^the user's client-key .*/none cannot be read: No"):
        made_user(folder, {"client-key": "none"})


def test_self_signed_certificate_is_found(folder: Path) -> None:
    """The certificate that serve makes in --cert-dir needs no flag."""
    now = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
    path, _, _ = ensure_self_signed(folder / "certs", ("localhost",), now)
    assert path == folder / "certs" / CERTIFICATE_NAME
    made = make(folder, certificate_authority="")
    cluster = yaml.safe_load(made.text)["clusters"][0]["cluster"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == path.read_bytes()
    assert made.warnings == ()


def test_warnings(folder: Path) -> None:
    """Without a CA the clients' own authorities count; http is in clear text."""
    made = make(folder, certificate_authority="")
    assert made.warnings == (
        f"no --certificate-authority is given and {folder}/certs/{CERTIFICATE_NAME} does not "
        "exist: clients will trust the authorities of their own machine only; start auditproxy "
        "serve in this folder first, or name its --cert-dir or the certificate's authority",
    )
    assert yaml.safe_load(made.text)["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:6443"
    }
    plain = make(folder, certificate_authority="", server="http://localhost:8080")
    assert plain.warnings == ("--server is http://: credentials travel in clear text",)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"kubeconfig": "/none"}, "--kubeconfig /none does not exist; correct the path"),
        (
            {"context": "prod"},
            "--context 'prod' is not in HOME/.kube/config; give one of dev",
        ),
        ({"name": ""}, "--name is empty; give the new context a name"),
        (
            {"server": "proxy:6443"},
            "--server 'proxy:6443' is not a valid URL; give one such as https://auditproxy.example.com:6443",
        ),
        (
            {"server": "http://proxy"},
            "--certificate-authority is given but --server is http://; remove one",
        ),
        (
            {"certificate_authority": "/none"},
            "--certificate-authority /none cannot be read: No such file or directory; "
            "correct the path",
        ),
        (
            {"certificate_authority": "HOME/key"},
            "--certificate-authority HOME/key has a private key; "
            "give a file with certificates only",
        ),
        (
            {"certificate_authority": "HOME/.kube/config"},
            "--certificate-authority HOME/.kube/config has no PEM certificate; name a PEM bundle",
        ),
    ],
)
def test_faults_of_flags(folder: Path, flags: dict[str, str], text: str) -> None:
    """Each names the flag and the fix."""
    (folder / "key").write_text(f"{CERTIFICATE}-----BEGIN EC PRIVATE KEY-----\n", encoding="utf-8")
    given: dict[str, Any] = {k: v.replace("HOME", str(folder)) for k, v in flags.items()}
    with pytest.raises(KubeconfigError) as caught:
        make(folder, **given)
    assert str(caught.value) == text.replace("HOME", str(folder))


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (kubeconfig({}, current=None), "has no current-context; give --context, one of dev"),
        ({"current-context": "x"}, "'x' is not in HOME; give one of none: it has no contexts"),
        (kubeconfig({}) | {"users": []}, "the user of context 'dev' is not in HOME"),
        ([], "HOME is not a kubeconfig; see kubectl config view"),
        ({"users": [{"user": {}}]}, "HOME: users is not a list of name and user"),
        ({"users": [{"name": "a", "user": "token"}]}, "HOME: users is not a list of name and user"),
        ({"contexts": {"a": "b"}}, "HOME: contexts is not a list of name and context"),
    ],
)
def test_faults_of_kubeconfigs(folder: Path, document: Any, text: str) -> None:
    """Each names the file."""
    path = folder / ".kube" / "config"
    write(path, document)
    with pytest.raises(KubeconfigError) as caught:
        make(folder)
    assert text.replace("HOME", str(path)) in str(caught.value)


def test_no_kubeconfig(tmp_path: Path) -> None:
    """Where it was looked for is said."""
    with pytest.raises(KubeconfigError) as caught:
        make(tmp_path)
    assert str(caught.value) == f"{tmp_path}/.kube/config does not exist; give --kubeconfig"


def test_broken_yaml_shows_no_secret(folder: Path) -> None:
    """The line is told, its content is not."""
    path = folder / ".kube" / "config"
    path.write_text("users:\n- token: {hunter2\n", encoding="utf-8")
    with pytest.raises(KubeconfigError) as caught:
        make(folder)
    assert str(caught.value) == f"{path}:3: not valid YAML; see kubectl config view"
    assert caught.value.__suppress_context__


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_texts_read_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Names and tokens that YAML could take for something else stay what they are."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "ca.crt").write_text(CERTIFICATE, encoding="utf-8")
    (folder / ".kube").mkdir()
    write(folder / ".kube" / "config", kubeconfig({"token": text}))
    document = yaml.safe_load(make(folder, name=text).text)
    assert document["current-context"] == text
    assert document["users"][0]["user"] == {"token": text}


@pytest.mark.parametrize("key", ["client-certificate", "client-certificate-data"])
def test_what_a_client_certificate_needs(key: str, folder: Path) -> None:
    """C1: the flag of the proxy, and the command that makes its file; nothing for a token."""
    write(folder / ".kube" / "config", kubeconfig({key: "Yw==", "client-key-data": "aw=="}))
    made = make(folder, embed_certs=False)
    assert made.warnings == ()
    (note,) = made.notes
    assert "nothing is to be done if" in note
    assert "start it with --client-ca-file=FILE" in note
    # The line of the start by which it is known.
    assert '"clients are recognised by client certificates (--client-ca-file)"' in note
    assert f"KUBECONFIG={folder}/.kube/config kubectl config view" in note
    assert "--context=dev" in note
    assert "base64 -d > FILE" in note
