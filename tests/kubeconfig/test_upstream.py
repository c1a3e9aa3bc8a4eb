"""Kubeconfigs: what is read from them, what is refused, and that no secret of them shows."""

import base64
import json
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditproxy.kubeconfig.credentials import (
    CredentialError,
    ExecCredential,
    FileCredential,
    NoCredential,
    StaticCredential,
)
from auditproxy.kubeconfig.upstream import Upstream, load_upstream
from tests.fakes.certificates import CERTIFICATE, KEY, self_signed_pair
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.unprivileged import folder_with, unprivileged


def base64_of(data: bytes) -> str:
    """Base64 as a kubeconfig holds it."""
    return base64.b64encode(data).decode()


def load(
    tmp_path: Path,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    **changes: Any,
) -> Upstream:
    """Write a kubeconfig and read it."""
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(cluster, user) | changes))
    return load_upstream(str(path))


def said(error: Exception, tmp_path: Path) -> str:
    """The text of an error without our folder's name, which holds the test's parameters."""
    return str(error).replace(str(tmp_path), "")


class TestServer:
    """Where the upstream is."""

    @pytest.mark.parametrize(
        ("server", "expected"),
        [
            ("https://api.example.com", ("https", "api.example.com", 443, "")),
            ("https://api.example.com/", ("https", "api.example.com", 443, "")),
            (
                "https://10.0.0.1:6443/k8s/clusters/c-1/",
                ("https", "10.0.0.1", 6443, "/k8s/clusters/c-1"),
            ),
            ("https://[::1]:6443", ("https", "::1", 6443, "")),
            ("http://127.0.0.1:8001", ("http", "127.0.0.1", 8001, "")),
            ("api.example.com:6443", ("https", "api.example.com", 6443, "")),
        ],
    )
    def test_server(self, tmp_path: Path, server: str, expected: tuple[str, str, int, str]) -> None:
        """Scheme, host, port and base path of the server's URL."""
        upstream = load(tmp_path, {"server": server})
        target = upstream.impersonating
        assert (target.scheme, target.host, target.port, target.base_path) == expected
        assert target.server_name == target.host
        assert (target.ssl_context is None) is (target.scheme == "http")
        assert bool(upstream.warnings) is (target.scheme == "http")

    @pytest.mark.parametrize(
        "server",
        [
            "",
            "ftp://api",
            "https://",
            "https://user:canary@api",
            "https://api/?x=1",
            "https://api/#x",
            "https://api:port",
            "https://api/a%2fb",
            "https://api/a b",
            "https://äpi",
            7,
            None,
        ],
    )
    def test_bad_server(self, tmp_path: Path, server: object) -> None:
        """A server that is no plain URL is refused."""
        with pytest.raises(CredentialError) as caught:
            load(tmp_path, {"server": server})
        assert "canary" not in said(caught.value, tmp_path)

    def test_server_name(self, tmp_path: Path) -> None:
        """tls-server-name replaces the host where the certificate is checked."""
        target = load(tmp_path, {"tls-server-name": "kubernetes"}).impersonating
        assert (target.host, target.server_name) == ("api", "kubernetes")

    def test_proxy_url(self, tmp_path: Path) -> None:
        """T239: a proxy is refused in plain words instead of being ignored."""
        with pytest.raises(CredentialError, match="proxy-url is not supported"):
            load(tmp_path, {"proxy-url": "http://proxy:3128"})


