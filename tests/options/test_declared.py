"""Declarations: every field of every group has one, and its type is that of the field."""

import dataclasses
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import pytest

from auditproxy.options import Options
from auditproxy.options.declared import Declared, ValueType, declarations

FIELD_TYPES = {
    "string": str,
    "path": str,
    "ip": str,
    "bool": bool,
    "int": int,
    "float": float,
    "duration": int,
    "bytes": int,
    "strings": tuple[str, ...],
    "paths": tuple[str, ...],
}
GROUPS = [type(getattr(Options(), field.name)) for field in dataclasses.fields(Options)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Fields that two groups share; ``mode`` is declared by each."""

    plugin: ClassVar[str]
    mode: str
    size: Annotated[int, Declared("{plugin}-size", "int", "Size of the {plugin}.")] = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Log(Common):
    """A group with its own fields first, and another default."""

    plugin: ClassVar[str] = "log"
    path: Annotated[str, Declared("log-path", "path", "Where.", "p", "old", ("none",))] = ""
    mode: Annotated[str, Declared("log-mode", "string", "How.")] = "a"
    size: int = 2


def test_declarations() -> None:
    """Own fields come first; a new default leaves the declaration as it is."""
    found = declarations(Log)
    assert list(found.items()) == [
        ("path", Declared("log-path", "path", "Where.", "p", "old", ("none",))),
        ("mode", Declared("log-mode", "string", "How.")),
        ("size", Declared("log-size", "int", "Size of the log.")),
    ]
    assert Log().size == 2


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_every_field_is_declared(group: type[Any]) -> None:
    """A field without a declaration would be a setting that cannot be given."""
    found = declarations(group)
    assert sorted(found) == sorted(field.name for field in dataclasses.fields(group))
    hints = get_type_hints(group)
    for field, declared in found.items():
        assert hints[field] == FIELD_TYPES[declared.type], field
        assert "{" not in declared.name + declared.usage, field


def test_every_type_is_known() -> None:
    """The table above has all of them."""
    assert set(get_args(ValueType)) == set(FIELD_TYPES)
