"""Reads the kubeconfigs of the webhooks.

The server is the receiver, the user how we log in there. Every fault is found here,
without connecting.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auditproxy.files.trustedfile import Remarks, TrustedFile, passthrough_notes
from auditproxy.kubeconfig.credentials import Credential, CredentialError
from auditproxy.kubeconfig.document import (
    refuse_foreign,
    select,
    source_files,
    text_of,
    tls_material,
)
from auditproxy.kubeconfig.tls import new_ssl_context
from auditproxy.kubeconfig.user import check_credential, credential_of
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.clients.webhook import WebhookTarget

FLAG = "--audit-webhook-config-file"
_TOKEN_FLAG = "--authentication-token-webhook-config-file"  # noqa: S105 - a flag


def load_target(path: str, flag: str = FLAG, purpose: str = "audit webhook") -> "WebhookTarget":
    """Where the kubeconfig at ``path``, which ``flag`` names, says bodies go.

    Faults begin with kube-apiserver's words for ``purpose``; "" is for what it does not have.
    Raises Unusable.
    """
    try:
        return _target(path, flag)
    except CredentialError as error:
        if not purpose:
            raise
        raise error.under(f"initializing {purpose}") from None


class _Credential:
    """A kubeconfig's credential, whose errors are those of an attempt."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def authorization(self) -> bytes | None:
        try:
            return await self._credential.authorization()
        except CredentialError as error:
            from auditproxy.clients.webhook import WebhookError

            raise WebhookError("credential", str(error)) from None

    def invalidate(self) -> None:
        self._credential.invalidate()

    def __repr__(self) -> str:
        return repr(self._credential)


def _target(path: str, flag: str) -> "WebhookTarget":
    from auditproxy.clients.webhook import WebhookTarget, request_url

    source = f"{flag} {path}"
    cluster, user, context = select(path, "", source, flag)
    source = f"{source}, context {context!r}"
    refuse_foreign(user, source)
    server = _server(text_of(cluster, "server", source), source)
    proxy = _proxy(text_of(cluster, "proxy-url", source), source)
    # Certificates that are not valid are an error with http:// too: the file means something else.
    ssl_context = new_ssl_context(tls_material(cluster, user, source), source)
    credential = credential_of(user, cluster, ssl_context, source)
    check_credential(credential, user, source)
    return WebhookTarget(
        url=request_url(server),
        credential=_Credential(credential),
        ssl_context=ssl_context if server.startswith("https:") else None,
        server_name=text_of(cluster, "tls-server-name", source),
        proxy=proxy,
        files=source_files(path, cluster, user),
    )


def _server(server: str, source: str) -> str:
    """The receiver's URL, its scheme in small letters."""
    if not server:
        raise CredentialError(f"{source}: the cluster has no server; set clusters[].cluster.server")
    if "://" not in server:
        server = f"https://{server}"
    scheme = _scheme(server, f"{source}: the server")
    if scheme not in ("http", "https"):
        raise CredentialError(f"{source}: the server is not an http or https URL; correct it")
    if urlsplit(server).username is not None:
        raise CredentialError(
            f"{source}: the server's URL has a user; put username and password into users[].user"
        )
    return scheme + server[len(scheme) :]


def _proxy(proxy: str, source: str) -> str:
    if proxy and _scheme(proxy, f"{source}: proxy-url") not in ("http", "https"):
        raise CredentialError(
            f"{source}: proxy-url is not an http or https URL, socks5 is not supported; "
            "name an HTTP proxy or remove it"
        )
    return proxy


def _scheme(text: str, what: str) -> str:
    """The scheme of a URL with a host; raises CredentialError for what is none."""
    try:
        url = urlsplit(text)
        good = url.hostname and url.hostname.isascii() and (url.port is None or url.port > 0)
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"[!-~]+", text):
        raise CredentialError(f"{what} is not a URL with a host; correct it")
    return url.scheme


def _read_audit_webhook(options: Options, remarks: Remarks) -> "WebhookTarget | None":
    path = options.audit_webhook.config_file
    return load_target(path) if path else None


def _read_token_webhook(options: Options, remarks: Remarks) -> "WebhookTarget | None":
    path = options.authentication.token_webhook_config_file
    return load_target(path, _TOKEN_FLAG, "token webhook") if path else None


def _read_session_webhook(options: Options, remarks: Remarks) -> "WebhookTarget | None":
    path = options.sessions.webhook_config_file
    return load_target(path, "--session-webhook-config-file", "") if path else None


def _notes_on_tokens(options: Options) -> tuple[str, ...]:
    return passthrough_notes(
        options,
        options.authentication.token_webhook_config_file,
        _TOKEN_FLAG,
        "tokens accepted by the webhook are passed to the upstream, which must accept them too",
    )


AUDIT_WEBHOOK = TrustedFile(
    flag="audit-webhook-config-file",
    field="audit_webhook",
    read=_read_audit_webhook,
    paths=None,
)

SESSION_WEBHOOK = TrustedFile(
    flag="session-webhook-config-file",
    field="session_webhook",
    read=_read_session_webhook,
    paths=None,
)

TOKEN_WEBHOOK = TrustedFile(
    flag="authentication-token-webhook-config-file",
    field="token_webhook",
    read=_read_token_webhook,
    paths=lambda _, webhook: webhook.files if webhook is not None else (),
    notes=_notes_on_tokens,
)