class TestTls:
    """How the upstream is spoken to."""

    def test_system_roots(self, tmp_path: Path) -> None:
        """Certificate and name are checked; an Authority Key Identifier is not required."""
        context = load(tmp_path).impersonating.ssl_context
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2

    @pytest.mark.parametrize("kind", ["data", "absolute", "relative"])
    def test_certificate_authority(self, tmp_path: Path, kind: str) -> None:
        """The CA comes from the file itself or from a file beside it."""
        (tmp_path / "ca.crt").write_bytes("# Größe\n".encode() + CERTIFICATE)
        cluster = {
            "data": {"certificate-authority-data": base64_of(CERTIFICATE)},
            "absolute": {"certificate-authority": str(tmp_path / "ca.crt")},
            "relative": {"certificate-authority": "ca.crt"},
        }[kind]
        upstream = load(tmp_path, cluster)
        for target in (upstream.impersonating, upstream.passthrough):
            assert target.ssl_context is not None
            assert len(target.ssl_context.get_ca_certs()) == 1

    def test_insecure(self, tmp_path: Path) -> None:
        """insecure-skip-tls-verify is honoured with a warning, and not beside a CA."""
        upstream = load(tmp_path, {"insecure-skip-tls-verify": True})
        context = upstream.passthrough.ssl_context
        assert context is not None
        assert context.verify_mode is ssl.CERT_NONE
        assert "insecure-skip-tls-verify" in upstream.warnings[0]
        with pytest.raises(CredentialError, match="remove one"):
            load(
                tmp_path,
                {
                    "insecure-skip-tls-verify": True,
                    "certificate-authority-data": base64_of(CERTIFICATE),
                },
            )

    @pytest.mark.parametrize(
        "cluster",
        [
            {"certificate-authority-data": base64_of(b"no certificate")},
            {"certificate-authority-data": "%%%"},
            {"certificate-authority": "missing.crt"},
            {"certificate-authority-data": 7},
        ],
    )
    def test_bad_authority(self, tmp_path: Path, cluster: dict[str, Any]) -> None:
        """A CA that cannot be loaded is an error, not the system's roots."""
        with pytest.raises(CredentialError) as caught:
            load(tmp_path, cluster)
        assert "context 'test'" in str(caught.value)

    @pytest.mark.parametrize("kind", ["data", "files"])
    def test_client_certificate(self, tmp_path: Path, kind: str) -> None:
        """T019: our certificate is in the impersonating context and never in the other."""
        (tmp_path / "tls.crt").write_bytes(CERTIFICATE)
        (tmp_path / "tls.key").write_bytes(KEY)
        user = {
            "data": {
                "client-certificate-data": base64_of(CERTIFICATE),
                "client-key-data": base64_of(KEY),
            },
            "files": {"client-certificate": "tls.crt", "client-key": "tls.key"},
        }[kind]
        upstream = load(tmp_path, {}, user)
        assert upstream.impersonating.ssl_context is not upstream.passthrough.ssl_context
        assert offered_certificate(upstream.impersonating.ssl_context)
        assert not offered_certificate(upstream.passthrough.ssl_context)
        assert isinstance(upstream.credential, NoCredential)

    @pytest.mark.parametrize(
        "user",
        [
            {"client-certificate-data": base64_of(CERTIFICATE)},
            {"client-key-data": base64_of(KEY)},
            {
                "client-certificate-data": base64_of(CERTIFICATE),
                "client-key-data": base64_of(self_signed_pair()[1]),
            },
            {
                "client-certificate-data": base64_of(CERTIFICATE),
                "client-key-data": base64_of(b"canary"),
            },
        ],
    )
    def test_bad_client_certificate(self, tmp_path: Path, user: dict[str, Any]) -> None:
        """Half a pair, or two halves that do not fit."""
        with pytest.raises(CredentialError) as caught:
            load(tmp_path, {}, user)
        assert "canary" not in said(caught.value, tmp_path)


def offered_certificate(client: ssl.SSLContext | None) -> bool:
    """Whether a handshake with this context shows a client certificate; no socket is needed."""
    assert client is not None
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_verify_locations(cadata=CERTIFICATE.decode())
    with tempfile.NamedTemporaryFile() as bundle:
        bundle.write(CERTIFICATE + KEY)
        bundle.flush()
        server.load_cert_chain(bundle.name)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in {near, far} - done:
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert far.selected_alpn_protocol() is None
    return bool(far.getpeercert(binary_form=True))


