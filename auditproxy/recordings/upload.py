"""Finished recordings go to an object store, one after the other, until it confirmed each.

    finished -(put confirmed)-> "<name>.cast.uploaded" beside it: it may be removed
             -(put failed)----> to the end of the queue, after a pause that grows

What is confirmed is known from the files alone, so a restart uploads what is left, and uploads
again what it was killed in: the same object under the same key. A thread of its own does it; a
store that is away for days costs nothing but the room of the files.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.names import UPLOADED, is_finished
from auditproxy.recordings.objectstore import ObjectStore, UploadError

MOST_QUEUED = 10_000
"""Recordings that are remembered; for more the folder is read again."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds after a failure; each is twice the one before."""


class UploadObserver(Protocol):
    """Counts uploads; called on the uploader's thread."""

    def uploaded(self, size: int) -> None:
        """A recording of so many bytes was confirmed."""

    def upload_failed(self) -> None:
        """An attempt failed; another will follow."""


class RecordingUploads:
    """Uploads what is finished in ``folder``.

    ``report`` takes a line for operators. ``random`` gives numbers from 0 to 1. With
    ``remove_uploaded`` a recording is removed here as soon as it is confirmed there.
    """

    def __init__(
        self,
        folder: Path,
        store: ObjectStore,
        *,
        observer: UploadObserver,
        report: Callable[[str], None],
        random: Callable[[], float],
        remove_uploaded: bool = False,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._folder = folder
        self._store = store
        self._observer = observer
        self._report = report
        self._random = random
        self._remove_uploaded = remove_uploaded
        self._first_pause = first_pause
        self._changed = threading.Condition()
        self._queue: deque[str] = deque()
        self._read_folder = True
        self._closed = False
        self._failures = 0
        self._reason = ""
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Recordings that are not confirmed, as far as known."""
        return len(self._queue)

    @property
    def fault(self) -> str:
        """Why the last attempt failed; "" after one that was confirmed."""
        return self._reason

    def start(self) -> None:
        """Begin with what earlier runs left."""
        thread = threading.Thread(target=self._run, name="recording-uploads", daemon=True)
        self._thread = thread
        thread.start()

    def offer(self, path: Path) -> None:
        """A recording is finished; may be called on any thread."""
        with self._changed:
            if len(self._queue) < MOST_QUEUED:
                self._queue.append(path.name)
            else:
                self._read_folder = True
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Begin no other upload, and wait ``timeout`` seconds for the one that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            name = self._next()
            if name is None:
                return
            try:
                self._upload(name)
            except UploadError as error:
                self._failed(name, str(error))
            except Exception as error:
                # A fault of ours or of a library must not end all uploads.
                self._failed(name, type(error).__name__)

    def _next(self) -> str | None:
        """The name of the next recording, when there is one; None when closed."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                if not self._queue and self._read_folder:
                    self._read_folder = False
                    self._find()
                if self._queue:
                    return self._queue.popleft()
                self._changed.wait()

    def _find(self) -> None:
        """Queue what the folder has and the store has not confirmed, oldest first."""
        try:
            names = set(os.listdir(self._folder))
        except OSError as error:
            self._report(f"{self._folder} cannot be read: {reason_of(error)}")
            return
        left = sorted(name for name in names if is_finished(name) and name + UPLOADED not in names)
        self._read_folder = len(left) > MOST_QUEUED
        self._queue.extend(left[:MOST_QUEUED])

    def _upload(self, name: str) -> None:
        path = self._folder / name
        if (self._folder / (name + UPLOADED)).exists():
            return
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            # Removed by hand.
            return
        except OSError as error:
            raise UploadError(reason_of(error)) from None
        digest = self._store.put(name, path)
        try:
            self._confirm(path, digest)
        except OSError as error:
            raise UploadError(f"{path}{UPLOADED} cannot be written: {reason_of(error)}") from None
        self._observer.uploaded(size)
        self._failures = 0
        if self._reason:
            self._report("recordings are uploaded again")
        self._reason = ""

    def _confirm(self, path: Path, digest: str) -> None:
        if self._remove_uploaded:
            path.unlink()
            return
        mark = path.with_name(path.name + UPLOADED)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(mark, flags, 0o600)
            try:
                os.write(descriptor, f"sha256:{digest}\n".encode("ascii"))
            finally:
                os.close(descriptor)

    def _failed(self, name: str, reason: str) -> None:
        """Try the others first, after a pause."""
        self._observer.upload_failed()
        if reason != self._reason:
            self._report(f"the recording {name} is not uploaded and will be tried again: {reason}")
        self._reason = reason
        pause = min(LONGEST_PAUSE, self._first_pause * 2.0 ** min(self._failures, 20))
        self._failures += 1
        with self._changed:
            self._queue.append(name)
            self._changed.wait_for(lambda: self._closed, pause * (1 + 0.2 * self._random()))
