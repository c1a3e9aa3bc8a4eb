"""``auditproxy kubeconfig``: its flags, and what its help shows."""

from auditproxy.flags.pflag import BOOL, HELP, STRING, Flag
from auditproxy.options import ServingOptions

CERTIFICATE_NAME = "auditproxy.crt"
"""The self-signed certificate's name in ``--cert-dir``."""

FLAGS = (
    Flag(
        "kubeconfig",
        STRING,
        "",
        "Kubeconfig to read. Empty means $KUBECONFIG, else ~/.kube/config.",
    ),
    Flag(
        "context",
        STRING,
        "",
        "Context whose user and namespace to use. Empty means the current-context.",
    ),
    Flag(
        "server",
        STRING,
        f"https://127.0.0.1:{ServingOptions().secure_port}",
        "URL of the proxy, as its users reach it.",
    ),
    Flag(
        "certificate-authority",
        STRING,
        "",
        f"PEM file with the CA of the proxy's certificate. Empty means {CERTIFICATE_NAME} in "
        "--cert-dir if it exists, else the authorities that kubectl's machine trusts.",
    ),
    Flag(
        "cert-dir",
        STRING,
        ServingOptions().cert_dir,
        "The --cert-dir of auditproxy serve, where its self-signed certificate is.",
    ),
    Flag("name", STRING, "auditproxy", "Name of the new context and cluster."),
    Flag(
        "embed-certs",
        BOOL,
        True,
        "Write the contents of certificate and key files instead of their paths.",
    ),
    HELP,
)
"""Every flag of ``auditproxy kubeconfig``."""

EXAMPLES = (
    (
        "For a proxy that auditproxy serve started in this folder.",
        "auditproxy kubeconfig > audited.kubeconfig",
    ),
    (
        "For a proxy elsewhere.",
        "auditproxy kubeconfig --server=https://proxy.example.com:6443 "
        "--certificate-authority=ca.crt",
    ),
)
"""What help shows first: a comment and a command line."""
