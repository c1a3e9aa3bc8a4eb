"""The flags of the listener, of the upstream, of health and of the lines for operators."""

from auditproxy.flags.pflag import BOOL, DURATION, INT, IP, LIST, STRING
from auditproxy.flags.settings import setting

SERVING_SETTINGS = (
    setting(
        "serving.bind_address",
        "bind-address",
        IP,
        "IP address on which clients are served; 0.0.0.0 or :: is all interfaces.",
    ),
    setting(
        "serving.secure_port",
        "secure-port",
        INT,
        "Port on which clients are served with HTTPS. It cannot be turned off with 0.",
    ),
    setting(
        "serving.cert_dir",
        "cert-dir",
        STRING,
        "Folder of the self-signed serving certificate, which is made there at the first start. "
        "Ignored when --tls-cert-file and --tls-private-key-file are given.",
        is_path=True,
    ),
    setting(
        "serving.tls_cert_file",
        "tls-cert-file",
        STRING,
        "PEM file with the serving certificate, followed by its intermediates. Without it and "
        "--tls-private-key-file a self-signed certificate is made in --cert-dir.",
        is_path=True,
    ),
    setting(
        "serving.tls_private_key_file",
        "tls-private-key-file",
        STRING,
        "PEM file with the private key of --tls-cert-file.",
        is_path=True,
    ),
    setting(
        "serving.tls_min_version",
        "tls-min-version",
        STRING,
        "Oldest TLS version that clients may speak: VersionTLS10, VersionTLS11, VersionTLS12 or "
        "VersionTLS13.",
    ),
    setting(
        "serving.request_timeout",
        "request-timeout",
        DURATION,
        "How long a request may take before it is answered with a timeout. Does not apply to "
        "long-running requests such as watch, exec and logs -f.",
    ),
    setting(
        "serving.audit_grace",
        "shutdown-audit-grace-period",
        DURATION,
        "How long the audit backends have, after the last request has ended at a stop, to deliver "
        "what they hold. Undelivered events are dropped, counted and logged, and the exit code is "
        "3.",
    ),
    setting(
        "serving.shutdown_delay_duration",
        "shutdown-delay-duration",
        DURATION,
        "How long requests are still served after a signal to stop, while /readyz already fails, "
        "so that load balancers can remove the proxy.",
    ),
    setting(
        "serving.trusted_proxy_cidrs",
        "trusted-proxy-cidrs",
        LIST,
        "Networks of the proxies in front of this one. If given, X-Forwarded-For and X-Real-Ip are "
        "used only as far as these proxies report them. Empty accepts them from every client, as "
        "kube-apiserver does; the last of an event's sourceIPs is always the peer.",
    ),
    setting(
        "serving.proxy_protocol",
        "proxy-protocol",
        STRING,
        "Whether connections from --trusted-proxy-cidrs begin with a PROXY protocol header, which "
        "carries the client's address: off, v1, v2 or any. Connections without the header are "
        "closed.",
    ),
    setting(
        "serving.max_connections",
        "max-connections",
        INT,
        "Maximum number of client connections; more are closed at once. 0, or more than the limit "
        "of open files allows, means as many as that allows.",
    ),
    setting(
        "serving.max_connections_per_address",
        "max-connections-per-address",
        INT,
        "Maximum number of client connections from one address; more are closed at once. Does not "
        "apply to addresses in --trusted-proxy-cidrs. 0 means no limit.",
    ),
    setting(
        "upstream.kubeconfig",
        "kubeconfig",
        STRING,
        "Kubeconfig with the address of the kube-apiserver and the proxy's own credential. Empty "
        "means $KUBECONFIG, else the service account inside a pod, else ~/.kube/config.",
        is_path=True,
    ),
    setting(
        "upstream.context",
        "context",
        STRING,
        "Context of the kubeconfig to use. Empty means its current-context.",
    ),
    setting(
        "upstream.upstream_identity",
        "upstream-identity",
        STRING,
        "How the proxy names the user to the kube-apiserver: impersonate (the proxy's "
        "credential with Impersonate-* headers), passthrough (the client's own bearer token) or "
        "request-header (X-Remote-* headers of a front proxy, with the certificate in "
        "--proxy-client-cert-file).",
    ),
    setting(
        "upstream.proxy_client_cert_file",
        "proxy-client-cert-file",
        STRING,
        "PEM file with the proxy's certificate as a front proxy, for "
        "--upstream-identity=request-header, issued by the authority in the kube-apiserver's "
        "--requestheader-client-ca-file.",
        is_path=True,
    ),
    setting(
        "upstream.proxy_client_key_file",
        "proxy-client-key-file",
        STRING,
        "PEM file with the private key of --proxy-client-cert-file.",
        is_path=True,
    ),
    setting(
        "upstream.impersonation_original_user_extra",
        "impersonation-original-user-extra",
        STRING,
        "Key of an extra field, such as example.com/original-user, that names the impersonating "
        "user to the kube-apiserver. Clients cannot set it. Empty sends none.",
    ),
    setting(
        "upstream.impersonation_marker_extra",
        "impersonation-marker-extra",
        STRING,
        "Extra field, as key=value, on every forwarded request, such as "
        "auditproxy.io/via=auditproxy, so that an admission policy can refuse requests that "
        "bypassed the proxy. Clients that send this key themselves are refused. Empty means none.",
    ),
    setting(
        "upstream.check_period",
        "upstream-check-period",
        DURATION,
        "How often the proxy checks that the kube-apiserver answers, accepts its credential and "
        "allows impersonation; /readyz follows the result. Checked sooner after failures. 0 "
        "disables the check.",
    ),
    setting(
        "upstream.required",
        "require-upstream",
        BOOL,
        "Exit at once with code 1 if the kube-apiserver cannot serve requests at the start. "
        "Otherwise the proxy starts, is not ready, and keeps checking.",
    ),
)
"""In the order of help and documentation."""

HEALTH_SETTINGS = (
    setting(
        "health.bind_address",
        "health-bind-address",
        STRING,
        'Address of the plain HTTP listener of /livez, /readyz and /metrics. Empty ("") or 0 '
        "means no such listener.",
    ),
    setting(
        "logging.verbosity",
        "v",
        INT,
        "Verbosity of the log on standard error: 0 is information, 2 and more is debugging.",
        shorthand="v",
    ),
    setting(
        "logging.format",
        "logging-format",
        STRING,
        "Format of the log on standard error: text or json.",
    ),
)
"""In the order of help and documentation."""
