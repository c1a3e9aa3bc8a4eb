"""Setting: one row of the flag tables, tied to its place in Options.

Names, defaults and meaning are kube-apiserver's where it has the flag. The
defaults stand in options/ alone. docs/flags.md repeats the tables, and a test
keeps them the same.
"""

from dataclasses import dataclass

from auditproxy.flags.pflag import Flag, Kind
from auditproxy.options import Options

SERVING = "Secure serving flags"
UPSTREAM = "Upstream flags"
AUTHENTICATION = "Authentication flags"
AUDITING = "Auditing flags"
HEALTH = "Health and metrics flags"
MISC = "Misc flags"

DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its flag, and its place in Options and in the configuration file.

    ``is_path`` marks values that a configuration file means relative to itself, but for
    ``words``, which are no paths.
    """

    flag: Flag
    group: str
    field: str
    is_path: bool = False
    words: tuple[str, ...] = ("", "-")

    @property
    def section(self) -> str:
        """The group in the configuration file; those of the audit backends stand in ``audit``."""
        return self.group.partition("_")[0]

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
    "audit_log": AUDITING,
    "audit_webhook": AUDITING,
    "health": HEALTH,
    "logging": MISC,
}


def setting(
    place: str,
    name: str,
    kind: Kind,
    usage: str,
    *,
    shorthand: str = "",
    alias: str = "",
    is_path: bool = False,
    words: tuple[str, ...] = (),
) -> Setting:
    """A row of the table; ``place`` is ``group.field`` of Options, ``alias`` a deprecated name."""
    group, field = place.split(".")
    default = getattr(getattr(DEFAULTS, group), field)
    flag = Flag(name, kind, default, usage, _SECTIONS[group], shorthand, alias)
    return Setting(flag, group, field, is_path, ("", "-", *words))
