"""The one error for settings that cannot be used; cli.py alone catches it for a process."""

import errno
from collections.abc import Sequence

MISCONFIGURED = 2
"""The exit code of a process that cannot continue until a flag or a file is corrected."""

FAILED = 1
"""The exit code of a process that failed for what is outside of its configuration."""


class Unusable(Exception):  # noqa: N818 - the name says what a setting is
    """A setting, or a file that one names, cannot be used.

    ``faults`` has one line for each reason; a line names the flag or the file and
    the fix, and quotes no secret. ``code`` is what a process ends with. ``choices`` are lines below
    them that are shown as they are, such as the rows of a table of what can be named instead.
    """

    code = MISCONFIGURED

    def __init__(self, *faults: str, code: int | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.choices = tuple(choices)
        if code is not None:
            self.code = code

    def under(self, name: str) -> "Unusable":
        """The same faults, each behind the name of what holds it: ``name: fault``."""
        return Unusable(
            *(f"{name}: {fault}" for fault in self.faults), code=self.code, choices=self.choices
        )


_FIXES = {
    errno.ENOENT: "correct the path",
    errno.ENOTDIR: "correct the path",
    errno.ENAMETOOLONG: "correct the path",
    errno.EISDIR: "name a file",
    errno.EACCES: "let the user of this process read it",
    errno.EPERM: "let the user of this process read it",
}


def why_unread(error: OSError) -> str:
    """Why the system did not let a file be read, and the fix where there is one.

    ``No such file or directory; correct the path``
    """
    fix = _FIXES.get(error.errno or 0, "")
    return f"{error.strerror or type(error).__name__}{'; ' if fix else ''}{fix}"


def missing_extra(name: str) -> str:
    """What to do where a package of an extra is not installed.

    Never the name auditproxy at a package index: it is not there, and a stranger may register it.
    """
    return (
        f"the extra {name}, which is not installed; run pip install '.[{name}]' in the folder of "
        "auditproxy's sources, or name it in the image's Dockerfile"
    )
