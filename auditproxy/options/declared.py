"""Declared: what stands on a field of a group of options to make it a setting.

    policy_file: Annotated[str, Declared("audit-policy-file", "path", "Audit policy, ...")] = ""

Flags, keys of the configuration file, help, completion and docs/flags.md are
made of these declarations. The default is that of the field.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

ValueType = Literal[
    "string", "path", "ip", "bool", "int", "float", "duration", "bytes", "strings", "paths"
]
"""How a value is written. Fields hold durations as nanoseconds, lists as tuples of text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """One setting, in the order of help: its flag, how a value is written, and what it means.

    ``usage`` is in sentences and leaves out the default. ``shorthand`` is a letter, ``alias`` a
    deprecated name of the flag. ``words`` are values of a path that are no paths.
    """

    name: str
    type: ValueType
    usage: str
    shorthand: str = ""
    alias: str = ""
    words: tuple[str, ...] = ()


class Group(Protocol):
    """A group of options: a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def declarations(group: type[Group]) -> Mapping[str, Declared]:
    """The declaration of each field of a group, in the order of help.

    The fields of the class come before those of the classes it is made of. A class that only
    changes the default of an inherited field keeps its declaration. ``{plugin}`` in names and
    usages is replaced by the ``plugin`` of the class, so that groups can share fields.
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
