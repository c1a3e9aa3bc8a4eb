"""The files that the options name: read and checked, with every fault of every file at once."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditproxy.apis.audit import Policy
from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.audit.policy.advice import advice, spelling
from auditproxy.audit.policy.builtin import BUILTIN_POLICY
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import FALLING_BACK, LENIENT, load_policy
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.authentication.tokens.publickeys import PublicKey, PublicKeyError, read_public_keys
from auditproxy.authentication.tokens.tokenfile import TokenFile, TokenFileError, parse_token_file
from auditproxy.authentication.x509.authorities import BundleError, CertificateAuthorities
from auditproxy.capture.copies import DEFAULT_LIMITS, CaptureLimits, fault_of_folder
from auditproxy.clients.webhook import WebhookTarget
from auditproxy.files.issuers import NOBODY_TRUSTED, Trusted, read_authentication
from auditproxy.files.redaction import read_redactor
from auditproxy.files.webhook import WebhookConfigError, load_target
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.kubeconfig.frontproxy import with_front_proxy
from auditproxy.kubeconfig.upstream import Upstream, load_upstream
from auditproxy.options import Options
from auditproxy.options.audit import AuditOptions
from auditproxy.options.backends import STRICT
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.table import WireTableError, merged
from auditproxy.serializer.protobuf.table import parse as parse_table

AUDIT_WEBHOOK = "audit-webhook-config-file"
TOKEN_WEBHOOK = "authentication-token-webhook-config-file"  # noqa: S105 - a flag


@dataclass(frozen=True, slots=True)
class Files:
    """What the files say that the options name."""

    policy: Policy
    token_file: TokenFile | None
    upstream: Upstream
    types: Decoder
    redactor: Redactor | None
    notes: tuple[str, ...]
    """Start-up lines: each default that was taken, each warning of a file."""
    client_authorities: CertificateAuthorities | None = None
    front_proxy_authorities: CertificateAuthorities | None = None
    service_account_keys: tuple[PublicKey, ...] = ()
    token_webhook: WebhookTarget | None = None
    trusted: Trusted = NOBODY_TRUSTED
    captures: CaptureLimits = DEFAULT_LIMITS
    audit_webhook: WebhookTarget | None = None
    warnings: tuple[str, ...] = ()
    """Start-up lines of what is used and is probably not meant so."""
    misspelt: tuple[str, ...] = ()
    """Those of a policy's fields that no policy has."""


class FilesError(Exception):
    """Files that cannot be used; ``faults`` has a line for each, ``misspelt`` is that of Files."""

    def __init__(self, faults: tuple[str, ...], misspelt: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(faults))
        self.faults, self.misspelt = faults, misspelt


def read_files(options: Options) -> Files:
    """Read and check every file; raises FilesError with all faults."""
    faults: list[str] = []
    notes: list[str] = []
    warnings: list[str] = []
    misspelt: list[str] = []
    policy = read_policy(options, faults, notes, misspelt)
    token_file = read_token_file(options.authentication.token_auth_file, faults, notes)
    upstream = read_upstream(options, faults, notes)
    types = read_types(options.audit.protobuf_tables, faults)
    audit_webhook = read_webhook(options.audit_webhook.config_file, AUDIT_WEBHOOK, faults)
    captures = read_captures(options.audit, faults, notes)
    token_webhook = read_token_webhook(options.authentication.token_webhook_config_file, faults)
    service_account_keys = read_service_account_keys(
        options.authentication.service_account_key_file, faults
    )
    trusted = read_authentication(options.authentication, faults)
    redactor = read_redactor(options.audit, faults, notes)
    client_ca = options.authentication.client_ca_file
    client_authorities = read_authorities(client_ca, "--client-ca-file", faults)
    front_proxy_authorities = read_authorities(
        options.authentication.requestheader_client_ca_file,
        "--requestheader-client-ca-file",
        faults,
    )
    faults += overlap_faults(options, client_authorities, front_proxy_authorities)
    if upstream and upstream.by_certificate and not (client_ca or _passes_through(options)):
        warnings.append(
            f"{upstream.source} has a client certificate, but without --client-ca-file clients "
            "that show one are anonymous: give it the authority that signed theirs; for kind, "
            "minikube and kubeadm that is the certificate-authority of this very kubeconfig"
        )
    if front_proxy_authorities and not options.authentication.requestheader_username_headers:
        notes.append(
            "--requestheader-client-ca-file without --requestheader-username-headers: no header "
            "names a user; give X-Remote-User"
        )
    if client_ca and _passes_through(options):
        notes.append(
            "--client-ca-file with --upstream-identity=passthrough: clients known by certificate "
            "are refused, because their certificate cannot be passed through"
        )
    if front_proxy_authorities and _passes_through(options):
        notes.append(
            "--requestheader-client-ca-file with --upstream-identity=passthrough: clients named by "
            "a front proxy are refused, because they have no token that could be passed through"
        )
    if options.authentication.token_auth_file and _passes_through(options):
        notes.append(
            "--token-auth-file with --upstream-identity=passthrough: its tokens are passed to the "
            "upstream, which must know them too"
        )
    if token_webhook is not None and _passes_through(options):
        notes.append(
            f"--{TOKEN_WEBHOOK} with --upstream-identity=passthrough: tokens that the webhook "
            "knows are passed to the upstream, which must know them too"
        )
    if faults or policy is None or upstream is None:
        raise FilesError(tuple(faults), tuple(misspelt))
    return Files(
        policy,
        token_file,
        upstream,
        types,
        redactor,
        tuple(notes),
        client_authorities,
        front_proxy_authorities,
        service_account_keys,
        token_webhook,
        trusted,
        captures,
        audit_webhook,
        (*(fault + FALLING_BACK for fault in misspelt), *warnings),
        tuple(misspelt),
    )


