"""Every audit flag of kube-apiserver 1.36 is there, with its type and default."""

import pytest

from auditproxy.flags.pflag import help_text
from auditproxy.flags.serve import FLAGS

# Facts: what `kube-apiserver --help` of 1.36 says; name, type, default.
KUBE_APISERVER = [
    ("audit-log-batch-buffer-size", "int", "10000"),
    ("audit-log-batch-max-size", "int", "1"),
    ("audit-log-batch-max-wait", "duration", "0s"),
    ("audit-log-batch-throttle-burst", "int", "0"),
    ("audit-log-batch-throttle-enable", "", "false"),
    ("audit-log-batch-throttle-qps", "float", "0"),
    ("audit-log-compress", "", "false"),
    ("audit-log-format", "string", '"json"'),
    ("audit-log-maxage", "int", "366"),
    ("audit-log-maxbackup", "int", "100"),
    ("audit-log-maxsize", "int", "100"),
    ("audit-log-mode", "string", '"blocking"'),
    ("audit-log-path", "string", '""'),
    ("audit-log-truncate-enabled", "", "false"),
    ("audit-log-truncate-max-batch-size", "int", "10485760"),
    ("audit-log-truncate-max-event-size", "int", "102400"),
    ("audit-log-version", "string", '"audit.k8s.io/v1"'),
    ("audit-policy-file", "string", '""'),
    ("audit-webhook-batch-buffer-size", "int", "10000"),
    ("audit-webhook-batch-max-size", "int", "400"),
    ("audit-webhook-batch-max-wait", "duration", "30s"),
    ("audit-webhook-batch-throttle-burst", "int", "15"),
    ("audit-webhook-batch-throttle-enable", "", "true"),
    ("audit-webhook-batch-throttle-qps", "float", "10"),
    ("audit-webhook-config-file", "string", '""'),
    ("audit-webhook-initial-backoff", "duration", "10s"),
    ("audit-webhook-mode", "string", '"batch"'),
    ("audit-webhook-truncate-enabled", "", "false"),
    ("audit-webhook-truncate-max-batch-size", "int", "10485760"),
    ("audit-webhook-truncate-max-event-size", "int", "102400"),
    ("audit-webhook-version", "string", '"audit.k8s.io/v1"'),
]


@pytest.mark.parametrize(("name", "kind", "default"), KUBE_APISERVER)
def test_flag(name: str, kind: str, default: str) -> None:
    """Name, type and default, as help shows them."""
    (flag,) = [flag for flag in FLAGS if flag.name == name]
    assert (flag.kind.name, flag.shown_default) == (kind, default)


def test_help_lists_every_one() -> None:
    """Help has a line for each, the deprecated name of the backoff among them."""
    names = [name for name, _, _ in KUBE_APISERVER] + ["audit-webhook-batch-initial-backoff"]
    lines = help_text(FLAGS, width=100).splitlines()
    shown = [line.split()[0] for line in lines if line.lstrip().startswith("--")]
    for name in names:
        assert shown.count(f"--{name}") == 1, name
