"""From files to a page: the index is made, the server starts, and Ctrl-C ends both.

files -> prepare -> index (a process) -> address on standard output -> browser -> ... -> Ctrl-C
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
from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import notes_of
from auditproxy.commands.events.printing import Text
from auditproxy.commands.view.details import Details
from auditproxy.commands.view.guarding import new_token
from auditproxy.commands.view.opening import open_page
from auditproxy.commands.view.pagefiles import page_files
from auditproxy.commands.view.recorded import ListedRecordings, recordings_in
from auditproxy.commands.view.replay import Replays
from auditproxy.commands.view.serving import HOST, Answer, PageServer
from auditproxy.commands.view.trail import ViewedTrail
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.sql.indexed import IndexedTrail
from auditproxy.reading.sql.store import prepare
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.saved import EXTRA
from auditproxy.reading.trail.sources import TrailFile, files_of
from auditproxy.recordings.encryption import decryption_with
from auditproxy.sockets.listener import why_not_bound


def view(
    arguments: Sequence[str],
    settings: Mapping[str, Any],
    out: Text,
    err: Text,
    browse: Callable[[str], Any] = webbrowser.open,
) -> int:
    """Serve the page of these logs until a signal; the exit code. Raises Unusable, OSError."""
    _needs_database()
    with _interrupted_by_signals(), tempfile.TemporaryDirectory(prefix="auditproxy-") as folder:
        files = files_of(arguments, folder)
        counts = Counts()
        err.write("auditproxy: reading ...\n")
        stored = prepare(files, folder, counts)
        readable = [TrailFile(one.path, one.origin) for one in stored]
        index = IndexedTrail(stored, folder)
        with contextlib.closing(index):
            with _progress(err) as report:
                index.build(report)
            trail = ViewedTrail(index)
            notes = [visible(note) for note in notes_of(counts, Counts())]
            for note in notes:
                err.write(f"auditproxy: warning: {note}\n")
            err.write(f"auditproxy: {counted(trail.count, 'request')}{_between(trail)}\n")
            recordings = _recordings(settings, err)
            details = Details(index, blocks_of(readable), recordings.of_request)
            replays = Replays(recordings, recordings.decrypt)
            answers: dict[str, Answer] = {
                "trail": lambda given: _about(trail, files, notes) | {"sessions": len(recordings)},
                "requests": trail.page,
                "timeline": trail.timeline,
                "suggestions": lambda given: trail.suggestions(),
                "request": details.of,
                "sessions": recordings.listed,
                "session": recordings.session,
                "part": replays.part,
                "find": replays.find,
            }
            return asyncio.run(
                _serve(answers, settings, out, lambda address: open_page(address, folder, browse))
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


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the making of the index as Ctrl-C does: no file is left."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


async def _serve(
    answers: Mapping[str, Answer],
    settings: Mapping[str, Any],
    out: Text,
    browse: Callable[[str], None],
) -> int:
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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    out.write(f"{address}\n")
    out.flush()
    try:
        if not settings["no-browser"]:
            await asyncio.to_thread(browse, address)
        await ended.wait()
    finally:
        await server.close()
    return 0


def _about(trail: ViewedTrail, files: Sequence[TrailFile], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "files": [visible(file.path) for file in files[:100]],
        "fileCount": len(files),
        "count": trail.count,
        "first": iso(trail.first * 1000) if trail.first else "",
        "last": iso(trail.last * 1000) if trail.last else "",
        "notes": list(notes),
    }


def _between(trail: ViewedTrail) -> str:
    if not trail.first:
        return ""
    return f", {iso(trail.first * 1000)} to {iso(trail.last * 1000)}"


@contextlib.contextmanager
def _progress(err: Text) -> Iterator[Callable[[float], None]]:
    """Shows how far the index is, in one line of a terminal; elsewhere in none."""
    is_terminal = bool(getattr(err, "isatty", lambda: False)())

    def report(done: float) -> None:
        if is_terminal:
            err.write(f"\rauditproxy: making the index: {done:3.0f} %")
            err.flush()

    yield report
    if is_terminal:
        err.write("\r\x1b[K")
        err.flush()


def _needs_database() -> None:
    """Raise Unusable without the extra, before anything is read."""
    try:
        import duckdb  # noqa: F401
    except ModuleNotFoundError:
        raise Unusable(f"auditproxy view needs {missing_extra(EXTRA)}") from None
