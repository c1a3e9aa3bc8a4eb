"""Kubeconfig files as one, merged as kubectl does it: the first of a name is used.

The package ``kubernetes`` would merge them as well (a test compares both), but takes 25 MiB of
every proxy's memory and a third of its start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LISTS = {"clusters": "cluster", "contexts": "context", "users": "user"}
"""The lists of a kubeconfig, and what an entry of each has beside its name."""


class MalformedError(ValueError):
    """A file is YAML but no kubeconfig; the text shows no part of it. ``path`` is the file."""

    def __init__(self, path: str, why: str = "") -> None:
        super().__init__(f"{path} {why}".rstrip())
        self.path = path
        self.why = why


class EmptyError(MalformedError):
    """A file has no content."""


@dataclass(frozen=True, slots=True)
class Named:
    """What an entry has beside its name, and the file that it is from.

    ``content`` is an empty mapping for an entry without content, as kubectl reads it; it may be
    anything that YAML has, and shows in no repr, because it may hold a credential.
    """

    content: Any = field(repr=False)
    path: str


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Several files as one: entries by name. ``current_context`` is "" where no file has one."""

    current_context: Any
    clusters: Mapping[str, Named]
    contexts: Mapping[str, Named]
    users: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class Document:
    """One file as YAML reads it."""

    path: str
    content: Mapping[str, Any] = field(repr=False)


def read(path: str) -> Document:
    """Read a file.

    Raises OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError for one that is nested too
    deeply, and MalformedError.
    """
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if content is None:
        raise EmptyError(path)
    if not isinstance(content, dict):
        raise MalformedError(path)
    return Document(path, content)


def merge(documents: Sequence[Document]) -> Kubeconfig:
    """Return files as one; the first of entries with one name, and the first current-context.

    Raises MalformedError.
    """
    current: Any = ""
    found: dict[str, dict[str, Named]] = {each: {} for each in LISTS}
    for document in documents:
        current = current or document.content.get("current-context") or ""
        for each, member in LISTS.items():
            for name, content in _entries(document, each, member):
                found[each].setdefault(name, Named(content, document.path))
    return Kubeconfig(current, **found)


def _entries(document: Document, each: str, member: str) -> list[tuple[str, Any]]:
    entries = document.content.get(each) or []
    if not isinstance(entries, list):
        entries = [None]
    pairs = []
    for entry in entries:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise MalformedError(document.path, f"{each} is not a list of name and {member}")
        pairs.append((name, entry.get(member) or {}))
    return pairs
