"""What is read again while the proxy runs, and how it is put in use.

    --audit-policy-file   the policy of requests that begin from now on
    --client-ca-file      the authorities of client certificates, also on open connections
    --requestheader-client-ca-file    the same for front proxies
    --token-auth-file     static tokens
    --audit-redact        rules for secret values, and the key of their digests if it is a file's
    --authentication-token-webhook-config-file    the token webhook, its address too
    --authentication-config    the issuers whose tokens are believed; or --oidc-ca-file
    --kubeconfig          our credential and the upstream's authority; not its address
    --tls-cert-file       the certificate of handshakes that begin from now on

A request is judged by the version it began with. What hangs on a replaced file
goes with it: verdicts on certificates with their authorities, pooled connections
with their kubeconfig, and all that is remembered of tokens with any file that says
whom a token stands for.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from auditproxy.apis.audit import Policy
from auditproxy.app import operatorlog
from auditproxy.app.composition import Composed
from auditproxy.audit.policy.evaluator import FALLING_BACK
from auditproxy.files import files as readers
from auditproxy.files.issuers import CONFIG, Trusted, files_of, read_authentication
from auditproxy.files.redaction import read_redactor
from auditproxy.files.reloader import Reloader, ReloadError, Source
from auditproxy.files.servingcertificate import ServingCertificate, listener_context
from auditproxy.kubeconfig.upstream import Upstream
from auditproxy.options import Options
from auditproxy.server.serving import Serving
from auditproxy.tls.serving import KeyPair, ServingError, certificate_end, read_key_pair

POLICY = "audit-policy-file"
CLIENT_CA = "client-ca-file"
FRONT_PROXY_CA = "requestheader-client-ca-file"
TOKENS = "token-auth-file"
REDACTION = "audit-redact"
KUBECONFIG = "kubeconfig"
SERVICE_ACCOUNT_KEYS = "service-account-key-file"
TOKEN_WEBHOOK = readers.TOKEN_WEBHOOK
AUTHENTICATION = CONFIG
CERTIFICATE = "tls-cert-file"

_FIELDS = {
    POLICY: "policy",
    CLIENT_CA: "client_authorities",
    FRONT_PROXY_CA: "front_proxy_authorities",
    TOKENS: "token_file",
    SERVICE_ACCOUNT_KEYS: "service_account_keys",
    TOKEN_WEBHOOK: "token_webhook",
    AUTHENTICATION: "trusted",
    "oidc-ca-file": "trusted",
    REDACTION: "redactor",
    KUBECONFIG: "upstream",
}
"""The field of Files that each source is."""

Value = TypeVar("Value")
Report = Callable[[str], None]


def new_reloader(
    options: Options,
    composed: Composed,
    serving: Serving,
    certificate: ServingCertificate | None,
    report: Report,
    inform: Report = operatorlog.info,
) -> Reloader:
    """The reloader of a proxy; ``certificate`` None is a listener without TLS."""
    sources = _sources(options, composed, certificate, inform)
    pair = certificate.pair if certificate is not None else None
    _note_end(composed, pair)

    def apply(values: Mapping[str, Any]) -> None:
        nonlocal pair
        files = replace(
            composed.files,
            **{_FIELDS[name]: value for name, value in values.items() if name in _FIELDS},
        )
        faults = readers.overlap_faults(
            options, files.client_authorities, files.front_proxy_authorities
        )
        if faults:
            raise ReloadError("; ".join(faults))
        new_pair = values.get(CERTIFICATE, pair)
        context = serving.tls
        if new_pair is not None and values.keys() & {CERTIFICATE, CLIENT_CA, FRONT_PROXY_CA}:
            try:
                context = listener_context(options, new_pair, files)
            except ServingError as error:
                raise ReloadError(str(error)) from None
        # No await below: handshakes and requests see all of it or nothing.
        serving.handler.services = composed.replace_files(files)
        serving.tls = context
        pair = new_pair
        _note_end(composed, pair)

    return Reloader(
        sources,
        apply,
        metrics=composed.shared.metrics.reloads,
        report=report,
        inform=inform,
        clock=time.time,
    )


def _note_end(composed: Composed, pair: KeyPair | None) -> None:
    """Show in the metrics until when the serving certificate is good."""
    end = certificate_end(pair) if pair is not None else None
    if end is not None:
        composed.shared.metrics.reloads.certificate_ends(CERTIFICATE, end)


def _sources(
    options: Options,
    composed: Composed,
    certificate: ServingCertificate | None,
    inform: Report,
) -> tuple[Source, ...]:
    authentication = options.authentication
    found = [
        Source(
            KUBECONFIG,
            lambda: composed.files.upstream.files,
            lambda: _load_upstream(options, composed.files.upstream),
        )
    ]

    def add(name: str, path: str, read: Callable[[list[str], list[str]], Value | None]) -> None:
        if path:
            found.append(Source(name, lambda: (path,), lambda: _load(read, inform)))

    add(
        POLICY,
        options.audit.policy_file,
        lambda faults, notes: _read_policy(options, faults, notes),
    )
    add(
        TOKENS,
        authentication.token_auth_file,
        lambda faults, notes: readers.read_token_file(
            authentication.token_auth_file, faults, notes
        ),
    )
    for name, path in (
        (CLIENT_CA, authentication.client_ca_file),
        (FRONT_PROXY_CA, authentication.requestheader_client_ca_file),
    ):
        add(
            name,
            path,
            lambda faults, _, name=name, path=path: readers.read_authorities(  # type: ignore[misc]
                path, f"--{name}", faults
            ),
        )
    if keys := authentication.service_account_key_file:
        found.append(
            Source(
                SERVICE_ACCOUNT_KEYS,
                lambda: keys,
                lambda: _load(
                    lambda faults, _: readers.read_service_account_keys(keys, faults), inform
                ),
            )
        )
    if webhook := authentication.token_webhook_config_file:
        found.append(
            Source(
                TOKEN_WEBHOOK,
                lambda: composed.files.token_webhook.files if composed.files.token_webhook else (),
                lambda: _load(
                    lambda faults, _: readers.read_token_webhook(webhook, faults), inform
                ),
            )
        )
    if paths := files_of(authentication):
        name = AUTHENTICATION if authentication.authentication_config else "oidc-ca-file"
        found.append(Source(name, lambda: paths, lambda: _load_trusted(options, composed.files)))
    redactor = composed.files.redactor
    rules, key_file = options.audit.redact, options.audit.redact_key_file
    if redactor is not None and (rules or key_file):
        # A key made at random lasts as long as the process, or its digests could not be compared.
        key = redactor.key
        found.append(
            Source(
                REDACTION,
                lambda: tuple(filter(None, (rules, key_file))),
                lambda: _load(
                    lambda faults, notes: read_redactor(
                        options.audit, faults, notes, lambda _: key
                    ),
                    inform,
                ),
            )
        )
    if certificate is not None:
        paths = certificate.paths
        found.append(Source(CERTIFICATE, lambda: paths, lambda: _load_pair(paths)))
    return tuple(found)


def _load(read: Callable[[list[str], list[str]], Value | None], inform: Report) -> Value:
    """What a reader of files.py reads; raises ReloadError with its faults."""
    faults: list[str] = []
    notes: list[str] = []
    value = read(faults, notes)
    if faults or value is None:
        raise ReloadError("; ".join(faults))
    for note in notes:
        inform(note)
    return value


def _read_policy(options: Options, faults: list[str], notes: list[str]) -> Policy | None:
    """The policy, with the same notes as at the start."""
    misspelt: list[str] = []
    policy = readers.read_policy(options, faults, notes, misspelt)
    notes += (fault + FALLING_BACK for fault in misspelt)
    return policy


def _load_trusted(options: Options, current: readers.Files) -> Trusted:
    """The issuers as the file says now; where anonymous requests may go does not change."""
    faults: list[str] = []
    trusted = read_authentication(options.authentication, faults)
    if faults:
        raise ReloadError("; ".join(faults))
    if trusted.anonymous != current.trusted.anonymous:
        raise ReloadError(f"--{AUTHENTICATION}: anonymous may not change; restart for it")
    return trusted


def _load_upstream(options: Options, current: Upstream) -> Upstream:
    """The upstream as the kubeconfig says now: the same context, the same server.

    Somebody who turns to another cluster with ``kubectl config use-context`` must
    not turn a running proxy with it.
    """
    faults: list[str] = []
    upstream = readers.read_upstream(options, faults, [], context=current.context)
    if upstream is None:
        raise ReloadError("; ".join(faults))
    before, after = current.impersonating, upstream.impersonating
    if _address(before) != _address(after):
        raise ReloadError(
            f"--kubeconfig: {upstream.source} names another server; restart to turn to it"
        )
    return upstream


def _address(target: Any) -> tuple[Any, ...]:
    return target.scheme, target.host, target.port, target.base_path


def _load_pair(paths: tuple[str, str]) -> Any:
    try:
        return read_key_pair(*paths)
    except ServingError as error:
        raise ReloadError(str(error)) from None
