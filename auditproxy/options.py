"""Options: every setting of the proxy in frozen groups, and validate(), which finds every fault.

    Options
    |-- serving          address, certificate and deadlines of the client's side
    |-- upstream         which kube-apiserver, and how it learns who asks
    |-- authentication   who may log in, and how
    |-- audit            policy, the log backend, what is kept of bodies
    |-- health           the listener of /livez, /readyz and /metrics
    +-- logging          what operators read

The defaults of the fields are the defaults of the flags. Paths are text; ""
means that the setting is not given. Durations are nanoseconds, sizes are bytes.
"""

import ipaddress
import json
from dataclasses import dataclass, field

TLS_VERSIONS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")
UPSTREAM_IDENTITIES = ("impersonate", "passthrough")
AUDIT_MODES = ("batch", "blocking", "blocking-strict")
AUDIT_FORMATS = ("legacy", "json")
AUDIT_VERSIONS = ("audit.k8s.io/v1",)
AUTHORIZATION_ANNOTATIONS = ("infer", "review", "off")
LOGGING_FORMATS = ("json", "text")

_SECOND = 1_000_000_000
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The listener that clients connect to."""

    bind_address: str = "0.0.0.0"  # noqa: S104 kube-apiserver's default
    """IP address to listen on; ``0.0.0.0`` or ``::`` for all interfaces."""
    secure_port: int = 6443
    """Port of the HTTPS listener, 1 to 65535."""
    cert_dir: str = "auditproxy.local.config/certificates"
    """Folder where a self-signed certificate is kept when no certificate is named."""
    tls_cert_file: str = ""
    """PEM file with the serving certificate and its intermediates, or ""."""
    tls_private_key_file: str = ""
    """PEM file with the key of ``tls_cert_file``; both are given or none."""
    tls_min_version: str = "VersionTLS12"
    """Oldest TLS version that is spoken, one of TLS_VERSIONS."""
    request_timeout: int = 60 * _SECOND
    """Nanoseconds until a request that is not long-running is ended; also the longest wait for
    such requests at shutdown, as in kube-apiserver."""
    shutdown_delay_duration: int = 0
    """Nanoseconds between a shutdown's failing /readyz and the end of accepting requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """The kube-apiserver behind the proxy."""

    kubeconfig: str = ""
    """Path of the kubeconfig that names the upstream and our credential; "" stands for
    $KUBECONFIG, else the service account inside a pod, else ~/.kube/config."""
    context: str = ""
    """Context of the kubeconfig; "" is its current-context."""
    upstream_identity: str = "impersonate"
    """How the upstream learns who asks, one of UPSTREAM_IDENTITIES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """How a client proves who it is."""

    client_ca_file: str = ""
    """PEM bundle of the authorities that sign client certificates, or ""."""
    token_auth_file: str = ""
    """CSV file of static bearer tokens, or ""."""
    anonymous_auth: bool = True
    """Whether a request without credentials is system:anonymous instead of a 401."""
    token_review: bool = True
    """Whether the upstream is asked whose a bearer token is."""
    token_review_cache_success_ttl: int = 10 * _SECOND
    """Nanoseconds for which a token that the upstream knows is not asked about again."""
    token_review_cache_failure_ttl: int = 10 * _SECOND
    """Nanoseconds for which a token that the upstream refused is not asked about again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What is recorded, and where it goes."""

    policy_file: str = ""
    """audit.k8s.io/v1 Policy; "" is the built-in policy."""
    log_path: str = ""
    """File of the log backend; ``-`` is standard output, and so is "" without another backend."""
    log_maxage: int = 366
    """Days after which a rotated file is removed; 0 keeps it."""
    log_maxbackup: int = 100
    """How many rotated files are kept; 0 is all."""
    log_maxsize: int = 100
    """Mebibytes at which the file is rotated; 0 is never."""
    log_format: str = "json"
    """How an event is written, one of AUDIT_FORMATS."""
    log_compress: bool = False
    """Whether rotated files are compressed with gzip."""
    log_version: str = "audit.k8s.io/v1"
    """API group and version of the written events, one of AUDIT_VERSIONS."""
    log_mode: str = "blocking"
    """What a failing backend means to the request: ``blocking`` nothing, ``blocking-strict``
    a request whose RequestReceived event is not written is refused."""
    authorization_annotations: str = "infer"
    """Where the authorization.k8s.io/ annotations come from, one of AUTHORIZATION_ANNOTATIONS."""
    capture_request_limit: int = 3 * _MEBIBYTE
    """Bytes of one request body that are kept for its event."""
    capture_response_limit: int = 8 * _MEBIBYTE
    """Bytes of one response body that are kept for its event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOptions:
    """The plain HTTP listener of probes and metrics."""

    bind_address: str = "127.0.0.1:8081"
    """``host:port``, ``:port`` for all interfaces, "" or ``0`` for no listener."""

    def address(self) -> tuple[str, int] | None:
        """Host and port to listen on, None for no listener; host "" is all interfaces.

        Raises ValueError when the text is no address.
        """
        return parse_address(self.bind_address)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingOptions:
    """The lines for operators, on standard error; audit events never go there."""

    verbosity: int = 0
    """klog's -v: 0 is information, 2 and more is debugging."""
    format: str = "text"
    """How a line is written, one of LOGGING_FORMATS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every setting; a group and field for each flag of ``auditproxy serve``."""

    serving: ServingOptions = field(default_factory=ServingOptions)
    """The listener that clients connect to."""
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)
    """The kube-apiserver behind the proxy."""
    authentication: AuthenticationOptions = field(default_factory=AuthenticationOptions)
    """How a client proves who it is."""
    audit: AuditOptions = field(default_factory=AuditOptions)
    """What is recorded, and where it goes."""
    health: HealthOptions = field(default_factory=HealthOptions)
    """The listener of probes and metrics."""
    logging: LoggingOptions = field(default_factory=LoggingOptions)
    """The lines for operators."""


