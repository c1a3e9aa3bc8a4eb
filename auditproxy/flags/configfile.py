"""The configuration file: the settings of ``auditproxy serve`` as YAML, read strictly.

    apiVersion: auditproxy.io/v1alpha1
    kind: ProxyConfiguration
    serving:
      securePort: 8443
    audit:
      auditPolicyFile: policy.yaml

A setting's key is its flag's name in camelCase, in the group of Options it
belongs to. Unknown keys, repeated keys and wrong types are faults; each names
the file, the line, the path and the fix. Relative paths are relative to the
file's folder, as in a KubeletConfiguration.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from auditproxy.apis.faults import why_unread
from auditproxy.apis.gotext import go_quote
from auditproxy.flags.meant import closest
from auditproxy.flags.pflag import BOOL, BYTES, FLOAT, INT, LIST
from auditproxy.flags.settings import SETTINGS, Setting

API_VERSION = "auditproxy.io/v1alpha1"
KIND = "ProxyConfiguration"
MAXIMUM_SIZE = 1024 * 1024
"""Bytes of the largest file that is read."""

_HEADER = {"apiVersion": API_VERSION, "kind": KIND}
_GROUPS: dict[str, dict[str, Setting]] = {}
for _each in SETTINGS:
    _GROUPS.setdefault(_each.section, {})[_each.key] = _each
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_SCALARS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number with a fraction",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says: values by flag name, and every fault in the order of the lines."""

    values: Mapping[str, Any]
    faults: tuple[str, ...]


def load_configuration(path: str) -> Configuration:
    """Read the file at ``path``; what cannot be read is a fault, nothing is raised."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAXIMUM_SIZE + 1)
    except (OSError, ValueError) as error:
        nul = "a path cannot contain a zero byte; correct the path"
        reason = why_unread(error) if isinstance(error, OSError) else nul
        return Configuration({}, (f"--config {path} cannot be read: {reason}",))
    if len(raw) > MAXIMUM_SIZE:
        fault = f"--config {path} is larger than 1 MiB, so not a configuration of auditproxy"
        return Configuration({}, (fault,))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Configuration({}, (f"{path}:{line}: not UTF-8; save the file as UTF-8",))
    return parse_configuration(text, path)


def parse_configuration(text: str, path: str) -> Configuration:
    """Read a configuration from ``text``; ``path`` is the file's, for faults and relative paths."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        return Configuration({}, (f"{path}{line}: not one YAML document: {error.problem}",))
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets escapes for characters beyond Unicode fail in chr().
        return Configuration({}, (f"{path}: not YAML: it has characters that YAML does not allow",))
    except RecursionError:
        return Configuration({}, (f"{path}: nested too deeply; settings are two levels deep",))
    reader = _Reader(path)
    reader.read(root)
    return Configuration(reader.values, tuple(reader.faults))


