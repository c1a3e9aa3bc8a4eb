"""Where secrets are: paths of members, JSON pointers, and where a JSON patch carries them.

A path is a tuple of steps from an object's root. Names are folded, because some
readers take a member in any case. All of it errs on the safe side: there may be a
path too many, never one too few.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | None, ...]
"""Steps from the object's root: a member's folded name, or None for every member or item."""
Paths = tuple[Path, ...]

EVERYWHERE: Paths = ((),)
"""Any place may hold a secret."""

COPIES_LIMIT = 32
"""Different copies and moves of one patch that are followed."""
SPREAD_LIMIT = 32
"""Paths that they may add."""
DEPTH_LIMIT = 64
"""Steps of such a path; a longer one stands for all that is below its first steps."""

Known = Mapping[str, Any] | None
"""The members that a type has, folded, each with its own; None is a type that may have any."""

LAST_APPLIED = ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
"""Where kubectl keeps a copy of everything it applied."""

_TOKEN = re.compile("~[01]")
_INDEX = re.compile("-|-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the rules say about the bodies of one request.

    ``columns`` are those of a Table, folded, whose cells show no secret; None is all of them.
    """

    paths: Paths
    known: Known = None
    columns: frozenset[str] | None = None


def fold(name: str) -> str:
    """Return a name folded for comparison."""
    return name.casefold()


def below(name: str, paths: Paths) -> Paths:
    """Return the paths relative to a member."""
    return _step(fold(name), paths)


def every_item(paths: Paths) -> Paths:
    """Return the paths relative to each item of a list."""
    return _step(None, paths)


def place(pointer: str | None) -> Path | None:
    """Return a JSON pointer (RFC 6901) as a path; None if it is not valid.

    A token that may be an index becomes every item, because items move.
    """
    if pointer is None or (pointer and not pointer.startswith("/")):
        return None
    return tuple(
        None if _INDEX.fullmatch(token) else fold(_TOKEN.sub(_unescaped, token))
        for token in pointer.split("/")[1:]
    )


def at(found: Path | None, paths: Paths) -> Paths:
    """Return the paths relative to a place; EVERYWHERE if the place is unknown."""
    if found is None:
        return EVERYWHERE
    for step in found:
        if () in paths:
            break
        paths = _step(step, paths)
    return paths


def is_known(found: Path | None, known: Known) -> bool:
    """Whether a type has the member at a place, as far as its members are known."""
    for step in found or ():
        if known is None:
            return True
        if step is None or step not in known:
            return False
        known = known[step]
    return found is not None or known is None


def spread(paths: Paths, copies: Iterable[tuple[Path | None, Path | None]]) -> Paths:
    """Return the paths and every place to which the copies can carry their values.

    Order is ignored, and a copy relates its two places both ways: a value copied into
    a secret's place was secret where it came from.
    """
    pairs = {pair for source, target in copies for pair in ((source, target), (target, source))}
    if not pairs:
        return paths
    if len(pairs) > 2 * COPIES_LIMIT:
        return EVERYWHERE
    known = dict.fromkeys(paths)
    queue = list(known)
    while queue:
        path = queue.pop()
        for source, target in pairs:
            if source is None or target is None:
                return EVERYWHERE
            carried = _carried(path, source, target)
            if carried is None or any(_covers(shorter, carried) for shorter in known):
                continue
            if not carried or len(known) >= len(paths) + SPREAD_LIMIT:
                return EVERYWHERE
            known[carried] = None
            queue.append(carried)
    return tuple(known)


def _carried(path: Path, source: Path, target: Path) -> Path | None:
    """Where a secret at ``path`` is after a copy; None when the copy does not touch it."""
    shared = min(len(path), len(source))
    if not all(map(_meet, path[:shared], source[:shared])):
        return None
    return (target + path[len(source) :])[:DEPTH_LIMIT]


def _covers(path: Path, other: Path) -> bool:
    """Whether everything at or below the other path is also at or below the path."""
    return len(path) <= len(other) and all(
        step is None or step == theirs for step, theirs in zip(path, other, strict=False)
    )


def _step(step: str | None, paths: Paths) -> Paths:
    return tuple(path[1:] for path in paths if path and _meet(path[0], step))


def _meet(one: str | None, other: str | None) -> bool:
    """Whether two steps can be the same member."""
    return one is None or other is None or one == other


def _unescaped(found: re.Match[str]) -> str:
    return "~" if found[0] == "~0" else "/"
