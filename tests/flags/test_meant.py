"""Names that were perhaps meant."""

import pytest

from auditproxy.flags.meant import closest, meant, unknown_flag

FLAGS = (
    "audit-log-policy-file",
    "audit-policy-file",
    "audit-nats-policy-file",
    "audit-webhook-policy-file",
    "secure-port",
    "client-ca-file",
    "rules",
    "v",
)


def test_closest() -> None:
    """Near misses are found, others are not guessed at."""
    known = ("audit-log-path", "auditLogPath", "kubeconfig")
    assert closest("kubeconfg", known) == "kubeconfig"
    assert closest("AUDITLOGPATH", known) == "auditLogPath"
    assert closest("zzz", known) == ""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("client-ca-flie", ("client-ca-file",)),
        ("port", ("secure-port",)),
        ("policy", ("audit-policy-file", "audit-log-policy-file", "audit-nats-policy-file")),
        ("alert-rules-file", ("rules",)),
        ("v-for-verbose", ()),
        ("zzz", ()),
    ],
)
def test_meant(name: str, found: tuple[str, ...]) -> None:
    """The closest one, else those that share words, the shortest first."""
    assert meant(name, FLAGS) == found


def test_unknown_flag() -> None:
    """One line with what to do."""
    assert unknown_flag("a", ()) == "unknown flag: --a; --help=all lists all flags"
    assert unknown_flag("a", ("b",)) == "unknown flag: --a; did you mean --b?"
    assert unknown_flag("a", ("b", "c", "d")) == (
        "unknown flag: --a; did you mean --b, --c or --d?"
    )