class TestCredential:
    """What proves who we are."""

    @pytest.mark.parametrize(
        ("user", "kind", "authorization"),
        [
            ({}, NoCredential, None),
            ({"token": "t"}, StaticCredential, b"Bearer t"),
            ({"tokenFile": "token", "token": "t"}, FileCredential, b"Bearer from-file"),
            (
                {"token": "t", "exec": {"command": "x", "apiVersion": "v1"}},
                StaticCredential,
                b"Bearer t",
            ),
            (
                {"username": "admin", "password": "pä:ss"},
                StaticCredential,
                b"Basic " + base64.b64encode("admin:pä:ss".encode()),
            ),
        ],
    )
    async def test_kinds(
        self, tmp_path: Path, user: dict[str, Any], kind: type, authorization: bytes | None
    ) -> None:
        """tokenFile, token, exec, basic: the first counts."""
        (tmp_path / "token").write_text("from-file\n")
        upstream = load(tmp_path, {}, user)
        assert type(upstream.credential) is kind
        assert await upstream.credential.authorization() == authorization

    @pytest.mark.parametrize(
        ("user", "text"),
        [
            ({"as": "admin", "token": "canary"}, "impersonates"),
            ({"as-groups": ["g"]}, "impersonates"),
            ({"auth-provider": {"name": "gcp", "config": {"x": "canary"}}}, "auth-provider"),
            ({"token": "canary canary"}, "white space"),
            ({"token": 7}, "not a string"),
            ({"exec": {"command": "x"}}, "apiVersion"),
            ({"exec": {"apiVersion": "v1"}}, "command"),
            ({"exec": "canary"}, "exec needs"),
            ({"exec": {"command": "x", "apiVersion": "v1", "env": ["canary"]}}, "exec needs"),
        ],
    )
    def test_refused(self, tmp_path: Path, user: dict[str, Any], text: str) -> None:
        """T306: what cannot be used is refused in one line without a secret."""
        with pytest.raises(CredentialError) as caught:
            load(tmp_path, {}, user)
        message = str(caught.value)
        assert text in message
        assert str(tmp_path) in message
        assert "canary" not in said(caught.value, tmp_path)
        assert "\n" not in message

    def test_no_secret_in_reprs(self, tmp_path: Path) -> None:
        """T301: nothing that is read shows in a repr."""
        for user in (
            {"token": "canary"},
            {"username": "admin", "password": "canary"},
        ):
            shown = repr(load(tmp_path, {}, user))
            assert "canary" not in shown
            assert base64_of(b"admin:canary") not in shown


PLUGIN = """
import json, os, sys
print(json.dumps({0}))
print("canary on stderr", file=sys.stderr)
sys.exit({1})
"""


