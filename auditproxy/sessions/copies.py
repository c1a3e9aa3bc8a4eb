"""``kubectl cp``, recognised by the command that it runs in the container.

    to the container     tar [--no-same-permissions --no-same-owner] -xmf - [-C DIR]
    from the container   tar cf - PATH
                         sh -c "tar cf - PATH | tail -c+N"
    before the first     test -d PATH

Only these forms, whole: a shell that does more, or tar with another option, is a session like any
other. What the client says that it is (the header Kubectl-Command) never counts.

Source: kubectl pkg/cmd/cp (cp.go, copyToPod and newTarPipe); sessions spec, section 5.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

_PRESERVE_NOT = ("--no-same-permissions", "--no-same-owner")
_RETRIED = re.compile(
    r"tar cf - (?:'(?P<quoted>(?:[^']|'\\'')*)'|(?P<plain>[^\s'\"|;&<>$`()\\*?\[\]{}!#~]+))"
    r" \| tail -c\+(?P<first>[0-9]{1,18})"
)


class CopyDirection(enum.StrEnum):
    """Which way a copy goes."""

    TO_CONTAINER = "to the container"
    FROM_CONTAINER = "from the container"


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A copy; ``path`` is in the container, "" for its working folder.

    ``skipped`` bytes of the tar stream are not sent.
    """

    direction: CopyDirection
    path: str
    skipped: int = 0


def copy_of(command: Sequence[str]) -> FileCopy | None:
    """The copy that a command is, if it is one."""
    words = tuple(command)
    if words[:3] == ("tar", *_PRESERVE_NOT):
        words = ("tar", *words[3:])
    if words[:3] == ("tar", "-xmf", "-"):
        if len(words) == 3:
            return FileCopy(CopyDirection.TO_CONTAINER, "")
        if len(words) == 5 and words[3] == "-C":
            return FileCopy(CopyDirection.TO_CONTAINER, words[4])
        return None
    words = tuple(command)
    if len(words) == 4 and words[:3] == ("tar", "cf", "-"):
        return _from(words[3], 0)
    if len(words) == 3 and words[:2] == ("sh", "-c"):
        match = _RETRIED.fullmatch(words[2])
        if match is not None:
            quoted = match["quoted"]
            path = match["plain"] if quoted is None else quoted.replace("'\\''", "'")
            return _from(path, max(0, int(match["first"]) - 1))
    return None


def probed_path(command: Sequence[str]) -> str | None:
    """The path of which a command asks whether it is a folder, as ``kubectl cp`` does first."""
    words = tuple(command)
    return words[2] if len(words) == 3 and words[:2] == ("test", "-d") else None


def _from(path: str, skipped: int) -> FileCopy | None:
    # tar runs programs that some of its options name.
    return None if path.startswith("-") else FileCopy(CopyDirection.FROM_CONTAINER, path, skipped)
