"""The demo's folder: empty or an earlier demo's, in use by one demo at a time.

A file of a name of its own marks a folder of ours. It is locked while the demo
runs, and the lock ends with the process, however that ends. Only files that a
demo makes are ever removed.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = ".auditproxy-demo"
"""The file that marks a folder as a demo's."""

PKI = "pki"
"""The folder of certificates and keys in it."""

RECORDINGS = "recordings"
"""The folder of recorded sessions in it."""

AUDIT_LOG = "audit.log"
"""The audit log in it."""

_FILES = re.compile(
    r"kubeconfig|upstream\.kubeconfig|(recording-)?policy\.yaml|alert-rules\.yaml|tokens\.csv"
    r"|(audit|sessions)(-\d{4}-\d\d-\d\dT[\d.-]+)?\.log"
)

_KEY_PAIRS = re.compile(
    r"(ca|server|front-proxy-ca|front-proxy-client|auditproxy|admin)\.(crt|key)"
)

_RECORDINGS = re.compile(r"\d{4}-[^/]+\.cast(\.part)?|\.auditproxy-recordings\.(lock|probe)")

_FOLDERS = {PKI: _KEY_PAIRS, RECORDINGS: _RECORDINGS}


class FolderError(Exception):
    """The folder cannot be used; the text names the flag, the folder and the fix."""


@contextmanager
def demo_folder(directory: Path | None) -> Iterator[Path]:
    """An empty folder that only its owner can read; None is a temporary one, removed afterwards.

    Raises FolderError.
    """
    if directory is not None:
        with _locked(directory) as folder:
            yield folder
        return
    try:
        name = tempfile.mkdtemp(prefix="auditproxy-demo-")
    except OSError as error:
        raise FolderError(
            f"no temporary folder can be made: {error.strerror}; name a folder with --dir"
        ) from None
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


@contextmanager
def _locked(directory: Path) -> Iterator[Path]:
    try:
        folder = directory.resolve()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        entries = os.listdir(folder)
        if entries and MARK not in entries:
            raise FolderError(
                f"--dir {directory} has files that are not a demo's; give an empty or a new folder"
            )
        descriptor = os.open(folder / MARK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError, RuntimeError) as error:
        raise _unusable(directory, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FolderError(
                f"--dir {directory} is in use by another demo; end that one, or give another folder"
            ) from None
        try:
            _empty(folder, directory)
            # A folder that was there before now holds keys.
            folder.chmod(0o700)
        except OSError as error:
            raise _unusable(directory, error) from None
        yield folder
    finally:
        os.close(descriptor)


def _empty(folder: Path, directory: Path) -> None:
    """Remove what an earlier demo left, but for the mark that is locked; raises FolderError, and
    removes nothing, where there is anything else.
    """
    ours: list[Path] = []
    for entry in folder.iterdir():
        within = _FOLDERS.get(entry.name)
        if within is not None and entry.is_dir() and not entry.is_symlink():
            ours += (_ours(file, within, directory) for file in entry.iterdir())
        elif entry.name != MARK:
            ours.append(_ours(entry, _FILES, directory))
    for file in ours:
        file.unlink()
    for name in _FOLDERS:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).rmdir()


def _ours(entry: Path, names: re.Pattern[str], directory: Path) -> Path:
    """The entry, if a demo makes a file of its name; raises FolderError."""
    if names.fullmatch(entry.name) and (entry.is_symlink() or not entry.is_dir()):
        return entry
    raise FolderError(
        f"--dir {directory} has a file that is not a demo's, {entry.name!r}; "
        "move it away, or give an empty or a new folder"
    )


def _unusable(directory: Path, error: Exception) -> FolderError:
    # resolve() raises RuntimeError for a loop of symbolic links, ValueError for a zero byte.
    reason = getattr(error, "strerror", None) or "not a valid path"
    return FolderError(f"--dir {directory} cannot be used: {reason}; give another folder")
