"""The webhook's kubeconfig: what is taken from it, what is refused, and posting with it over TLS."""

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.faults import Unusable
from auditproxy.apis.user import UserInfo
from auditproxy.app.sinks.webhook import open_webhook
from auditproxy.backends.losses import Losses
from auditproxy.clients.webhook import WebhookError, WebhookTarget
from auditproxy.files.trustedfile import Remarks
from auditproxy.files.webhook import SESSION_WEBHOOK, load_target
from auditproxy.options import Options
from auditproxy.options.sessions import SessionOptions
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.webhook import Receiver, answer, server_context


def write(
    folder: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> Path:
    """A webhook's kubeconfig."""
    path = folder / "webhook.yaml"
    path.write_text(yaml.safe_dump(kubeconfig(cluster, user)))
    return path


def load(
    folder: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> WebhookTarget:
    """Write a kubeconfig and read it."""
    return load_target(str(write(folder, cluster, user)))


class KeptLosses(Losses):
    """Keeps losses."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """Keep one."""
        self.texts.append(f"{count} {plugin} {reason} {text}")

    def delivered(self, count: int = 1) -> None:
        """Nothing to keep."""

    def failing(self, public: str, text: str = "") -> None:
        """Nothing to keep: losses are told."""


EVENT = Event(
    kind="Event",
    api_version=API_VERSION,
    level="Metadata",
    audit_id="a",
    stage="ResponseComplete",
    request_uri="/",
    verb="get",
    user=UserInfo(username="u"),
    request_received_timestamp="2026-11-23T13:06:31.814986Z",
    stage_timestamp="2026-11-23T13:06:31.814986Z",
)


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://h/k8s/?token=s3cret", "https://h/k8s?timeout=30s"),
        ("h:9443", "https://h:9443/?timeout=30s"),
        ("HTTP://h", "http://h/?timeout=30s"),
        ("http://[::1]:80/a", "http://[::1]:80/a?timeout=30s"),
    ],
)
def test_server(tmp_path: Path, server: str, url: str) -> None:
    """The URL is made of the server; plain HTTP has no TLS context."""
    target = load(tmp_path, {"server": server})
    assert target.url == url
    assert (target.ssl_context is None) is url.startswith("http:")


def test_tls_and_proxy(tmp_path: Path) -> None:
    """tls-server-name and proxy-url are taken; the proxy's password does not show."""
    proxy = "http://u:s3cret@proxy:3128"
    target = load(tmp_path, {"tls-server-name": "sink", "proxy-url": proxy})
    assert (target.server_name, target.proxy) == ("sink", proxy)
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize(
    ("cluster", "user", "text"),
    [
        ({"server": ""}, {}, "set clusters[].cluster.server"),
        ({"server": "ftp://h"}, {}, "not an http or https URL"),
        ({"server": "https://"}, {}, "not a URL with a host"),
        ({"server": "https://h:0"}, {}, "not a URL with a host"),
        ({"server": "https://h:99999"}, {}, "not a URL with a host"),
        ({"server": "https://h/a b"}, {}, "not a URL with a host"),
        ({"server": "https://u:s3cret@h"}, {}, "put username and password into users[].user"),
        ({"proxy-url": "socks5://s3cret@h:1"}, {}, "socks5 is not supported"),
        ({"proxy-url": "nonsense"}, {}, "proxy-url is not a URL with a host"),
        ({"certificate-authority": "absent.crt"}, {}, "cannot read"),
        ({"certificate-authority-data": "eA=="}, {}, "no PEM certificate"),
        (
            {
                "insecure-skip-tls-verify": True,
                "certificate-authority-data": base64.b64encode(CERTIFICATE).decode(),
            },
            {},
            "remove one",
        ),
        ({}, {"client-certificate-data": "eA=="}, "must both be given"),
        ({}, {"token": "s3cret\nx"}, "white space"),
        ({}, {"as": "admin"}, "remove it"),
        ({}, {"auth-provider": {"name": "gcp"}}, "use an exec plugin"),
        ({}, {"exec": {"args": ["s3cret"]}}, "exec needs command"),
    ],
)
def test_faults(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], text: str) -> None:
    """Each fault names the flag, the file and the fix, and shows no secret."""
    with pytest.raises(Unusable) as caught:
        load(tmp_path, cluster, user)
    said = str(caught.value)
    assert said.startswith(
        f"initializing audit webhook: --audit-webhook-config-file {tmp_path / 'webhook.yaml'}"
    )
    assert text in said
    assert "s3cret" not in said.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "does not exist; create the file or name another"),
        ("", "is empty"),
        ("a: [", "is not valid YAML"),
        ("kind: Config", "has no current-context; set it"),
        ("current-context: x", "the context .x. is not in the file"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | None, text: str) -> None:
    """A file that is none is refused in words for this flag."""
    path = tmp_path / "webhook.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=text):
        load_target(str(path))


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, None),
        ({"token": "t"}, b"Bearer t"),
        ({"tokenFile": "token"}, b"Bearer from-file"),
        ({"username": "u", "password": "p"}, b"Basic dTpw"),
        (
            {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": sys.executable,
                    "interactiveMode": "Never",
                }
            },
            b"Bearer from-exec",
        ),
    ],
)
async def test_credentials(
    tmp_path: Path,
    user: dict[str, Any],
    expected: bytes | None,
) -> None:
    """Every way to log in, with paths relative to the file."""
    (tmp_path / "token").write_text("from-file\n")
    given = tmp_path / "given.json"
    given.write_text(
        '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
        '"status":{"token":"from-exec"}}'
    )
    if "exec" in user:
        code = f"print(open({str(given)!r}).read())"
        user = {"exec": user["exec"] | {"args": ["-c", code]}}
    assert await load(tmp_path, {}, user).credential.authorization() == expected


