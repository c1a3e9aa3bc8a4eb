"""Keys of ``auditproxy sessions play`` on a real terminal."""

import os
import pty
import re
import sys
import threading
import tty
from pathlib import Path

import pytest

from auditproxy.commands.sessions.keyboard import Keyboard, StoppedByUserError
from auditproxy.sessions.playback import RESTORE
from tests.fakes.pseudoterminal import PseudoTerminal
from tests.fakes.recorded import three_recordings


@pytest.mark.parametrize("keys", [b"q", b"Q", b" q", b"x q", b" xx q"])
def test_q_ends_it(tmp_path: Path, keys: bytes) -> None:
    """At once, in a pause of a minute, held or not; the terminal shows keys again."""
    path = three_recordings(tmp_path)[0]
    command = [sys.executable, "-m", "auditproxy", "sessions", "play", str(path)]
    with PseudoTerminal(command, dict(os.environ), folder=str(Path.cwd())) as terminal:
        terminal.wait(rb"file")
        assert not terminal.echoes()
        terminal.send(keys)
        terminal.wait(re.escape(RESTORE.encode()) + rb"\r")
        terminal.ended()
        assert terminal.echoes()


def test_space_holds() -> None:
    """Until it is pressed once more; other keys do nothing."""
    ours, theirs = pty.openpty()
    try:
        tty.setcbreak(theirs)
        over = threading.Event()

        def wait() -> None:
            Keyboard(theirs).wait(0.2)
            over.set()

        os.write(ours, b"x ")
        waiting = threading.Thread(target=wait)
        waiting.start()
        # Longer than the pause.
        assert not over.wait(0.5)
        os.write(ours, b"x ")
        waiting.join(10)
        assert over.is_set()
        os.write(ours, b"q")
        with pytest.raises(StoppedByUserError):
            Keyboard(theirs).wait(60)
    finally:
        os.close(ours)
        os.close(theirs)
