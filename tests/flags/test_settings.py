"""Settings: made of the declarations; every audit flag of kube-apiserver 1.36 is among them."""

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest

from auditproxy import options as options_module
from auditproxy.flags.help import help_text
from auditproxy.flags.pflag import STRING, Flag
from auditproxy.flags.serve import FLAGS
from auditproxy.flags.settings import (
    AUDITING,
    KINDS,
    SETTINGS,
    UPSTREAM,
    Setting,
    camel_case,
    settings_of,
)
from auditproxy.options import AuditLogOptions, Options
from auditproxy.options.backends import all_backends
from auditproxy.options.declared import ValueType
from auditproxy.options.receivergroups import ReceiverGroups
from auditproxy.options.upstream import UpstreamOptions


@pytest.mark.parametrize(
    ("name", "key"), [("v", "v"), ("audit-log-path", "auditLogPath"), ("cert-dir", "certDir")]
)
def test_camel_case(name: str, key: str) -> None:
    """A key in the file is the flag's name."""
    assert camel_case(name) == key


def test_settings_of() -> None:
    """The default is that of the group; both backends stand in the file's group ``audit``."""
    row = next(settings_of("audit_log", AuditLogOptions(path="x")))
    assert (row.flag.name, row.flag.default, row.flag.section) == ("audit-log-path", "x", AUDITING)
    assert (row.group, row.field, row.is_path, row.words) == ("audit_log", "path", True, ("", "-"))
    assert (row.section, row.key) == ("audit", "auditLogPath")


def test_settings_of_what_is_no_path() -> None:
    """A type of its own says that a value is a path."""
    row = list(settings_of("upstream", UpstreamOptions()))[1]
    usage = "Context of the kubeconfig to use. Empty means its current-context."
    assert row == Setting(Flag("context", STRING, "", usage, UPSTREAM), "upstream", "context")


def test_every_group_has_its_settings() -> None:
    """A group that nobody gave a heading would have fields and no flags."""
    assert {row.group for row in SETTINGS} == {group.name for group in dataclasses.fields(Options)}


def test_every_type_has_its_parser() -> None:
    """A declaration may have any type."""
    assert set(KINDS) == set(get_args(ValueType))


def test_words_of_a_path() -> None:
    """``none`` is no file of redaction rules, ``builtin`` none of alert rules."""
    words = {row.flag.name: row.words for row in SETTINGS if row.words != ("", "-")}
    assert words == {
        "audit-redact": ("", "-", "none"),
        **{
            f"audit-{backend.plugin}-redact": ("", "-", "none")
            for backend in all_backends(ReceiverGroups())
        },
        "alert-rules-file": ("", "-", "builtin"),
    }


def test_faults_name_flags_that_exist() -> None:
    """What a fault asks to correct can be given; names that a fault puts together are left out."""
    known = {flag.name for flag in FLAGS} | {flag.alias for flag in FLAGS}
    named = {
        name
        for file in Path(options_module.__file__).parent.glob("*.py")
        for name in re.findall(
            r"--([a-z][a-z0-9-]*[a-z0-9])(?![a-z0-9{-])", file.read_text(encoding="utf-8")
        )
    }
    assert len(named) > 30
    assert named <= known


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
