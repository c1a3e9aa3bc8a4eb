"""Values that completion offers for a flag are those that the flag takes."""

import re

import pytest

from auditproxy.cli import commands, main
from auditproxy.flags.pflag import Flag

NEEDED = {
    "full-policy": "{spool}-dir=/nowhere",
    "audit-nats-": "audit-nats-servers=tls://nats.example:4222",
    "audit-kafka-": "audit-kafka-brokers=kafka.example:9093",
    "audit-otlp-": "audit-otlp-endpoint=https://collector.example:4318",
    "audit-webhook-": "audit-webhook-config-file=/nowhere",
    "session-webhook-": "session-webhook-config-file=/nowhere",
    "authentication-token-webhook-": "authentication-token-webhook-config-file=/nowhere",
}
"""Flags without which others, by a part of their names, say nothing."""
WORDS = {
    "events": ("list",),
    "report": ("access",),
    "rbac": ("derive", "unused"),
    "policy": ("lint",),
    "sessions": ("list",),
    "alerts": ("test",),
}
"""Words of commands that need one; the choices are those of all of them."""


def with_choices() -> list[tuple[str, Flag]]:
    """The flags of all commands that have choices."""
    found = commands(lambda: None)  # type: ignore[arg-type, return-value]
    return [(one.name, flag) for one in found for flag in one.flags if flag.choices]


@pytest.mark.parametrize(
    ("command", "flag"), with_choices(), ids=lambda one: one if isinstance(one, str) else one.name
)
def test_another_value_is_refused(
    command: str, flag: Flag, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fault names each of the choices."""
    needed = [
        f"--{other.format(spool=flag.name.removesuffix('-full-policy'))}"
        for part, other in NEEDED.items()
        if part in flag.name
    ]
    logs = [] if command == "serve" else ["/nowhere", "/neither"]
    for word in WORDS.get(command, ("",)):
        words = [word] if word else []
        assert main([command, *words, *needed, f"--{flag.name}=nonsense", *logs]) == 2
    said = capsys.readouterr().err
    wanted = ("nonsense", f"--{flag.name} must", "allowed versions")
    faults = " ".join(line for line in said.splitlines() if any(part in line for part in wanted))
    named = re.findall(r"[\w./-]+", faults.partition("nonsense")[2] or faults)
    assert [choice for choice in flag.choices if choice not in named] == []
