"""Skim YAML: read an object's kind, apiVersion and the metadata that objectRef needs.

The rest of the document is skipped event by event without building values, which takes
a quarter of the time. Nodes with an anchor are always read, because a needed value may
be an alias of one.
"""

from typing import Any

import yaml

from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.yaml import (
    DEPTH_LIMIT,
    Composer,
    MapEntry,
    Node,
    is_merge,
    json_of,
    key_of,
)

PASSED_LIMIT = 10_000
"""Levels that are skipped, as many as go-yaml reads; libyaml's time grows with their square."""

_METADATA = frozenset({"name", "namespace", "uid", "resourceVersion"})
_OBJECT = frozenset({"kind", "apiVersion", "metadata"})
_EITHER = _METADATA | _OBJECT


def skim(raw: bytes, budget: Budget | None = None) -> bytes:
    """Return the first document as JSON that has only the members named above.

    The values are those of ``yaml.to_json``, null for lists and objects. A document that it
    refuses may be accepted here: values nested too deeply are null, and aliases may unfold to
    any size, because they are not built. Raises YAMLError and BudgetExceededError.
    """
    node, _ = _Skimmer(raw, budget).compose()
    value = None if node is None else node.value
    if not isinstance(value, dict):
        return json_of(_scalar(value), budget)
    found = _only(value, _OBJECT)
    if isinstance(value.get("metadata"), dict):
        found["metadata"] = _only(value["metadata"], _METADATA)
    return json_of(found, budget)


def kind(raw: bytes, budget: Budget | None = None) -> str:
    """The kind of the first document, empty when it has none; raises as ``skim`` does."""
    node, _ = _Skimmer(raw, budget).compose()
    value = None if node is None else node.value
    found = value.get("kind") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _only(members: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: _scalar(members[name]) for name in names if name in members}


def _scalar(value: Any) -> Any:
    """A scalar; null for what may unfold."""
    return None if isinstance(value, dict | list) else value


class _Skimmer(Composer):
    """Builds the wanted values only.

    A level of nesting takes no more of the interpreter's frames than in Composer: what is
    different here happens at the root, at the limit of depth and for aliases.
    """

    def _root(self) -> Node:
        """Read the document's value: of an object the wanted members."""
        if type(self.events.peek_event()) is yaml.MappingStartEvent:
            return self._members(0, _OBJECT)
        return self._node(0)

    def _at_limit(self, depth: int) -> Node | None:
        """Skip a list or an object that is nested too deeply."""
        if self.events.check_event(yaml.SequenceStartEvent, yaml.MappingStartEvent):
            return self._passed(depth)
        return None

    def _alias(self, anchor: str, line: int) -> Node:
        """The value itself: it is not copied, whatever it unfolds to."""
        target = self._anchor(anchor, line)
        return Node(line, target.value, 1, target.entries, target.is_mapping, True)

    def _set(self, node: Node, key: object, entry: MapEntry) -> None:
        """Set one key that may be wanted: merges, however often, copy nothing else."""
        if entry.name in _EITHER:
            super()._set(node, key, entry)

    def _members(self, depth: int, wanted: frozenset[str]) -> Node:
        """Read the wanted members of the mapping that comes, each with all that is in it."""
        if self._budget is not None:
            self._budget.spend(1)
        events = self.events
        start = events.get_event()
        node = Node(start.start_mark.line + 1, is_mapping=True)
        if start.anchor is not None:
            self._anchors[start.anchor] = node
        while not events.check_event(yaml.MappingEndEvent):
            if events.check_event(yaml.ScalarEvent) and is_merge(events.peek_event()):
                events.get_event()
                self._merge(node, depth)
                continue
            if not events.check_event(yaml.ScalarEvent, yaml.AliasEvent):
                # Not read first: keys in keys would take a frame of the interpreter for each level.
                line = events.peek_event().start_mark.line + 1
                raise YAMLError(f"yaml: line {line}: invalid map key")
            key = self._node(depth + 1)
            if isinstance(key.value, dict | list):
                raise YAMLError(f"yaml: line {key.line}: invalid map key")
            name, shown = key_of(key)
            if name not in wanted:
                value = self._passed(depth + 1)
            elif wanted is _OBJECT and name == "metadata" and self._is_plain_mapping():
                value = self._members(depth + 1, _METADATA)
            else:
                value = self._node(depth + 1)
            self._set(node, (type(key.value), key.value), MapEntry(name, shown, value))
        events.get_event()
        node.value = {entry.name: entry.node.value for entry in node.entries.values()}
        node.complete = True
        return node

    def _is_plain_mapping(self) -> bool:
        """Whether the next event starts a mapping without an anchor."""
        event = self.events.peek_event()
        return type(event) is yaml.MappingStartEvent and event.anchor is None

    def _passed(self, depth: int) -> Node:
        """Skip one value; null takes its place."""
        passed = Node(0)
        events, budget = self.events, self._budget
        inside = 0
        while True:
            event = events.peek_event()
            kind = type(event)
            if kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                events.get_event()
                inside -= 1
            elif (
                kind is not yaml.AliasEvent
                and event.anchor is not None
                and depth + inside < DEPTH_LIMIT
            ):
                self._node(depth + inside)
            else:
                if budget is not None:
                    budget.spend(1)
                events.get_event()
                if kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                    if depth + inside >= PASSED_LIMIT:
                        line = event.start_mark.line + 1
                        raise YAMLError(f"yaml: line {line}: nested too deeply")
                    inside += 1
            if inside == 0:
                return passed