async def test_missing_token_file(tmp_path: Path) -> None:
    """C3: a token file that is not there is found at the start; gone later, it fails the attempt."""
    with pytest.raises(Unusable, match="cannot read the token file"):
        load(tmp_path, {}, {"tokenFile": "absent"})
    (tmp_path / "there").write_text("t")
    target = load(tmp_path, {}, {"tokenFile": "there"})
    (tmp_path / "there").unlink()
    with pytest.raises(WebhookError, match="cannot read the token file") as caught:
        await target.credential.authorization()
    assert caught.value.reason == "credential"


@pytest.mark.parametrize("with_certificate", [True, False])
async def test_mutual_tls(tmp_path: Path, with_certificate: bool) -> None:
    """T245: a receiver that asks for a client certificate gets the file's, or refuses us."""
    for name, data in (("client.crt", CERTIFICATE), ("client.key", KEY)):
        (tmp_path / name).write_bytes(data)
    context, _ = server_context(tmp_path, tmp_path / "client.crt")
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    losses = KeptLosses()

    async def sleep(seconds: float) -> None:
        assert seconds > 0

    async with Receiver(answer(200, "Connection: close"), context=context) as receiver:
        path = write(
            tmp_path,
            {"server": receiver.url, "certificate-authority": "ca.crt"},
            user if with_certificate else {},
        )
        backend = open_webhook(
            load_target(str(path)),
            initial_backoff=10_000_000_000,
            losses=losses,
            sleep=sleep,
        )
        assert await backend.deliver((EVENT,)) is with_certificate
        await backend.shutdown()
    assert [received.has_certificate for received in receiver.received] == (
        [True] if with_certificate else []
    )
    assert len(losses.texts) == (0 if with_certificate else 1)


async def test_token_goes_to_no_other_host(tmp_path: Path) -> None:
    """T309: a receiver that redirects gets our token; where it points to gets nothing at all."""
    losses = KeptLosses()

    async def sleep(seconds: float) -> None:
        assert seconds > 0

    async with Receiver() as other:
        moved = answer(307, f"Location: {other.url}/", "Connection: close")
        async with Receiver(*[moved] * 5) as receiver:
            path = write(tmp_path, {"server": receiver.url}, {"token": "canary-token"})
            backend = open_webhook(
                load_target(str(path)), initial_backoff=1, losses=losses, sleep=sleep
            )
            assert await backend.deliver((EVENT,)) is False
            await backend.shutdown()
        assert [one.headers["authorization"] for one in receiver.received] == [
            "Bearer canary-token"
        ] * 5
        assert (other.received, other.connections) == ([], 0)
    assert not any("canary" in text for text in losses.texts)


def test_session_webhook(tmp_path: Path) -> None:
    """Its faults begin with the flag: kube-apiserver has no such webhook and no words for it."""
    path = str(tmp_path / "none.kubeconfig")
    chosen = Options(sessions=SessionOptions(webhook_config_file=path))
    with pytest.raises(Unusable) as caught:
        SESSION_WEBHOOK.read(chosen, Remarks())
    assert caught.value.faults == (
        f"--session-webhook-config-file {path} does not exist; create the file or name another",
    )
