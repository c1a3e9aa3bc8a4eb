"""Declared: the annotation that makes a field of a group of options a setting.

    policy_file: Annotated[str, Declared("audit-policy-file", "path", "Audit policy, ...")] = ""

Flags, keys of the configuration file, help, completion and docs/flags.md are
derived from these declarations. The default is that of the field.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Literal

ValueType = Literal[
    "string", "path", "ip", "bool", "int", "float", "duration", "bytes", "strings", "paths"
]
"""How a value is written. A ``path`` is text that the configuration file means relative to itself.

Fields hold durations as nanoseconds, sizes as bytes and lists as tuples of text.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """One setting: the name of its flag, how a value is written, and its help.

    ``usage`` is in sentences and leaves out the default. ``shorthand`` is a letter, ``alias`` a
    deprecated name of the flag. ``words`` are values of a path that are not paths, as ``none``.
    ``choices`` are all values that are valid, for completion; the group's faults check them.
    """

    name: str
    type: ValueType
    usage: str
    shorthand: str = ""
    alias: str = ""
    words: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def declarations(group: type[object]) -> Mapping[str, Declared]:
    """The declaration of each field of a group, in the order of help.

    Fields of the class come before inherited ones. A class may change the default of an inherited
    field and keeps its declaration. ``{plugin}`` in names and usages is replaced by the ``plugin``
    of the class, so that groups can share fields.
    """
    found: dict[str, Declared] = {}
    for level in group.__mro__:
        for field, hint in inspect.get_annotations(level).items():
            for declared in getattr(hint, "__metadata__", ()):
                if isinstance(declared, Declared):
                    found.setdefault(field, declared)
    plugin = getattr(group, "plugin", "")
    return {
        field: dataclasses.replace(
            declared,
            name=declared.name.replace("{plugin}", plugin),
            usage=declared.usage.replace("{plugin}", plugin),
        )
        for field, declared in found.items()
    }