def parse_address(text: str) -> tuple[str, int] | None:
    """Read ``host:port``: host without brackets and port 0 to 65535; None for "" and ``0``.

    Raises ValueError with a text that says what is wrong.
    """
    if text in ("", "0"):
        return None
    host, colon, port_text = text.rpartition(":")
    if not colon:
        raise ValueError("missing port in address")
    if not (port_text.isascii() and port_text.isdigit()) or int(port_text[:6]) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("no IPv6 address stands in the brackets") from None
    elif ":" in host:
        raise ValueError("too many colons in address; an IPv6 address stands in brackets")
    elif any(char.isspace() or char in "/@[]" for char in host):
        raise ValueError("the host is no name and no IP address")
    return host, int(port_text)


def validate(options: Options) -> tuple[str, ...]:
    """Every fault that shows without reading a file, in the order of the flags; () when sound.

    Texts are kube-apiserver's where it has one, else they name the flag and the fix.
    """
    return (
        *_serving_faults(options.serving),
        *_upstream_faults(options.upstream),
        *_authentication_faults(options.authentication),
        *_audit_faults(options.audit),
        *_health_faults(options.health, options.serving),
        *_logging_faults(options.logging),
    )


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _choice(flag: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    if value in allowed:
        return []
    return [f"invalid --{flag} {_quote(value)}, allowed values are {_quote(','.join(allowed))}"]


def _serving_faults(serving: ServingOptions) -> list[str]:
    faults = []
    try:
        ipaddress.ip_address(serving.bind_address)
    except ValueError:
        faults.append(
            f"--bind-address {_quote(serving.bind_address)} is no IP address; "
            "give one of this machine, or 0.0.0.0 for all interfaces"
        )
    if not 1 <= serving.secure_port <= 65535:
        faults.append(
            f"--secure-port {serving.secure_port} must be between 1 and 65535, inclusive. "
            "It cannot be turned off with 0"
        )
    certificate, key = serving.tls_cert_file, serving.tls_private_key_file
    if bool(certificate) != bool(key):
        given, missing = "--tls-cert-file", "--tls-private-key-file"
        if key:
            given, missing = missing, given
        faults.append(
            f"{given} is given without {missing}; give both, "
            "or neither for a self-signed certificate"
        )
    if not (certificate or key or serving.cert_dir):
        faults.append(
            "--cert-dir is empty and no certificate is named; name a folder, "
            "or give --tls-cert-file and --tls-private-key-file"
        )
    faults += _choice("tls-min-version", serving.tls_min_version, TLS_VERSIONS)
    if serving.request_timeout < 0:
        faults.append("--request-timeout can not be negative value")
    elif serving.request_timeout == 0:
        faults.append("--request-timeout 0s would end every request at once; give more, as 1m0s")
    if serving.shutdown_delay_duration < 0:
        faults.append("--shutdown-delay-duration can not be negative value")
    return faults


def _upstream_faults(upstream: UpstreamOptions) -> list[str]:
    return _choice("upstream-identity", upstream.upstream_identity, UPSTREAM_IDENTITIES)


def _authentication_faults(authentication: AuthenticationOptions) -> list[str]:
    faults = []
    if not (
        authentication.client_ca_file
        or authentication.token_auth_file
        or authentication.token_review
        or authentication.anonymous_auth
    ):
        faults.append(
            "nobody could log in: --anonymous-auth and --authentication-token-review are false "
            "and neither --client-ca-file nor --token-auth-file is given; allow one of them"
        )
    for kind, ttl in (
        ("success", authentication.token_review_cache_success_ttl),
        ("failure", authentication.token_review_cache_failure_ttl),
    ):
        if ttl < 0:
            faults.append(
                f"--authentication-token-review-cache-{kind}-ttl can't be negative; "
                "0s turns this cache off"
            )
    return faults


def _audit_faults(audit: AuditOptions) -> list[str]:
    """kube-apiserver's faults in its order, then those of our own flags."""
    faults = []
    if audit.log_mode not in AUDIT_MODES:
        faults.append(
            f"invalid audit log mode {audit.log_mode}, "
            f"allowed modes are {_quote(','.join(AUDIT_MODES))}"
        )
    elif audit.log_mode == "batch":
        faults.append(
            "--audit-log-mode batch: this version of auditproxy does not have it yet; "
            "give blocking or blocking-strict"
        )
    if audit.log_version.count("/") > 1:
        faults.append(f"unexpected GroupVersion string: {audit.log_version}")
    elif audit.log_version not in AUDIT_VERSIONS:
        known = " ".join(_quote(version) for version in AUDIT_VERSIONS)
        faults.append(f"invalid group version, allowed versions are [{known}]")
    if audit.log_format not in AUDIT_FORMATS:
        faults.append(
            f"invalid audit log format {audit.log_format}, "
            f"allowed formats are {_quote(','.join(AUDIT_FORMATS))}"
        )
    for name, number in (
        ("maxage", audit.log_maxage),
        ("maxbackup", audit.log_maxbackup),
        ("maxsize", audit.log_maxsize),
    ):
        if number < 0:
            faults.append(f"--audit-log-{name} {number} can't be a negative number")
    faults += _choice(
        "audit-authorization-annotations",
        audit.authorization_annotations,
        AUTHORIZATION_ANNOTATIONS,
    )
    for name, limit in (
        ("request", audit.capture_request_limit),
        ("response", audit.capture_response_limit),
    ):
        if limit < 1:
            faults.append(f"--audit-capture-{name}-limit {limit} must be a positive number")
    return faults


def _health_faults(health: HealthOptions, serving: ServingOptions) -> list[str]:
    try:
        address = health.address()
    except ValueError as error:
        return [
            f"--health-bind-address {_quote(health.bind_address)}: {error}; "
            'give host:port, or "" for no listener'
        ]
    if address is None or address[1] != serving.secure_port:
        return []
    everywhere = ("", "0.0.0.0", "::")  # noqa: S104 compared, not bound
    if address[0] in everywhere or serving.bind_address in (*everywhere, address[0]):
        return [
            f"--health-bind-address {health.bind_address} is the address of the proxy itself "
            f"(--secure-port {serving.secure_port}); give another port"
        ]
    return []


def _logging_faults(logging: LoggingOptions) -> list[str]:
    faults = []
    if logging.verbosity < 0:
        faults.append(f"-v {logging.verbosity} can't be a negative number")
    return faults + _choice("logging-format", logging.format, LOGGING_FORMATS)
