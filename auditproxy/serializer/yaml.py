"""YAML as sigs.k8s.io/yaml reads it: YAML 1.1 by go-yaml's rules, made into JSON.

``yes`` and ``on`` are true, timestamps and ``1:30`` stay text, ``017`` is 15,
the last of duplicate keys is kept, a later ``<<`` overrides earlier keys, and only
the first document is read. libyaml gives the events; the rules on top are here,
because PyYAML's own differ. Reading takes linear time, and aliases cannot
unfold to more than ALIAS_LIMIT.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml

from auditproxy.apis.gotext import go_float, go_quote
from auditproxy.serializer.budget import CHECKED, Budget, BudgetExceededError
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.json import encode, go_text
from auditproxy.serializer.yamlscalars import TAG, scalar

DEPTH_LIMIT = 250
"""Levels of nesting that are read."""
ALIAS_LIMIT = 1 << 20
"""Characters, counting one for each value, that all aliases together may unfold to."""

ERRORS_LIMIT = 100
"""Doubled keys that are reported."""
TAG_DIRECTIVES_LIMIT = 100
"""%TAG directives that are read: libyaml compares each with all before it."""
UNFOLDED_TO_A_NODE = 4
"""Characters behind aliases that cost as much as one value that is read."""
_TAG_LINES = tuple(f"{line_break}%TAG" for line_break in "\n\r\x85\u2028\u2029")
_ENCODED_TAG_LINES = tuple(
    tuple(line.encode(encoding) for line in _TAG_LINES)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be")
)
"""How lines of directives begin, in each of the encodings that libyaml reads."""


def load_strict(text: bytes | str, budget: Budget | None = None) -> tuple[Any, tuple[str, ...]]:
    """The first document as JSON-like values, and what strict reading would refuse.

    Mappings become dicts with text keys in the order of the document, the last
    value of a duplicate key is kept. The second part is empty or holds one text that
    lists each duplicate key, as go-yaml reports it. Raises YAMLError, and
    BudgetExceededError if the document exceeds the budget.
    """
    node, errors = Composer(text, budget).compose()
    return None if node is None else node.value, unmarshal_errors(errors)


def unmarshal_errors(errors: list[str]) -> tuple[str, ...]:
    """What ``Composer.compose`` found as go-yaml's one text; () without any."""
    return ("\n  ".join(("yaml: unmarshal errors:", *errors)),) if errors else ()


def to_json(raw: bytes, budget: Budget | None = None) -> bytes:
    """The first document as one line of JSON with sorted keys.

    Raises YAMLError and BudgetExceededError.
    """
    value, _ = load_strict(raw, budget)
    return json_of(value, budget)


def json_of(value: Any, budget: Budget | None = None) -> bytes:
    """What ``load_strict`` gave as one line of JSON with sorted keys.

    Raises YAMLError; of a budget only the time counts.
    """
    return encode(_JSONValues(budget).ready(value))


@dataclass(slots=True)
class Node:
    """A read value; ``line`` counts from 1, ``weight`` is its size with aliases unfolded."""

    line: int
    value: Any = None
    weight: int = 1
    entries: "dict[object, MapEntry]" = field(default_factory=dict)
    is_mapping: bool = False
    complete: bool = False
    written: str = ""
    """The text of a scalar in the document."""


@dataclass(slots=True)
class MapEntry:
    """A key of a mapping as JSON spells it, the way errors show it, and its value."""

    name: str
    shown: str
    node: Node