def _passes_through(options: Options) -> bool:
    return options.upstream.upstream_identity == "passthrough"


def read_types(paths: tuple[str, ...], faults: list[str]) -> Decoder:
    """The decoder of protobuf bodies, with the operator's tables over the built-in one."""
    tables = []
    for path in paths:
        known = len(faults)
        raw = _read(path, "--audit-protobuf-table", faults)
        if len(faults) > known:
            continue
        try:
            tables.append(parse_table(raw))
        except WireTableError as error:
            faults += [f"--audit-protobuf-table {path}: {fault}" for fault in error.faults]
    return Decoder(merged(tuple(tables))) if tables else BUILTIN_TYPES


def _read(path: str, flag: str, faults: list[str]) -> bytes:
    """A file's bytes; none and a fault when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        faults.append(f"{flag} {path} cannot be read: {error.strerror}")
        return b""


def read_authorities(path: str, flag: str, faults: list[str]) -> CertificateAuthorities | None:
    """The authorities of a PEM bundle; none when the flag is not given."""
    if not path:
        return None
    before = len(faults)
    bundle = _read(path, flag, faults)
    if len(faults) > before:
        return None
    try:
        return CertificateAuthorities(bundle)
    except BundleError as error:
        faults.append(f"{flag} {path} cannot be used: {error}; name a PEM bundle")
        return None


def overlap_faults(
    options: Options,
    clients: CertificateAuthorities | None,
    front_proxies: CertificateAuthorities | None,
) -> list[str]:
    """kube-apiserver's fault of an authority that signs clients and front proxies alike."""
    if clients is None or front_proxies is None or not clients.overlaps(front_proxies):
        return []
    if options.authentication.requestheader_allowed_names:
        return []
    return [
        "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; "
        "--requestheader-allowed-names must be specified to ensure regular client certificates "
        "cannot set authenticating proxy headers for arbitrary users"
    ]


def read_policy(
    options: Options, faults: list[str], notes: list[str], misspelt: list[str]
) -> Policy | None:
    """The policy; ``misspelt`` are what strict decoding would refuse, as in kube-apiserver."""
    path = options.audit.policy_file
    if not path:
        notes.append(
            "no --audit-policy-file: the built-in policy records the metadata of all requests "
            "but health checks and leases"
        )
        return load_policy(BUILTIN_POLICY, "")[0]
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        faults.append(
            f'loading audit policy file: failed to read file path "{path}": '
            f"open {path}: {(error.strerror or '').lower()}"
        )
        return None
    try:
        policy, not_strict = load_policy(raw, path)
    except PolicyError as error:
        faults.append(f"loading audit policy file: {error}")
        return None
    misspelt += (
        f"--audit-policy-file {path}: {spelling(text.removeprefix(LENIENT))}" for text in not_strict
    )
    notes += advice(policy, strict=is_strict(options))
    return policy


