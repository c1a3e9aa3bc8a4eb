"""YAML of files of ours: as kube-apiserver reads it, and without keys that are not text.

In YAML 1.1 the keys ``n``, ``yes`` and ``1`` are truth values and numbers. Kubernetes makes text of
them, such as ``false``, and the author of such a file has not meant that.
"""

from typing import Any

from auditproxy.serializer.yaml import Composer, Node, key_of, unmarshal_errors


def load_own(text: bytes | str) -> tuple[Any, tuple[str, ...]]:
    """What ``load_strict`` returns, and a fault for each key that is not text; raises YAMLError."""
    composer = Composer(text)
    node, errors = composer.compose()
    value = None if node is None else node.value
    return value, (*unmarshal_errors(errors), *map(_fault, composer.odd_keys))


def _fault(key: Node) -> str:
    name, _ = key_of(key)
    written = key.written or name
    return f'line {key.line}: the key {written} is {name} in YAML, and not text; write "{written}"'
