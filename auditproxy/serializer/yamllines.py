"""Where in a YAML or JSON document its values are: lines by path, such as ``rules[2].verbs``."""

import yaml

MOST_PLACES = 100_000
"""Paths of one document that are returned; aliases could make many of few bytes."""


def lines_by_path(text: bytes) -> dict[str, int]:
    """The line of each value and key, from 1; {} for what libyaml does not read.

    A mapping's value has the line of its key. Of keys that are given twice it is the last.
    """
    found: dict[str, int] = {}
    try:
        root = yaml.compose(text, yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
        return found
    waiting = [("", root)] if root is not None else []
    while waiting and len(found) < MOST_PLACES:
        path, node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                found[f"{path}[{index}]"] = item.start_mark.line + 1
                waiting.append((f"{path}[{index}]", item))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    inner = f"{path}.{key.value}" if path else str(key.value)
                    found[inner] = key.start_mark.line + 1
                    waiting.append((inner, value))
    return found


def line_of(lines: dict[str, int], path: str) -> int | None:
    """The line of a path, or of the nearest value that holds it; None where there is none.

    Of ``rules[1] to rules[3]`` it is that of the first.
    """
    path = path.partition(" ")[0]
    while path:
        if path in lines:
            return lines[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None
