"""What a PromQL expression names: its metrics and the labels it matches or groups by."""

import re
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\d+[a-z]+")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OPERATORS = frozenset({"and", "or", "unless", "bool"})


@dataclass(frozen=True, slots=True)
class Expression:
    """Names in one expression; ``functions`` are the words before a parenthesis."""

    metrics: frozenset[str]
    labels: frozenset[str]
    functions: frozenset[str]


def read(text: str) -> Expression:
    """Take an expression apart; every word is a metric that is not known to be anything else."""
    text = _STRING.sub('""', text)
    labels: set[str] = set()
    for found in _GROUPING.findall(text):
        labels.update(_WORD.findall(found))
    text = _GROUPING.sub(" ", text)
    for found in _MATCHERS.findall(text):
        for matcher in filter(None, map(str.strip, found.split(","))):
            name, operator, _ = re.split(r"(=~|!~|!=|=)", matcher, maxsplit=1)
            assert operator
            labels.add(name.strip())
    text = _RANGE.sub(" ", _MATCHERS.sub(" ", text))
    metrics: set[str] = set()
    functions: set[str] = set()
    for word in _WORD.finditer(text):
        if word.group() in _OPERATORS:
            continue
        called = text[word.end() :].lstrip().startswith("(")
        (functions if called else metrics).add(word.group())
    return Expression(frozenset(metrics), frozenset(labels), frozenset(functions))
