"""Transcripts of real programs: run, stored, replayed."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from auditproxy.apis.session import Carried, Channel, Resized, StreamEvent
from auditproxy.sessions.terminal.commands import CommandFollower
from auditproxy.sessions.terminal.possible import PossibleTerminal
from auditproxy.sessions.terminal.reported import TerminalCommand
from tests.fakes.pseudoterminal import NotShownError, PseudoTerminal
from tests.sessions.terminal.scenarios import PROMPT, Resize, Scenario

DATA = Path(__file__).parent / "data"
PAUSE = 0.05
"""Seconds between events of a replay."""
TRIES = 3
"""bash can miss a ^C that comes just before it reads, and then waits for one more key."""

Events = list[tuple[str, bytes]]


def run(scenario: Scenario, folder: Path, **environment: str) -> Events:
    """Run a row's program and return what passed; a program that got stuck is run again."""
    for number in range(1, TRIES):
        with suppress(NotShownError):
            return _run(scenario, _home(folder, number), environment)
    return _run(scenario, _home(folder, TRIES), environment)


def _home(folder: Path, number: int) -> Path:
    home = folder / f"home{number}"
    home.mkdir()
    return home


def _run(scenario: Scenario, folder: Path, environment: dict[str, str]) -> Events:
    basic = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "PS1": PROMPT,
        "PROMPT_EOL_MARK": "%",
        "INPUTRC": "/dev/null",
        "HISTFILE": str(folder / "history"),
    }
    with PseudoTerminal(
        scenario.argv,
        basic | scenario.environment | environment,
        folder=str(folder),
        columns=scenario.columns,
        rows=scenario.rows,
    ) as terminal:
        terminal.wait(scenario.first)
        for keys, shown in scenario.steps:
            if isinstance(keys, Resize):
                terminal.resize(keys.columns, keys.rows)
            else:
                terminal.send(keys)
            terminal.wait(shown)
        return terminal.events


def save(name: str, events: Events) -> None:
    """Store what passed, as text that a diff shows."""
    pairs = [[kind, data.decode("latin-1")] for kind, data in joined(events)]
    lines = ",\n".join(json.dumps(pair) for pair in pairs)
    (DATA / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


def load(name: str) -> Events:
    """A stored transcript."""
    pairs = json.loads((DATA / f"{name}.json").read_text(encoding="ascii"))
    return [(kind, data.encode("latin-1")) for kind, data in pairs]


def joined(events: Events) -> Events:
    """The same with pieces of output that follow each other in one."""
    found: Events = []
    for kind, data in events:
        if found and kind == "o" and found[-1][0] == "o":
            found[-1] = ("o", found[-1][1] + data)
        else:
            found.append((kind, data))
    return found


def stream(events: Iterable[tuple[str, bytes]]) -> Iterator[StreamEvent]:
    """What passed, as a tunnel has it."""
    for kind, data in events:
        if kind == "r":
            columns, rows = data.split(b"x")
            yield Resized(int(columns), int(rows))
        else:
            yield Carried(Channel.STDIN if kind == "i" else Channel.STDOUT, data)


def replay(
    events: Iterable[tuple[str, bytes]],
    follower: CommandFollower | PossibleTerminal | None = None,
) -> list[TerminalCommand]:
    """The lines of a transcript."""
    follower = follower or CommandFollower()
    found: list[TerminalCommand] = []
    now = 0.0
    for event in stream(events):
        now += PAUSE
        found += follower.take(now, event)
    return found + follower.end(now)
