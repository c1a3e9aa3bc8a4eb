"""The flags of ``auditproxy serve``: which setting each one is, and what help says of it.

    SETTINGS         flag <-> group and field of Options, in the order of help
    options_from     values by flag name -> Options

Names, defaults and meaning are kube-apiserver's where it has the flag. The
defaults stand in options.py alone. docs/flags.md repeats the table below, and
a test keeps them the same.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditproxy.flags import BOOL, BYTES, DURATION, HELP, INT, IP, STRING, Flag, Kind
from auditproxy.options import Options

SERVING = "Secure serving flags"
UPSTREAM = "Upstream flags"
AUTHENTICATION = "Authentication flags"
AUDITING = "Auditing flags"
HEALTH = "Health and metrics flags"
MISC = "Misc flags"

_DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its flag, and its place in Options and in the configuration file.

    ``is_path`` marks values that a configuration file means relative to itself.
    """

    flag: Flag
    group: str
    field: str
    is_path: bool = False

    @property
    def key(self) -> str:
        """The name in the configuration file: the flag's name in camelCase."""
        return camel_case(self.flag.name)


def camel_case(name: str) -> str:
    """``audit-log-path`` as ``auditLogPath``."""
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)


_SECTIONS = {
    "serving": SERVING,
    "upstream": UPSTREAM,
    "authentication": AUTHENTICATION,
    "audit": AUDITING,
    "health": HEALTH,
    "logging": MISC,
}


def _setting(
    place: str, name: str, kind: Kind, usage: str, *, shorthand: str = "", is_path: bool = False
) -> Setting:
    """A row of the table; ``place`` is ``group.field`` of Options."""
    group, field = place.split(".")
    default = getattr(getattr(_DEFAULTS, group), field)
    flag = Flag(name, kind, default, usage, _SECTIONS[group], shorthand)
    return Setting(flag, group, field, is_path)


