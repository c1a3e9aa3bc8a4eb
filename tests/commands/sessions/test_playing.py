"""Playing: pauses, speed, where it begins, and what the terminal is left in."""

import io
from pathlib import Path

import pytest

from auditproxy.apis.session import Carried, Channel, Outcome, Record
from auditproxy.apis.units import SECOND
from auditproxy.commands.sessions.playing import Pace, find, play
from auditproxy.sessions.playback import RESTORE
from tests.fakes.recorded import Stores, a_session, three_recordings


class Player:
    """Plays into memory, and remembers the pauses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pauses: list[float] = []
        self.output = io.BytesIO()

    def play(self, pace: Pace, *, is_terminal: bool = False) -> int | None:
        """Play once."""
        return play(
            self.path, None, pace, self.output, wait=self.pauses.append, is_terminal=is_terminal
        )


@pytest.fixture
def player(tmp_path: Path) -> Player:
    """Of alice's shell."""
    return Player(three_recordings(tmp_path)[0])


@pytest.mark.parametrize(
    ("pace", "pauses"),
    [
        (Pace(), [1.0, 74.0, 1.0]),
        (Pace(speed=2), [0.5, 37.0, 0.5]),
        (Pace(idle=3), [1.0, 3, 1.0]),
        (Pace(speed=0.5, idle=3), [2.0, 3, 2.0]),
        (Pace(search="file"), [74.0, 1.0]),
        (Pace(search="exit"), []),
        (Pace(search="ls \x1b"), [74.0, 1.0]),
    ],
)
def test_pauses(player: Player, pace: Pace, pauses: list[float]) -> None:
    """As long as they were, but for speed, the limit, and what comes before the search."""
    assert player.play(pace)
    assert player.pauses == pauses
    assert player.output.getvalue() == b"$ ls\r\nfile\r\n$ exit\r\n"


def test_not_found(player: Player) -> None:
    """Nothing is played."""
    assert not player.play(Pace(search="nowhere"))
    assert player.output.getvalue() == b""


def test_a_terminal_is_restored(player: Player) -> None:
    """Also when it is interrupted."""

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    assert player.play(Pace(), is_terminal=True)
    assert player.output.getvalue().endswith(RESTORE.encode() + b"\r\n")
    output = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        play(player.path, None, Pace(), output, wait=interrupted, is_terminal=True)
    assert output.getvalue() == RESTORE.encode() + b"\r\n"


def test_found_in_two_pieces(player: Player) -> None:
    """A text that was written in two pieces is found at the second."""
    assert find(player.path, None, "exit") == 76.0
    assert find(player.path, None, "f") == 1.0
    assert find(player.path, None, "\r\n$ ex") == 75.0


def test_input_is_played(tmp_path: Path) -> None:
    """What was sent without a terminal, between what it caused; each side has a filter of its own."""
    session = a_session(command=("sh",), tty=False)
    recording = Stores(tmp_path).new().open(session, Record.INPUT_OUTPUT, moment=0)
    recording.take(SECOND, [Carried(Channel.STDIN, b"cat \x1b]0;x")])
    recording.take(2 * SECOND, [Carried(Channel.STDOUT, b"root\n")])
    recording.take(3 * SECOND, [Carried(Channel.STDIN, b"\x07shadow\n")])
    player = Player(Path(recording.finish(4 * SECOND, Outcome(0)).path))
    assert player.play(Pace()) == 1
    assert player.output.getvalue() == b"root\n"
    player.output.truncate(0)
    player.output.seek(0)
    assert player.play(Pace(with_input=True)) == 3
    assert player.output.getvalue() == b"cat root\nshadow\n"
    assert player.play(Pace(search="shadow")) is None
    assert player.play(Pace(search="shadow", with_input=True)) == 3
    assert find(player.path, None, "oo", with_input=True) == 2.0
