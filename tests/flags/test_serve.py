"""The flags of serve: each one is a field of Options, and each field has its flag."""

import dataclasses

from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS, files_only, options_from
from auditproxy.flags.settings import SETTINGS
from auditproxy.options import Options

SECTIONS = [
    "Secure serving flags",
    "Upstream flags",
    "Authentication flags",
    "Auditing flags",
    "Session flags",
    "Alert flags",
    "Egress selector flags",
    "Tracing flags",
    "Health and metrics flags",
    "Misc flags",
]


_QUOTES = '"[]'
"""Around a text and a list."""


def test_every_field_has_one_flag() -> None:
    """A setting that cannot be given would be no setting."""
    fields = [
        (group.name, field.name)
        for group in dataclasses.fields(Options)
        for field in dataclasses.fields(getattr(Options(), group.name))
    ]
    assert sorted((setting.group, setting.field) for setting in SETTINGS) == sorted(fields)


def test_no_other_flag_is_declared() -> None:
    """A flag that is not a field of Options only says what the command does."""
    names = {flag.name for flag in FLAGS} - {setting.flag.name for setting in SETTINGS}
    assert names == {"config", "check-config", "help"}


def test_names_are_unique_and_sections_in_order() -> None:
    """Help is read from top to bottom."""
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))
    assert list(dict.fromkeys(flag.section for flag in FLAGS)) == SECTIONS


def test_defaults_can_be_given() -> None:
    """Every shown default reads back as the default."""
    words = [
        f"--{setting.flag.name}={setting.flag.shown_default.strip(_QUOTES)}" for setting in SETTINGS
    ]
    parsed = parse(words, FLAGS)
    assert parsed.faults == ()
    assert len(parsed.values) == len(SETTINGS)
    assert options_from(parsed.values) == Options()


def test_options_from_values() -> None:
    """Each value goes to its field, everything else keeps its default."""
    options = options_from(
        {
            "secure-port": 8443,
            "audit-log-path": "-",
            "audit-log-mode": "blocking-strict",
            "v": 4,
            "check-config": True,
        }
    )
    defaults = Options()
    assert options == dataclasses.replace(
        defaults,
        serving=dataclasses.replace(defaults.serving, secure_port=8443),
        audit_log=dataclasses.replace(defaults.audit_log, path="-", mode="blocking-strict"),
        logging=dataclasses.replace(defaults.logging, verbosity=4),
    )


def test_files_only() -> None:
    """What says which files are read stays, what may have a fault goes."""
    assert files_only(
        {"kubeconfig": "k", "context": "c", "audit-policy-file": "p", "tls-min-version": "x"}
    ) == {"kubeconfig": "k", "context": "c", "audit-policy-file": "p"}
    pair = {"tls-cert-file": "c", "tls-private-key-file": "k"}
    assert files_only(pair) == pair
    assert files_only({"tls-cert-file": "c"}) == {}
    assert files_only(pair | {"tls-cert-file": ""}) == {}


def test_every_usage_is_a_sentence() -> None:
    """Help reads well: a capital letter at the start, a full stop at the end."""
    for flag in FLAGS:
        assert flag.usage[0].isupper(), flag.name
        assert flag.usage[-1] == ".", flag.name