@dataclass(slots=True)
class _Reader:
    path: str
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def read(self, root: yaml.Node | None) -> None:
        if not isinstance(root, yaml.MappingNode):
            what = "empty" if root is None else "not a mapping"
            header = " and ".join(f"{key}: {value}" for key, value in _HEADER.items())
            self.faults.append(f"{self.path}: the file is {what}; begin with {header}")
            return
        if self._is_foreign(root):
            return
        seen = set()
        for key, node, value in self._entries(root, ""):
            seen.add(key)
            if key in _HEADER:
                self._header(key, value)
            elif key in _GROUPS:
                self._group(key, value)
            else:
                self._unknown(node, key, "")
        for key, text in _HEADER.items():
            if key not in seen:
                self.faults.append(f"{self.path}: {key} is missing; add {key}: {text}")

    def _is_foreign(self, root: yaml.MappingNode) -> bool:
        """Whether the file is of another kind, and no field of it ours: one fault for all."""
        given = {node.value: value for node, value in root.value if isinstance(node.value, str)}
        header = {key: given[key] for key in _HEADER if key in given}
        others = [node for key, node in header.items() if node.value != _HEADER[key]]
        if len(others) < len(_HEADER) or given.keys() & _GROUPS.keys():
            return False
        node = header["kind"]
        self._fault(node, "kind", f"{_description(node)} is not {KIND}; name another file")
        return True

    def _entries(
        self, mapping: yaml.MappingNode, group: str
    ) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The members with a key of text, each key once."""
        lines: dict[str, int] = {}
        for node, value in mapping.value:
            if not isinstance(node, yaml.ScalarNode):
                self._fault(node, group, "a key must be text; remove it")
                continue
            key = str(node.value)
            if key in lines:
                self._fault(
                    node, _path(group, key), f"repeats line {lines[key]}; remove one of them"
                )
                continue
            lines[key] = _line(node)
            yield key, node, value

    def _header(self, key: str, node: yaml.Node) -> None:
        if not isinstance(node, yaml.ScalarNode) or node.value != _HEADER[key]:
            self._fault(node, key, f"{_description(node)} is not known; write {_HEADER[key]}")

    def _group(self, group: str, node: yaml.Node) -> None:
        # A group whose members are all commented out is not a mistake.
        if node.tag == "tag:yaml.org,2002:null":
            return
        if not isinstance(node, yaml.MappingNode):
            self._fault(
                node, group, f"{_description(node)} is not a mapping; write key: value below it"
            )
            return
        for key, key_node, value in self._entries(node, group):
            setting = _GROUPS[group].get(key)
            if setting is None:
                self._unknown(key_node, key, group)
            else:
                self._value(setting, value)

    def _unknown(self, node: yaml.Node, key: str, group: str) -> None:
        path = _path(group, key)
        known = _GROUPS[group] if group else (*_HEADER, *_GROUPS)
        hint = closest(key, tuple(known))
        elsewhere = next((name for name, settings in _GROUPS.items() if key in settings), "")
        if hint:
            self._fault(node, path, f"unknown field; did you mean {hint}?")
        elif elsewhere:
            self._fault(node, path, f"unknown field; it belongs under {elsewhere}")
        else:
            names = ", ".join(known)
            self._fault(node, path, f"unknown field; remove it, or write one of {names}")

    def _value(self, setting: Setting, node: yaml.Node) -> None:
        path = _path(setting.section, setting.key)
        try:
            value = _read_value(setting, node)
        except ValueError as error:
            self._fault(node, path, str(error))
            return
        paths = value if isinstance(value, tuple) else (value,)
        if setting.is_path and any(path.startswith("~") for path in paths):
            self._fault(node, path, "~ is not replaced in this file; write the whole path")
            return
        if setting.is_path:
            folder = Path(self.path).absolute().parent
            paths = tuple(name if name in setting.words else str(folder / name) for name in paths)
            value = paths if isinstance(value, tuple) else paths[0]
        self.values[setting.flag.name] = value

    def _fault(self, node: yaml.Node, path: str, text: str) -> None:
        self.faults.append(f"{self.path}:{_line(node)}: {path}: {text}")


def _read_value(setting: Setting, node: yaml.Node) -> Any:
    """The value of a setting; ValueError describes the actual and the expected value."""
    kind = setting.flag.kind
    tag = node.tag if isinstance(node, yaml.ScalarNode) else ""
    if kind is BOOL:
        if tag != "tag:yaml.org,2002:bool":
            raise ValueError(f"{_description(node)} is not a boolean; write true or false")
        return node.value.lower() in ("true", "yes", "on")
    if kind is INT or (kind is BYTES and tag == "tag:yaml.org,2002:int"):
        if tag != "tag:yaml.org,2002:int" or not _DECIMAL.fullmatch(node.value):
            raise ValueError(
                f"{_description(node)} is not a whole number; "
                f"write one without quotes, such as {setting.flag.default}"
            )
        return kind.parse(node.value)
    if kind is FLOAT and tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        return kind.parse(node.value)
    if kind is LIST:
        return _read_list(node)
    if tag != "tag:yaml.org,2002:str":
        fix = "write it in quotes" if tag else "write one value in quotes"
        raise ValueError(f"{_description(node)} is not text; {fix}")
    try:
        return kind.parse(node.value)
    except ValueError as error:
        raise ValueError(f"{go_quote(node.value)} is {error}") from None


def _read_list(node: yaml.Node) -> tuple[str, ...]:
    """A list of texts; nothing in them is split, unlike on the command line."""
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError(
            f"{_description(node)} is not a list; write one item per line, each after -"
        )
    for item in node.value:
        if item.tag != "tag:yaml.org,2002:str":
            raise ValueError(f"{_description(item)} is not text; write each item in quotes")
    return tuple(str(item.value) for item in node.value)


def _description(node: yaml.Node) -> str:
    """What stands at a node, in words: ``"abc" (text)``, ``a list``."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == "tag:yaml.org,2002:null":
        return "nothing"
    return f"{go_quote(str(node.value))} ({_SCALARS.get(node.tag, f'of type {node.tag}')})"


def _path(group: str, key: str) -> str:
    return f"{group}.{key}" if group else key


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
