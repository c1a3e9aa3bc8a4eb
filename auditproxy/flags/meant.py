"""Names that were perhaps meant by one that does not exist."""

from collections.abc import Sequence

_MOST = 3
"""Names that are suggested at once."""


def closest(name: str, known: Sequence[str]) -> str:
    """The known name that was perhaps meant, or ""."""
    lowered = {word.lower(): word for word in known}
    import difflib

    matches = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.75)
    return lowered[matches[0]] if matches else ""


def meant(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """The known flags that were perhaps meant: the closest, else those that share its words.

    ``policy`` are all whose names have the word, the shortest first; ``alert-rules-file`` is
    ``rules``, where that is the name.
    """
    if near := closest(name, known):
        return (near,)
    words = set(name.lower().split("-"))
    longer = [each for each in known if words <= set(each.split("-"))]
    shorter = [each for each in known if len(each) > 1 and set(each.split("-")) <= words]
    return tuple(sorted(longer or shorter, key=lambda each: each.count("-"))[:_MOST])


def unknown_flag(name: str, hints: Sequence[str]) -> str:
    """pflag's words for a flag that does not exist, with those that were perhaps meant."""
    *some, last = (f"--{hint}" for hint in hints) if hints else ("",)
    shown = f"{', '.join(some)} or {last}" if some else last
    fix = f"did you mean {shown}?" if hints else "--help=all lists all flags"
    return f"unknown flag: --{name}; {fix}"
