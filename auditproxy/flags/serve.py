"""The flags of ``auditproxy serve``, and how they become Options.

FLAGS            every flag: those of the settings, --config, --check-config, --help
options_from     values by flag name -> Options
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from auditproxy.flags.pflag import BOOL, HELP, STRING, Flag
from auditproxy.flags.settings import DEFAULTS, MISC, SETTINGS
from auditproxy.options import Options

CONFIG = Flag(
    "config",
    STRING,
    "",
    "File with the same settings, an auditproxy.io/v1alpha1 ProxyConfiguration. Flags take "
    "precedence.",
    MISC,
)
CHECK_CONFIG = Flag(
    "check-config",
    BOOL,
    False,
    "Check the flags and every file they name, print all faults and exit: code 0 if there are "
    "none, 2 otherwise.",
    MISC,
)

FLAGS = (
    *(setting.flag for setting in SETTINGS),
    CONFIG,
    CHECK_CONFIG,
    dataclasses.replace(HELP, section=MISC),
)
"""Every flag of ``auditproxy serve``."""

COMMON = (
    "kubeconfig",
    "upstream-identity",
    "client-ca-file",
    "tls-cert-file",
    "tls-private-key-file",
    "audit-policy-file",
    "audit-log-path",
    "audit-webhook-config-file",
    "config",
    "check-config",
)
"""The flags that short help shows."""

EXAMPLES = (
    (
        "In front of the cluster of the current context; events on standard output.",
        "auditproxy serve",
    ),
    (
        "Users log in with client certificates (kind, minikube, kubeadm).",
        "auditproxy serve --client-ca-file=ca.crt --audit-log-path=audit.log",
    ),
    (
        "Users log in with tokens, which are passed to the kube-apiserver unchanged.",
        "auditproxy serve --upstream-identity=passthrough",
    ),
    (
        "Your own policy; events go to a receiver in batches.",
        "auditproxy serve --audit-policy-file=policy.yaml "
        "--audit-webhook-config-file=receiver.kubeconfig",
    ),
    (
        "Check a configuration file and every file it names; start nothing.",
        "auditproxy serve --config=proxy.yaml --check-config",
    ),
)
"""What help shows first: a comment and a command line."""


def options_from(values: Mapping[str, Any]) -> Options:
    """Options with ``values``, by flag name, in place of the defaults; other names are ignored."""
    groups: dict[str, dict[str, Any]] = {}
    for setting in SETTINGS:
        if setting.flag.name in values:
            groups.setdefault(setting.group, {})[setting.field] = values[setting.flag.name]
    return dataclasses.replace(
        DEFAULTS,
        **{
            group: dataclasses.replace(getattr(DEFAULTS, group), **fields)
            for group, fields in groups.items()
        },
    )


def files_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that say which files are read, for checking files beside settings with faults.

    A certificate without its key, or the other way round, is left out: that is a fault already.
    """
    names = {setting.flag.name for setting in SETTINGS if setting.is_path} | {"context"}
    for pair in (
        {"tls-cert-file", "tls-private-key-file"},
        {"proxy-client-cert-file", "proxy-client-key-file"},
    ):
        if not all(values.get(name) for name in pair):
            names -= pair
    return {name: value for name, value in values.items() if name in names}