SETTINGS = (
    _setting(
        "serving.bind_address",
        "bind-address",
        IP,
        "IP address on which clients are served; 0.0.0.0 or :: is all interfaces.",
    ),
    _setting(
        "serving.secure_port",
        "secure-port",
        INT,
        "Port on which clients are served with HTTPS. It cannot be turned off with 0.",
    ),
    _setting(
        "serving.cert_dir",
        "cert-dir",
        STRING,
        "Folder of the self-signed serving certificate, which is made there at the first start. "
        "Ignored when --tls-cert-file and --tls-private-key-file are given.",
        is_path=True,
    ),
    _setting(
        "serving.tls_cert_file",
        "tls-cert-file",
        STRING,
        "PEM file with the serving certificate, followed by its intermediates. Without it and "
        "--tls-private-key-file a self-signed certificate is made in --cert-dir.",
        is_path=True,
    ),
    _setting(
        "serving.tls_private_key_file",
        "tls-private-key-file",
        STRING,
        "PEM file with the private key of --tls-cert-file.",
        is_path=True,
    ),
    _setting(
        "serving.tls_min_version",
        "tls-min-version",
        STRING,
        "Oldest TLS version that clients may speak: VersionTLS10, VersionTLS11, VersionTLS12 or "
        "VersionTLS13.",
    ),
    _setting(
        "serving.request_timeout",
        "request-timeout",
        DURATION,
        "How long a request may take before it is answered with a timeout. Long-running requests "
        "such as watch, exec and logs -f are not bounded.",
    ),
    _setting(
        "serving.shutdown_delay_duration",
        "shutdown-delay-duration",
        DURATION,
        "How long requests are still served after a signal to stop, while /readyz already fails, "
        "so that load balancers have the time to turn away.",
    ),
    _setting(
        "upstream.kubeconfig",
        "kubeconfig",
        STRING,
        "Kubeconfig with the address of the kube-apiserver and the proxy's own credential. Empty "
        "means $KUBECONFIG, else the service account inside a pod, else ~/.kube/config.",
        is_path=True,
    ),
    _setting(
        "upstream.context",
        "context",
        STRING,
        "Context of the kubeconfig to use. Empty means its current-context.",
    ),
    _setting(
        "upstream.upstream_identity",
        "upstream-identity",
        STRING,
        "How the kube-apiserver learns who asks: impersonate (the proxy's credential with "
        "Impersonate-* headers) or passthrough (the client's own bearer token).",
    ),
    _setting(
        "authentication.client_ca_file",
        "client-ca-file",
        STRING,
        "PEM bundle of authorities. A client with a certificate of one of them is the user of its "
        "common name, in the groups of its organizations.",
        is_path=True,
    ),
    _setting(
        "authentication.token_auth_file",
        "token-auth-file",
        STRING,
        'CSV file of static bearer tokens: token,user,uid,"group1,group2".',
        is_path=True,
    ),
    _setting(
        "authentication.anonymous_auth",
        "anonymous-auth",
        BOOL,
        "Let requests without credentials pass as system:anonymous in the group "
        "system:unauthenticated, instead of answering 401.",
    ),
    _setting(
        "authentication.token_review",
        "authentication-token-review",
        BOOL,
        "Ask the kube-apiserver whose a bearer token is: with a TokenReview, or with a "
        "SelfSubjectReview and the client's own token where the proxy may not review tokens.",
    ),
    _setting(
        "authentication.token_review_cache_success_ttl",
        "authentication-token-review-cache-success-ttl",
        DURATION,
        "How long the user of a reviewed token is remembered. 0s asks every time.",
    ),
    _setting(
        "authentication.token_review_cache_failure_ttl",
        "authentication-token-review-cache-failure-ttl",
        DURATION,
        "How long it is remembered that a token was refused. 0s asks every time.",
    ),
    _setting(
        "audit.policy_file",
        "audit-policy-file",
        STRING,
        "Audit policy, an audit.k8s.io/v1 Policy. Empty means the built-in policy: Metadata for "
        "all requests, nothing for health checks and leases, secrets and tokens never above "
        "Metadata.",
        is_path=True,
    ),
    _setting(
        "audit.authorization_annotations",
        "audit-authorization-annotations",
        STRING,
        "Where the annotations authorization.k8s.io/decision and reason come from: infer (from the "
        "answer), review (from a SubjectAccessReview, with the real reason) or off.",
    ),
    _setting(
        "audit.capture_request_limit",
        "audit-capture-request-limit",
        BYTES,
        "Largest request body that is kept for its event; a plain number, or with KiB, MiB or GiB.",
    ),
    _setting(
        "audit.capture_response_limit",
        "audit-capture-response-limit",
        BYTES,
        "Largest response body that is kept for its event; a plain number, or with KiB, MiB or "
        "GiB.",
    ),
    _setting(
        "audit.log_path",
        "audit-log-path",
        STRING,
        "File that events are appended to; - is standard output. Empty means standard output as "
        "long as no other backend is named.",
        is_path=True,
    ),
    _setting(
        "audit.log_format",
        "audit-log-format",
        STRING,
        "How an event is written: json (one object a line) or legacy (one line of key=value).",
    ),
    _setting(
        "audit.log_mode",
        "audit-log-mode",
        STRING,
        "What a failed write means to the request: blocking (nothing, it is counted) or "
        "blocking-strict (a request whose arrival cannot be recorded is refused). "
        "This version does not have batch yet.",
    ),
    _setting(
        "audit.log_version",
        "audit-log-version",
        STRING,
        "API group and version in which events are written.",
    ),
    _setting(
        "audit.log_maxsize",
        "audit-log-maxsize",
        INT,
        "Size in MiB at which the log file is rotated. 0 turns rotation off.",
    ),
    _setting(
        "audit.log_maxage",
        "audit-log-maxage",
        INT,
        "Days for which rotated files are kept, by the time in their names. 0 keeps them.",
    ),
    _setting(
        "audit.log_maxbackup",
        "audit-log-maxbackup",
        INT,
        "How many rotated files are kept. 0 keeps all.",
    ),
    _setting(
        "audit.log_compress",
        "audit-log-compress",
        BOOL,
        "Compress rotated files with gzip.",
    ),
    _setting(
        "health.bind_address",
        "health-bind-address",
        STRING,
        'Address of the plain HTTP listener of /livez, /readyz and /metrics. Empty ("") or 0 '
        "means no such listener.",
    ),
    _setting(
        "logging.verbosity",
        "v",
        INT,
        "How much is said on standard error: 0 is information, 2 and more is debugging.",
        shorthand="v",
    ),
    _setting(
        "logging.format",
        "logging-format",
        STRING,
        "How lines on standard error are written: text or json.",
    ),
)
"""Every setting; help and documentation keep this order."""

CONFIG = Flag(
    "config",
    STRING,
    "",
    "File with the same settings, an auditproxy.io/v1alpha1 ProxyConfiguration. Flags win over it.",
    MISC,
)
CHECK_CONFIG = Flag(
    "check-config",
    BOOL,
    False,
    "Check the flags and every file they name, print all faults and exit: 0 is sound, 2 is not.",
    MISC,
)

FLAGS = (
    *(setting.flag for setting in SETTINGS),
    CONFIG,
    CHECK_CONFIG,
    dataclasses.replace(HELP, section=MISC),
)
"""Every flag of ``auditproxy serve``."""


def options_from(values: Mapping[str, Any]) -> Options:
    """Options with ``values``, by flag name, in place of the defaults; other names are ignored."""
    groups: dict[str, dict[str, Any]] = {}
    for setting in SETTINGS:
        if setting.flag.name in values:
            groups.setdefault(setting.group, {})[setting.field] = values[setting.flag.name]
    return dataclasses.replace(
        _DEFAULTS,
        **{
            group: dataclasses.replace(getattr(_DEFAULTS, group), **fields)
            for group, fields in groups.items()
        },
    )


def files_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that say which files are read, for checking files beside settings with faults.

    A certificate without its key, or the other way round, is left out: that is a fault already.
    """
    names = {setting.flag.name for setting in SETTINGS if setting.is_path} | {"context"}
    pair = {"tls-cert-file", "tls-private-key-file"}
    if not all(values.get(name) for name in pair):
        names -= pair
    return {name: value for name, value in values.items() if name in names}
