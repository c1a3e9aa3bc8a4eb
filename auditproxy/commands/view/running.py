"""From files to a page: the server starts, the index is made, and Ctrl-C ends both.

files -> server -> address on standard output -> browser -> ... -> Ctrl-C
      -> index (a process), which the page waits for
"""

import asyncio
import contextlib
import signal
import tempfile
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.app.cores import cores
from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.printing import Text
from auditproxy.commands.view.guarding import new_token
from auditproxy.commands.view.making import MadeTrail
from auditproxy.commands.view.opening import open_page
from auditproxy.commands.view.pagefiles import page_files
from auditproxy.commands.view.recorded import ListedRecordings, recordings_in
from auditproxy.commands.view.replay import Replays
from auditproxy.commands.view.serving import HOST, Answer, PageServer
from auditproxy.reading.sql.indexed import IndexedTrail, IndexProgress
from auditproxy.reading.trail.buckets import is_bucket
from auditproxy.reading.trail.saved import EXTRA
from auditproxy.reading.trail.sources import STANDARD_INPUT, files_of
from auditproxy.recordings.encryption import decryption_with
from auditproxy.sockets.listener import why_not_bound
from auditproxy.sockets.tasks import spawn

MOST_THREADS = 4
"""Threads that make and read the index; each has buffers of its own."""


def view(
    arguments: Sequence[str],
    settings: Mapping[str, Any],
    out: Text,
    err: Text,
    browse: Callable[[str], Any] = webbrowser.open,
) -> int:
    """Serve the page of these logs until a signal; the exit code. Raises Unusable, OSError."""
    _needs_database()
    with _signals() as signals, tempfile.TemporaryDirectory(prefix="auditproxy-") as folder:
        # What is copied first takes its time; of a name that is wrong one line is enough.
        is_copied = any(one == STANDARD_INPUT or is_bucket(one) for one in arguments)
        if is_copied:
            err.write("auditproxy: reading ...\n")
        files = files_of(arguments, folder)
        if not is_copied:
            err.write("auditproxy: reading ...\n")
        recordings = _recordings(settings, err)
        replays = Replays(recordings, recordings.decrypt)
        threads = max(1, min(MOST_THREADS, int(cores())))
        with contextlib.closing(IndexedTrail(files, folder, threads=threads)) as index:
            trail = MadeTrail(arguments, files, index, recordings.of_request)
            answers: dict[str, Answer] = {
                "trail": lambda given: trail.about() | {"sessions": len(recordings)},
                "requests": trail.page,
                "timeline": trail.timeline,
                "suggestions": trail.suggestions,
                "request": trail.request,
                "sessions": recordings.listed,
                "session": recordings.session,
                "part": replays.part,
                "find": replays.find,
            }

            def make() -> None:
                with _progress(err) as report:
                    said = trail.make(report)
                for note in trail.notes:
                    err.write(f"auditproxy: warning: {note}\n")
                err.write(f"auditproxy: {said}\n")

            def browse_page(address: str) -> None:
                open_page(address, folder, browse)

            # An interruption while the loop is made would leave half of it.
            signals.interrupt = False
            return asyncio.run(
                _serve(answers, settings, out, browse_page, make, index.close, signals)
            )


def _recordings(settings: Mapping[str, Any], err: Text) -> ListedRecordings:
    """Those of the flags; none without a folder. Raises Unusable."""
    if not settings["recordings"]:
        return ListedRecordings((), None)
    decrypt = None
    if settings["identity"]:
        try:
            decrypt = decryption_with(*map(Path, settings["identity"]))
        except Unusable as error:
            raise error.under("--identity") from None
    found = recordings_in(
        Path(settings["recordings"]),
        decrypt,
        report=lambda line: err.write(f"auditproxy: warning: {line}\n"),
    )
    err.write(f"auditproxy: {counted(len(found), 'recording')}\n")
    return found


class Signals:
    """Signals that end the command, until the loop has handlers for them: whether one has come.

    Each is an interruption as long as ``interrupt`` is set.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.interrupt = True
        self.has_come = False

    def __call__(self, number: int, frame: object) -> None:
        """One has come."""
        self.has_come = True
        if self.interrupt:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _signals() -> Iterator[Signals]:
    """Have SIGTERM and SIGHUP end the reading as Ctrl-C does: no file is left."""
    signals = Signals()
    before = [signal.signal(number, signals) for number in Signals.NUMBERS]
    try:
        yield signals
    finally:
        for number, handler in zip(Signals.NUMBERS, before, strict=True):
            signal.signal(number, handler)


async def _serve(
    answers: Mapping[str, Answer],
    settings: Mapping[str, Any],
    out: Text,
    browse: Callable[[str], None],
    make: Callable[[], None],
    give_up: Callable[[], None],
    signals: Signals,
) -> int:
    """Serve until a signal, and ``make`` meanwhile, which ``give_up`` ends. Raises Unusable."""
    token = new_token()
    server = PageServer(page_files(), answers, token)
    try:
        port = await server.start(settings["port"])
    except OSError as error:
        raise Unusable(
            f"--port {settings['port']} cannot be used on {HOST}: {why_not_bound(error)}; give "
            "another one"
        ) from None
    # Browsers send no fragment to servers, so it is in no log and in no Referer.
    address = f"http://{HOST}:{port}/#token={token}"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in Signals.NUMBERS:
        loop.add_signal_handler(number, ended.set)
    if signals.has_come:
        ended.set()
    out.write(f"{address}\n")
    out.flush()

    async def make_it() -> None:
        try:
            await asyncio.to_thread(make)
        except BaseException:
            # What cannot be made ends the command; what is made leaves it running.
            ended.set()
            raise

    making = spawn(make_it(), "make the index")
    try:
        if not settings["no-browser"]:
            await asyncio.to_thread(browse, address)
        await ended.wait()
        if making.done():
            making.result()
    finally:
        give_up()
        with contextlib.suppress(Unusable, OSError):
            await making
        await server.close()
    return 0


@contextlib.contextmanager
def _progress(err: Text) -> Iterator[Callable[[IndexProgress], None]]:
    """Shows how far the index is, in one line of a terminal; elsewhere in none."""
    is_terminal = bool(getattr(err, "isatty", lambda: False)())

    def report(done: IndexProgress) -> None:
        if is_terminal:
            far = f"{counted(done.events, 'event')} unpacked"
            if done.percent is not None:
                far = f"{done.percent:3.0f} %"
            err.write(f"\r\x1b[Kauditproxy: making the index: {far}")
            err.flush()

    try:
        yield report
    finally:
        if is_terminal:
            err.write("\r\x1b[K")
            err.flush()


def _needs_database() -> None:
    """Raise Unusable without the extra, before anything is read."""
    try:
        import duckdb  # noqa: F401
    except ModuleNotFoundError:
        raise Unusable(f"auditproxy view needs {missing_extra(EXTRA)}") from None
