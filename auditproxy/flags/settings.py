"""Settings: the flags that the options declare, with their places in Options and in the file.

Each field of a group of options declares its setting (``options.declared``);
this file only derives. Names, defaults and meaning are kube-apiserver's where
it has the flag. ``make docs`` writes docs/flags.md from the same flags.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from auditproxy.flags.pflag import (
    BOOL,
    BYTES,
    DURATION,
    FLOAT,
    INT,
    IP,
    LIST,
    STRING,
    Flag,
    Kind,
)
from auditproxy.options import Options
from auditproxy.options.declared import ValueType, declarations
from auditproxy.options.receivergroups import ReceiverGroups

SERVING = "Secure serving flags"
UPSTREAM = "Upstream flags"
AUTHENTICATION = "Authentication flags"
AUDITING = "Auditing flags"
SESSIONS = "Session flags"
ALERTS = "Alert flags"
EGRESS = "Egress selector flags"
TRACING = "Tracing flags"
HEALTH = "Health and metrics flags"
MISC = "Misc flags"

DEFAULTS = Options()

_SECTIONS = {
    "serving": SERVING,
    "upstream": UPSTREAM,
    "authentication": AUTHENTICATION,
    "audit": AUDITING,
    **{backend.name: AUDITING for backend in dataclasses.fields(ReceiverGroups)},
    "audit_chain": AUDITING,
    "sessions": SESSIONS,
    "alerts": ALERTS,
    "egress": EGRESS,
    "tracing": TRACING,
    "health": HEALTH,
    "logging": MISC,
}
"""The heading of each group; help and documentation keep this order."""

KINDS: Mapping[ValueType, Kind] = {
    "string": STRING,
    "path": STRING,
    "ip": IP,
    "bool": BOOL,
    "int": INT,
    "float": FLOAT,
    "duration": DURATION,
    "bytes": BYTES,
    "strings": LIST,
    "paths": LIST,
}
"""How a value of each declared type is read and shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its flag, and its place in Options and in the configuration file.

    ``is_path`` marks values that a configuration file means relative to itself, except ``words``,
    which are not paths.
    """

    flag: Flag
    group: str
    field: str
    is_path: bool = False
    words: tuple[str, ...] = ("", "-")

    @property
    def section(self) -> str:
        """The group in the configuration file; those of the audit backends are in ``audit``."""
        return self.group.partition("_")[0]

    @property
    def key(self) -> str:
        """The name in the configuration file: the flag's name in camelCase."""
        return camel_case(self.flag.name)


def camel_case(name: str) -> str:
    """``audit-log-path`` as ``auditLogPath``."""
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)


def settings_of(group: str, options: Any) -> Iterator[Setting]:
    """The settings of one group, in the order of help; ``options`` has the defaults."""
    for field, declared in declarations(type(options)).items():
        flag = Flag(
            declared.name,
            KINDS[declared.type],
            getattr(options, field),
            declared.usage,
            _SECTIONS[group],
            declared.shorthand,
            declared.alias,
            declared.choices,
        )
        is_path = declared.type in ("path", "paths")
        yield Setting(flag, group, field, is_path, ("", "-", *declared.words))


SETTINGS = tuple(
    setting for group in _SECTIONS for setting in settings_of(group, getattr(DEFAULTS, group))
)
"""Every setting, in that order."""