def is_strict(options: Options) -> bool:
    """Whether a request whose arrival cannot be stored is refused."""
    webhook = options.audit_webhook
    return options.audit_log.mode == STRICT or bool(webhook.config_file and webhook.mode == STRICT)


def read_token_file(path: str, faults: list[str], notes: list[str]) -> TokenFile | None:
    """The static token file; none without the flag."""
    if not path:
        return None
    before = len(faults)
    raw = _read(path, "--token-auth-file", faults)
    if len(faults) > before:
        return None
    try:
        token_file = parse_token_file(raw, path, secrets.token_bytes(32))
    except TokenFileError as error:
        faults.append(f"--token-auth-file: {error}")
        return None
    notes += token_file.warnings
    return token_file


def read_upstream(
    options: Options, faults: list[str], notes: list[str], *, context: str = ""
) -> Upstream | None:
    """The upstream of the kubeconfig; ``context`` is taken instead of the options' if given."""
    path = options.upstream.kubeconfig or default_kubeconfig(os.environ)
    if path and not options.upstream.kubeconfig and not Path(path).exists():
        faults.append(
            f"there is no upstream: {path} does not exist and this is no pod of a cluster; "
            "give --kubeconfig"
        )
        return None
    try:
        upstream = load_upstream(path, context or options.upstream.context)
        if options.upstream.upstream_identity == "request-header":
            upstream = with_front_proxy(
                upstream,
                options.upstream.proxy_client_cert_file,
                options.upstream.proxy_client_key_file,
            )
    except CredentialError as error:
        faults.append(str(error))
        return None
    notes.append(f"the upstream is {upstream.source}")
    notes += upstream.warnings
    return upstream


def default_kubeconfig(environment: Mapping[str, str]) -> str:
    """The kubeconfig that kubectl would use, or "" for the pod's service account.

    Inside a pod without $KUBECONFIG the service account wins, as for any controller.
    """
    named = environment.get("KUBECONFIG", "")
    if named:
        return next((path for path in named.split(os.pathsep) if path), "")
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    return str(Path.home() / ".kube" / "config")


def read_service_account_keys(paths: tuple[str, ...], faults: list[str]) -> tuple[PublicKey, ...]:
    """The keys of every file, in order; each file must have one."""
    keys: list[PublicKey] = []
    for path in paths:
        try:
            keys += read_public_keys(Path(path).read_bytes())
        except OSError as error:
            faults.append(f"--service-account-key-file {path} cannot be read: {error.strerror}")
        except PublicKeyError as error:
            faults.append(f"--service-account-key-file {path}: {error}")
    return tuple(keys)


def read_captures(audit: AuditOptions, faults: list[str], notes: list[str]) -> CaptureLimits:
    """What copies of bodies may hold; no files where the system's folder takes none.

    A folder that was named must take one.
    """
    folder, files = audit.capture_spill_dir, audit.capture_spill_limit
    why = fault_of_folder(folder) if files else ""
    if why and audit.capture_spill_dir:
        faults.append(
            f"--audit-capture-spill-dir {audit.capture_spill_dir} takes no temporary file: {why}; "
            "name a folder that can be written, or give --audit-capture-spill-limit=0"
        )
    elif why:
        notes.append(
            f"the system's temporary folder takes no file ({why}): copies of bodies stay within "
            "--audit-capture-memory-limit; give --audit-capture-spill-dir for more"
        )
    return CaptureLimits(audit.capture_memory_limit, 0 if why else files, folder)


def read_token_webhook(path: str, faults: list[str]) -> WebhookTarget | None:
    """The token webhook of its kubeconfig; none without the flag. Nothing is connected to."""
    return read_webhook(path, TOKEN_WEBHOOK, faults, "token webhook")


def read_webhook(
    path: str, flag: str, faults: list[str], purpose: str = "audit webhook"
) -> WebhookTarget | None:
    """A webhook of its kubeconfig; none without the flag. Nothing is connected to."""
    if not path:
        return None
    try:
        return load_target(path, f"--{flag}", purpose)
    except WebhookConfigError as error:
        faults.append(str(error))
        return None