class Composer:
    """Makes values from libyaml's events; good for one document."""

    def __init__(self, text: bytes | str, budget: Budget | None = None) -> None:
        self._text = text
        self._budget = budget
        self._anchors: dict[str, Node] = {}
        self._errors: list[str] = []
        self.odd_keys: list[Node] = []
        """Keys that are not text."""
        self._unfolded = 0
        self.events: Any = None

    def compose(self) -> tuple[Node | None, list[str]]:
        """Read the first document; None when there is none."""
        _refuse_directives(self._text)
        if self._budget is not None and len(self._text) > self._budget.text:
            why = f"more than {self._budget.text} bytes of YAML"
            raise self._budget.exceeded("nodes", why)
        try:
            self.events = yaml.CSafeLoader(self._text)
            self.events.get_event()
            if self.events.check_event(yaml.StreamEndEvent):
                return None, []
            self.events.get_event()
            node = self._root()
            # Read up to the end of the document: unexpected text may follow the value.
            self.events.get_event()
        except yaml.MarkedYAMLError as error:
            raise YAMLError(_go_error(error)) from None
        except yaml.reader.ReaderError as error:
            raise YAMLError(f"yaml: {error.reason}") from None
        except (yaml.YAMLError, UnicodeError, ValueError) as error:
            if isinstance(error, YAMLError | BudgetExceededError):
                raise
            raise YAMLError("yaml: the text cannot be read") from None
        return node, self._errors

    def _root(self) -> Node:
        """Read the value of the document."""
        return self._node(0)

    def _at_limit(self, depth: int) -> Node | None:
        """What takes the place of a value at DEPTH_LIMIT, None to read it; raises YAMLError."""
        if self.events.check_event(yaml.SequenceStartEvent, yaml.MappingStartEvent):
            event = self.events.peek_event()
            raise YAMLError(f"yaml: line {event.start_mark.line + 1}: nested too deeply")
        return None

    def _node(self, depth: int) -> Node:
        """Read one value, whatever it is."""
        if self._budget is not None:
            self._budget.spend(1)
        if depth >= DEPTH_LIMIT:
            deep = self._at_limit(depth)
            if deep is not None:
                return deep
        event = self.events.get_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", line)
        node = Node(line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.value = scalar(event.tag, event.value, line, plain=event.implicit[0])
            node.written = event.value
            node.weight += len(event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not self.events.check_event(yaml.SequenceEndEvent):
                item = self._node(depth + 1)
                node.weight += item.weight
                items.append(item.value)
            self.events.get_event()
            node.value = items
        else:
            self._mapping(node, depth)
        node.complete = True
        return node

    def _alias(self, anchor: str, line: int) -> Node:
        """Give the value an alias stands for, with the alias's own line."""
        target = self._anchor(anchor, line)
        self._unfolded += target.weight
        if self._unfolded > ALIAS_LIMIT:
            raise YAMLError("yaml: document contains excessive aliasing")
        if self._budget is not None:
            self._budget.spend(target.weight // UNFOLDED_TO_A_NODE)
        return Node(line, target.value, target.weight + 1, target.entries, target.is_mapping, True)

    def _anchor(self, anchor: str, line: int) -> Node:
        """Return the value of an anchor; raises YAMLError if unknown or incomplete."""
        target = self._anchors.get(anchor)
        if target is None:
            raise YAMLError(f"yaml: line {line}: unknown anchor referenced")
        if not target.complete:
            raise YAMLError(f"yaml: line {line}: anchor's value contains itself")
        return target

    def _mapping(self, node: Node, depth: int) -> None:
        """Read the keys and values of a mapping in the order in which they take effect."""
        node.is_mapping = True
        while not self.events.check_event(yaml.MappingEndEvent):
            if self.events.check_event(yaml.ScalarEvent) and is_merge(self.events.peek_event()):
                self.events.get_event()
                self._merge(node, depth)
                continue
            key = self._node(depth + 1)
            if isinstance(key.value, dict | list):
                raise YAMLError(f"yaml: line {key.line}: invalid map key")
            value = self._node(depth + 1)
            node.weight += key.weight + value.weight
            name, shown = key_of(key)
            if shown is name and len(self.odd_keys) < ERRORS_LIMIT:
                self.odd_keys.append(key)
            # Keys of different types differ, as 1 and true do in Go though not in Python.
            self._set(node, (type(key.value), key.value), MapEntry(name, shown, value))
        self.events.get_event()
        node.value = {entry.name: entry.node.value for entry in node.entries.values()}

    def _merge(self, node: Node, depth: int) -> None:
        """Take over the entries of the mapping, or the sequence of mappings, behind ``<<``."""
        if not self.events.check_event(yaml.SequenceStartEvent):
            sources = [self._node(depth + 1)]
        else:
            start = self.events.get_event()
            if start.anchor is not None:
                raise YAMLError(f"yaml: line {start.start_mark.line + 1}: anchor on a merge list")
            sources = []
            while not self.events.check_event(yaml.SequenceEndEvent):
                sources.append(self._node(depth + 1))
            self.events.get_event()
        if not all(source.is_mapping for source in sources):
            raise YAMLError("yaml: map merge requires map or sequence of maps as the value")
        # Backwards, so that the first of a sequence takes precedence.
        for source in reversed(sources):
            node.weight += source.weight
            if self._budget is not None:
                # Chained and nested merges copy the same entries again at each step.
                self._budget.spend(len(source.entries))
            for key, entry in source.entries.items():
                self._set(node, key, entry)

    def _set(self, node: Node, key: object, entry: MapEntry) -> None:
        """Set one key; strict reading refuses a key that is already set."""
        if key in node.entries and len(self._errors) < ERRORS_LIMIT:
            self._errors.append(f"line {entry.node.line}: key {entry.shown} already set in map")
        node.entries[key] = entry


def _refuse_directives(text: bytes | str) -> None:
    """Raise YAMLError for more %TAG directives than can be read in good time.

    A text of several lines may look like many directives, and is refused as well.
    """
    if isinstance(text, bytes):
        found = max(sum(map(text.count, lines)) for lines in _ENCODED_TAG_LINES)
    else:
        found = sum(map(text.count, _TAG_LINES))
    if found > TAG_DIRECTIVES_LIMIT:
        raise YAMLError("yaml: document has too many directives")


def is_merge(event: Any) -> bool:
    """Whether a key is the merge key; quoted it is text."""
    return bool(event.value == "<<" and (event.implicit[0] or event.tag == TAG + "merge"))


def key_of(node: Node) -> tuple[str, str]:
    """A mapping's key as JSON has it and as go-yaml's errors show it."""
    value = node.value
    if isinstance(value, str):
        return value, go_quote(value)
    if isinstance(value, bool):
        name = "true" if value else "false"
    elif isinstance(value, int) and value < 1 << 63:
        name = str(value)
    elif isinstance(value, float):
        name = _float_key(value)
    else:
        raise YAMLError(f"yaml: line {node.line}: unsupported map key")
    return name, name


def _float_key(value: float) -> str:
    """A number as a key."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value).removesuffix(".0")


class _JSONValues:
    """Makes values ready for encoding: keys sorted, numbers as Go spells them.

    The target of several aliases is one value, prepared once.
    """

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._ready: dict[int, Any] = {}
        self._left = CHECKED

    def ready(self, value: Any) -> Any:
        """The value ready for encoding."""
        if isinstance(value, float):
            if not math.isfinite(value):
                raise YAMLError("unsupported value: infinite, or not a number")
            return msgspec.Raw(go_float(value).encode())
        if not isinstance(value, dict | list):
            return value
        # All values are kept alive until the end, so that no two have the same id.
        found = self._ready.get(id(value))
        if found is not None:
            return found
        self._left -= 1 + len(value)
        if self._left < 0:
            self._left = CHECKED
            if self._budget is not None:
                self._budget.check()
        if isinstance(value, dict):
            found = {
                key: self.ready(member)
                for key, member in sorted(value.items(), key=lambda item: _bytes_order(item[0]))
            }
        else:
            found = [self.ready(item) for item in value]
        self._ready[id(value)] = found
        return found


def _bytes_order(key: str) -> str:
    """Sort key equal to Go's order of bytes: for valid Unicode that is the order of code points."""
    return go_text(key)


def _go_error(error: yaml.MarkedYAMLError) -> str:
    """The text of a syntax error with the line as go-yaml counts it."""
    line = 0
    if error.problem_mark is not None and error.problem_mark.line != 0:
        # The scanner's errors count from 1, the parser's from 0.
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}"
