"""Members of a kubeconfig; the upstream's and the webhook's tests read whole files."""

from pathlib import Path

import pytest

from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.kubeconfig.document import (
    Entry,
    file_or_data,
    refuse_foreign,
    select,
    text_of,
    tls_material,
)
from tests.fakes.unprivileged import folder_with, unprivileged


def test_text_of() -> None:
    """A member that is not there is empty, one that is no text is refused."""
    entry = Entry({"a": "x", "b": None, "c": 1}, "/f")
    assert [text_of(entry, key, "source") for key in ("a", "b", "absent")] == ["x", "", ""]
    with pytest.raises(CredentialError, match="source: c is not a string"):
        text_of(entry, "c", "source")


def test_file_or_data(tmp_path: Path) -> None:
    """Data counts before a file; a file's name is relative to the kubeconfig."""
    (tmp_path / "ca").write_bytes(b"from file")
    config = str(tmp_path / "config")
    assert file_or_data(Entry({"ca": "ca"}, config), "ca", "s") == b"from file"
    assert file_or_data(Entry({"ca": "ca", "ca-data": "eA=="}, config), "ca", "s") == b"x"
    assert file_or_data(Entry({}, config), "ca", "s") == b""


def test_refuse_foreign() -> None:
    """Impersonation and dropped members are refused, each by its name."""
    refuse_foreign(Entry({"token": "t"}, "/f"), "source")
    with pytest.raises(CredentialError, match="'as-groups'"):
        refuse_foreign(Entry({"as-groups": ["g"]}, "/f"), "source")


def test_tls_material() -> None:
    """insecure-skip-tls-verify switches verification off."""
    empty = Entry({}, "/f")
    assert tls_material(empty, empty, "s").verify
    assert not tls_material(Entry({"insecure-skip-tls-verify": True}, "/f"), empty, "s").verify


def test_select_names_the_flag(tmp_path: Path) -> None:
    """A missing file is behind the flag that named it."""
    with pytest.raises(CredentialError, match="^the file does not exist; create the file"):
        select(str(tmp_path / "absent"), "", "the file", "--some-file")


def test_a_folder_that_cannot_be_searched() -> None:
    """Whether the file is there is not known: one line says so."""
    # The library is loaded with the privileges of the process.
    with pytest.raises(CredentialError):
        select("/absent", "", "the file", "--some-file")
    with unprivileged() as parent:
        folder = folder_with(parent, 0o600)
        with pytest.raises(CredentialError) as caught:
            select(f"{folder}/kubeconfig", "", "the file", "--some-file")
        assert str(caught.value) == (
            "the file cannot be read: permission denied; let the proxy's user search its folder"
        )


KUBESPRAY = """\
# clusters refers to the remote service.
clusters:
- name: webhook-token-auth-cluster
  cluster:
    server: https://auth.example.com/validate
    insecure-skip-tls-verify: true

# users refers to the API server's webhook configuration.
users:
- name: webhook-token-auth-user

# kubeconfig files require a context. Provide one for the API server.
current-context: webhook-token-auth
contexts:
- context:
    cluster: webhook-token-auth-cluster
    user: webhook-token-auth-user
  name: webhook-token-auth
"""


@pytest.mark.parametrize(
    ("user", "context_user"),
    [
        ("- name: u", "u"),
        ("- name: u\n  user:", "u"),
        ("- name: u\n  user: {}", "u"),
        ("- {name: other, user: {token: t}}\n- {name: u}", "u"),
        ("", ""),
        ("", "''"),
    ],
)
def test_users_without_credentials(user: str, context_user: str, tmp_path: Path) -> None:
    """C5: an entry without content is one without credentials, as kubectl reads it."""
    path = tmp_path / "config"
    path.write_text(
        f"current-context: c\npreferences:\nextensions:\nusers:\n{user}\n"
        "clusters: [{name: k, cluster: {server: https://api}}]\n"
        f"contexts: [{{name: c, context: {{cluster: k, user: {context_user}}}}}]\n"
    )
    cluster, found, context = select(str(path), "", "the file", "--kubeconfig")
    assert (cluster["server"], found, context) == ("https://api", {}, "c")


def test_the_file_of_an_installer(tmp_path: Path) -> None:
    """C5: the token webhook's file that Kubespray writes."""
    path = tmp_path / "config"
    path.write_text(KUBESPRAY)
    cluster, user, _ = select(str(path), "", "the file", "--x")
    assert cluster["server"] == "https://auth.example.com/validate"
    assert user == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("current-context: c\n", "the context 'c' is not in the file"),
        (
            "current-context: c\ncontexts:\nclusters:\nusers:\n",
            "the context 'c' is not in the file",
        ),
        ("current-context: c\ncontexts: [{name: c}]\n", "the context names no cluster"),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: null\n",
            "the cluster 'k' is not in the file",
        ),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: secret}}]\n"
            "clusters: [{name: k}]\n",
            "the user 'secret' is not in the file",
        ),
        ("", "is empty"),
        ("contexts: []\n", "no current-context"),
        ("current-context: c\ncontexts: [{name: c, context: [1]}]\n", "is not a kubeconfig"),
        ("- 1\n", "is not a kubeconfig"),
    ],
)
def test_what_is_missing_is_named(text: str, said: str, tmp_path: Path) -> None:
    """C5: which of the three entries a file has not."""
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(CredentialError, match=said):
        select(str(path), "", "the file", "--kubeconfig")


@pytest.mark.parametrize("text", ["x: " + "[" * 50_000, "- " * 50_000, '{"a":' * 50_000])
def test_nested_too_deeply(text: str, tmp_path: Path) -> None:
    """The interpreter's depth is a fault of the file like others, and no crash."""
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(CredentialError) as caught:
        select(str(path), "", "the file", "--kubeconfig")
    said = "the file is nested too deeply; correct the file that --kubeconfig names"
    assert caught.value.faults == (said,)