class TestExec:
    """Exec plugins, run for real."""

    def plugin(self, tmp_path: Path, answer: object, code: int = 0) -> Upstream:
        """An upstream whose plugin prints ``answer``."""
        script = tmp_path / "plugin.py"
        script.write_text(PLUGIN.format(repr(answer), code))
        return load(
            tmp_path,
            {},
            {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": sys.executable,
                    "args": [str(script)],
                    "env": [{"name": "X", "value": "y"}],
                    "interactiveMode": "Never",
                }
            },
        )

    def answer(self, **status: object) -> dict[str, object]:
        """An ExecCredential."""
        return {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": status,
        }

    async def test_token(self, tmp_path: Path) -> None:
        """The plugin's token is ours until it expires."""
        upstream = self.plugin(
            tmp_path, self.answer(token="canary", expirationTimestamp="2100-01-01T00:00:00Z")
        )
        assert isinstance(upstream.credential, ExecCredential)
        assert await upstream.credential.authorization() == b"Bearer canary"
        assert "canary" not in repr(upstream)

    async def test_certificate(self, tmp_path: Path) -> None:
        """The plugin's certificate is in the context when its credential has been asked for."""
        upstream = self.plugin(
            tmp_path,
            self.answer(clientCertificateData=CERTIFICATE.decode(), clientKeyData=KEY.decode()),
        )
        assert await upstream.credential.authorization() is None
        assert offered_certificate(upstream.impersonating.ssl_context)
        assert not offered_certificate(upstream.passthrough.ssl_context)

    @pytest.mark.parametrize(
        ("answer", "code", "text"),
        [
            ({}, 0, "returned no ExecCredential"),
            ("canary", 0, "returned no ExecCredential"),
            ({"apiVersion": "v0", "kind": "x", "status": {}}, 0, "returned no ExecCredential"),
            ("canary", 3, "returned 3"),
            (None, 0, "returned no ExecCredential"),
        ],
    )
    async def test_failures(self, tmp_path: Path, answer: object, code: int, text: str) -> None:
        """T306: a plugin that fails is named, and nothing that it printed."""
        upstream = self.plugin(tmp_path, answer, code)
        with pytest.raises(CredentialError) as caught:
            await upstream.credential.authorization()
        assert text in str(caught.value)
        assert "canary" not in said(caught.value, tmp_path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "status", [{}, {"token": 7}, {"clientCertificateData": "x"}, {"token": "a b"}]
    )
    async def test_useless_status(self, tmp_path: Path, status: dict[str, object]) -> None:
        """A status without a usable credential is an error."""
        upstream = self.plugin(tmp_path, self.answer(**status))
        with pytest.raises(CredentialError):
            await upstream.credential.authorization()

    async def test_missing_program(self, tmp_path: Path) -> None:
        """C3: a program that is not installed is named when the file is read, with what to do."""
        for command in (str(tmp_path / "no-such-plugin"), "no-such-plugin", "./relative"):
            plugin = {"apiVersion": "v1", "command": command}
            with pytest.raises(CredentialError, match="install it or correct exec"):
                load(tmp_path, {}, {"exec": plugin})

    def test_program_in_a_path_of_its_own(self, tmp_path: Path) -> None:
        """C3: the PATH of the entry's env finds the program, as when it is run."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "some-plugin").write_text("#!/bin/sh\n")
        (tmp_path / "bin" / "some-plugin").chmod(0o755)
        env = [{"name": "PATH", "value": str(tmp_path / "bin")}]
        load(tmp_path, {}, {"exec": {"apiVersion": "v1", "command": "some-plugin", "env": env}})


class TestFiles:
    """Files and contexts."""

    def test_context(self, tmp_path: Path) -> None:
        """Another context than the current one, and files merged as kubectl merges them."""
        one, two = tmp_path / "one", tmp_path / "two"
        other = kubeconfig({"server": "https://other"})
        other["contexts"][0]["name"] = "other"
        other["contexts"][0]["context"]["cluster"] = "c2"
        other["clusters"][0]["name"] = "c2"
        one.write_text(yaml.safe_dump(kubeconfig()))
        two.write_text(yaml.safe_dump(other | {"current-context": ""}))
        assert load_upstream(str(one)).impersonating.host == "api"
        both = load_upstream(f"{one}:{two}", "other")
        assert both.impersonating.host == "other"
        assert "context 'other'" in both.source

    def test_json_and_no_user(self, tmp_path: Path) -> None:
        """JSON is YAML; a context may have no user."""
        config = kubeconfig()
        del config["contexts"][0]["context"]["user"]
        del config["users"]
        path = tmp_path / "config"
        path.write_text(json.dumps(config))
        assert isinstance(load_upstream(str(path)).credential, NoCredential)

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "canary",
            "- canary",
            "a: [canary",
            "\t canary: x",
            "contexts: canary\ncurrent-context: x",
            "contexts: [{name: x}]\ncurrent-context: x",
            "contexts: [{context: canary}]\ncurrent-context: x",
            "contexts: []\ncurrent-context: nope",
            "clusters: []",
            "current-context: [canary]",
            "contexts: [{name: x, context: {cluster: y}}]\nclusters: [{name: y, cluster: canary}]\n"
            "current-context: x",
            "contexts: [{name: x, context: {cluster: y}}]\nclusters: [{name: y}]\n"
            "current-context: x",
            "!!python/object/apply:os.system [canary]",
        ],
    )
    def test_not_a_kubeconfig(self, tmp_path: Path, content: str) -> None:
        """Every fault is one line that names the file and quotes nothing of it."""
        path = tmp_path / "config"
        path.write_text(content)
        with pytest.raises(CredentialError) as caught:
            load_upstream(str(path))
        assert str(path) in str(caught.value)
        assert "canary" not in said(caught.value, tmp_path)
        assert "\n" not in str(caught.value)

    def test_missing(self, tmp_path: Path) -> None:
        """A file that is not there, or is a folder, is named."""
        for path in (tmp_path / "nope", tmp_path):
            with pytest.raises(CredentialError, match=str(path)):
                load_upstream(str(path))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["name", "server", "user", "cluster", "context", "exec", "token"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
        st.sampled_from(["clusters", "users", "contexts", "current-context"]),
    )
    def test_any_part(self, tmp_path: Path, value: object, part: str) -> None:
        """Any value in any place is read or is a CredentialError."""
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(kubeconfig() | {part: value}))
        try:
            load_upstream(str(path))
        except CredentialError as error:
            caught = error
        else:
            return
        assert "\n" not in str(caught)


class TestInCluster:
    """Inside a pod."""

    ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}  # noqa: RUF012

    async def test_service_account(self, tmp_path: Path) -> None:
        """Address from the environment, token and CA from the mounted folder."""
        (tmp_path / "token").write_text("canary")
        (tmp_path / "ca.crt").write_bytes(CERTIFICATE)
        upstream = load_upstream("", environment=self.ENVIRONMENT, service_account=tmp_path)
        target = upstream.impersonating
        assert (target.host, target.port, target.scheme) == ("10.0.0.1", 443, "https")
        assert await upstream.credential.authorization() == b"Bearer canary"
        assert "canary" not in repr(upstream)
        assert str(tmp_path) in upstream.source

    def test_ipv6(self, tmp_path: Path) -> None:
        """An IPv6 address stands without brackets in the environment."""
        (tmp_path / "token").write_text("t")
        (tmp_path / "ca.crt").write_bytes(CERTIFICATE)
        environment = self.ENVIRONMENT | {"KUBERNETES_SERVICE_HOST": "fd00::1"}
        upstream = load_upstream("", environment=environment, service_account=tmp_path)
        assert upstream.impersonating.host_header == b"[fd00::1]"

    def test_a_folder_that_cannot_be_searched(self) -> None:
        """Whether there is a token is not known."""
        with unprivileged() as parent:
            folder = folder_with(parent, 0o600)
            with pytest.raises(CredentialError) as caught:
                load_upstream("", environment=self.ENVIRONMENT, service_account=folder)
            assert str(caught.value) == (
                f"the service account in {folder} cannot be read: permission denied; let the "
                "proxy's user search this folder"
            )

    def test_not_in_a_pod(self, tmp_path: Path) -> None:
        """Outside of a pod, or without a mounted token, the error says what to give."""
        with pytest.raises(CredentialError, match="give --kubeconfig"):
            load_upstream("", environment={}, service_account=tmp_path)
        with pytest.raises(CredentialError, match="give --kubeconfig"):
            load_upstream("", environment=self.ENVIRONMENT, service_account=tmp_path)
        (tmp_path / "token").write_text("t")
        with pytest.raises(CredentialError, match=r"ca\.crt"):
            load_upstream("", environment=self.ENVIRONMENT, service_account=tmp_path)
