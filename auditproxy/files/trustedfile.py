"""What every trusted file has: how it is read, which files show that it changed, what to remark."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.options import Options

Value = TypeVar("Value")


@dataclass(slots=True)
class Remarks:
    """What operators should know of files that can be used; readers add to it."""

    notes: list[str] = field(default_factory=list)
    """Start-up lines: each default that was taken, each warning of a file."""
    warnings: list[str] = field(default_factory=list)
    """Start-up lines of what is used and is probably not meant so."""
    misspelt: list[str] = field(default_factory=list)
    """Those of a policy's fields that no policy has."""


def _nothing(options: Options) -> Sequence[str]:
    """There is nothing to note at start."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFile:
    """One trusted file, or several that one flag names; a row of SOURCES.

    ``flag`` is the flag without its dashes, by which a reload is reported, and
    ``field`` the field of Files that holds the value. Rows that share a field
    exclude each other.
    """

    flag: str
    field: str
    read: Callable[[Options, Remarks], Any]
    """Reads it at start: the value, None where nothing is configured, which leaves the field's
    default. Raises Unusable with all its faults."""
    paths: Callable[[Options, Any], tuple[str, ...]] | None
    """The files whose content shows that it changed, for the value in use; () where there are
    none. None for the whole row: it is read at start only."""
    again: Callable[[Options, Remarks, Any], Any] | None = None
    """Reads it while the proxy runs, given the value in use; None reads as at start. Raises
    Unusable, also for a change that needs a restart."""
    notes: Callable[[Options], Sequence[str]] = _nothing
    """Start-up lines of what it means beside other settings."""

    def read_again(self, options: Options, remarks: Remarks, current: Any) -> Any:
        """The value as the files say now, ``current`` being in use; raises Unusable."""
        if self.again is None:
            return self.read(options, remarks)
        return self.again(options, remarks, current)


def content_of(path: str, flag: str) -> bytes:
    """A file's bytes; raises Unusable naming ``flag``, which has its dashes, or is ""."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unusable(f"{flag} {path} cannot be read: {why_unread(error)}".lstrip()) from None


def parsed(paths: Iterable[str], flag: str, parse: Callable[[bytes], Value]) -> list[Value]:
    """What ``parse`` makes of each file; ``flag`` has its dashes, or is "" for an argument.

    ``parse`` raises Unusable. Raises Unusable with the faults of all files, each
    behind the flag and the path.
    """
    found: list[Value] = []
    faults: list[str] = []
    for path in paths:
        try:
            content = content_of(path, flag)
        except Unusable as error:
            faults += error.faults
            continue
        try:
            found.append(parse(content))
        except Unusable as error:
            faults += error.under(f"{flag} {path}".lstrip()).faults
    if faults:
        raise Unusable(*faults)
    return found


def passes_through(options: Options) -> bool:
    """Whether clients' own tokens are passed to the upstream."""
    return options.upstream.upstream_identity == "passthrough"


def passthrough_notes(options: Options, path: str, flag: str, means: str) -> tuple[str, ...]:
    """What passthrough means for the users of the file at ``path``; empty without either.

    ``flag`` has its dashes.
    """
    if not path or not passes_through(options):
        return ()
    return (f"{flag} with --upstream-identity=passthrough: {means}",)


def named(*paths: str) -> tuple[str, ...]:
    """Those of the paths that are given."""
    return tuple(filter(None, paths))
