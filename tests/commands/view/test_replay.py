"""What a terminal showed, in parts, forwards and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.view import replay
from auditproxy.commands.view.recorded import recordings_in
from auditproxy.commands.view.replay import ReplayedSession, Replays
from auditproxy.sessions.terminal.screen import VisibleScreen
from tests.commands.view.viewing import write_recording

STEM = "2026-11-28T02-13-20.123456Z_shop_web_audit_{}.cast"


def made(folder: Path, *events: list[Any], tty: bool = True, **header: Any) -> str:
    """A recording of these events; the name of its file."""
    name = STEM.format("made")
    head = {
        "version": 2,
        "width": 20,
        "height": 4,
        "timestamp": 1,
        "auditproxy": {"kind": "exec", "tty": tty},
    }
    lines = [json.dumps(head | header), *map(json.dumps, events)]
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return name


def replays(folder: Path) -> Replays:
    """What plays the recordings of a folder."""
    return Replays(recordings_in(folder, None, report=lambda line: None), None)


def plain(row: Any) -> str:
    """The text of a row."""
    return row if isinstance(row, str) else "".join(text for text, *_ in row)


def whole(player: Replays, name: str, at: float = 0) -> list[tuple[float, list[str]]]:
    """Every frame from a time on, put together as the page does it."""
    found: list[tuple[float, list[str]]] = []
    coming: float | None = at
    while coming is not None:
        part = player.part({"name": name, "at": str(coming)})
        rows = list(part["rows"])
        found.append((part["at"], list(rows)))
        for seconds, changed, _, size in part["frames"]:
            rows = [""] * size[1] if size else rows
            for place, row in changed.items():
                rows[place] = row
            found.append((seconds, list(rows)))
        coming = part["next"]
    return [(seconds, [plain(row) for row in shown]) for seconds, shown in found]


def test_a_session(tmp_path: Path) -> None:
    """Each moment has its screen; what would steer a terminal or a browser is text or gone."""
    name = write_recording(tmp_path)
    frames = whole(replays(tmp_path), name)
    assert [round(seconds, 2) for seconds, _ in frames] == [
        0,
        0.1,
        1.2,
        1.3,
        1.4,
        30,
        30.1,
        30.2,
        42.3,
    ]
    assert frames[0][1] == [""] * 14
    assert frames[2][1][0] == "/app $ ls -l"
    assert frames[4][1][4] == "/app $"
    assert frames[-1][1][7].startswith("shop:x:1000:1000:<b>shop</b>")
    assert all(row.isprintable() for _, rows in frames for row in rows)
    assert "title" not in "".join(frames[-1][1])


def test_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, and any time in any order, show the same."""
    name = write_recording(tmp_path)
    player = replays(tmp_path)
    expected = dict(whole(player, name))
    monkeypatch.setattr(replay, "MOST_FRAMES", 2)
    assert dict(whole(player, name)) == expected
    for at, seconds in ((42.4, 42.3), (1.25, 1.2), (30.15, 30.1), (0.0, 0), (1000.0, 42.3)):
        part = player.part({"name": name, "at": str(at)})
        assert [plain(row) for row in part["rows"]] == expected[seconds]


def test_what_comes_together_is_one_frame(tmp_path: Path) -> None:
    """A thousand pieces in a second are at most thirty frames."""
    name = made(tmp_path, *([place / 1000, "o", "x"] for place in range(1000)))
    frames = whole(replays(tmp_path), name)
    assert 20 < len(frames) <= 32
    assert "".join(frames[-1][1][:4]).replace(" ", "").strip("x") == ""


def test_sizes(tmp_path: Path) -> None:
    """A terminal that changes its size is shown whole, and no size is beyond what a screen has."""
    name = made(
        tmp_path, [1, "o", "one"], [2, "r", "30x6"], [3, "o", " two"], [4, "r", "99999x99999"]
    )
    frames = whole(replays(tmp_path), name)
    assert [len(rows) for _, rows in frames] == [4, 4, 6, 6, 200]
    assert frames[3][1][0] == "one two"


def test_without_a_terminal(tmp_path: Path) -> None:
    """Lines begin at the left, whichever stream they are of."""
    name = made(tmp_path, [1, "o", "one\ntwo\n"], [2, "s", "stderr"], [2, "o", "three"], tty=False)
    assert whole(replays(tmp_path), name)[-1][1][:3] == ["one", "two", "three"]


def test_made_up_times(tmp_path: Path) -> None:
    """Times that go back are the time before, and lines that are none are passed over."""
    name = made(tmp_path, [5, "o", "a"], [1, "o", "b"], ["x", "o", "c"], [6, "o", "d"])
    frames = whole(replays(tmp_path), name)
    assert [(seconds, rows[0]) for seconds, rows in frames] == [(0, ""), (5.0, "ab"), (6.0, "abd")]


def test_an_output_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind the bound is not followed, and the page is told."""
    monkeypatch.setattr(replay, "MOST_REPLAYED", 10)
    name = made(tmp_path, *([place, "o", "12345"] for place in range(1, 9)))
    player = replays(tmp_path)
    part = player.part({"name": name, "at": "0"})
    assert (len(part["frames"]), part["next"], part["isCut"]) == (2, None, True)


def test_replays_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part continues where the one before ended; only some are kept."""
    begun: list[str] = []

    class Counting(ReplayedSession):
        def __init__(self, *given: Any) -> None:
            begun.append(str(given[0]))
            super().__init__(*given)

    monkeypatch.setattr(replay, "ReplayedSession", Counting)
    monkeypatch.setattr(replay, "MOST_FRAMES", 2)
    monkeypatch.setattr(replay, "MOST_REPLAYS", 1)
    one = write_recording(tmp_path)
    other = made(tmp_path, [1, "o", "a"])
    player = replays(tmp_path)
    whole(player, one)
    assert len(begun) == 1
    player.part({"name": other, "at": "0"})
    player.part({"name": one, "at": "42"})
    assert len(begun) == 3


def test_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the output and in commands, in pieces too."""
    name = made(
        tmp_path, [1, "o", "Need"], [2, "o", "le here"], [3, "i", "needle"], [4, "o", "needle"],
        [5, "a", json.dumps({"type": "Command", "line": "grep needle", "flags": []})],
    )  # fmt: skip
    player = replays(tmp_path)
    hits = player.find({"name": name, "text": "NEEDLE"})["hits"]
    assert hits[:2] == [2.0, 4.0]
    assert player.find({"name": name, "text": ""})["hits"] == []
    assert player.find({"name": name, "text": "e"})["hits"][0] == 1.0
    monkeypatch.setattr(replay, "MOST_HITS", 1)
    assert player.find({"name": name, "text": "needle"})["hits"] == [2.0]


@pytest.mark.parametrize("at", ["x", "-1", "nan", "inf", "1e300", ""])
def test_times_of_others(tmp_path: Path, at: str) -> None:
    """What is no time is a fault."""
    name = write_recording(tmp_path)
    with pytest.raises(Unusable, match="at must be a number of seconds"):
        replays(tmp_path).part({"name": name, "at": at})


def test_files_that_are_gone(tmp_path: Path) -> None:
    """And those that are not in the list."""
    name = write_recording(tmp_path)
    player = replays(tmp_path)
    (tmp_path / name).unlink()
    for ask in (player.part, player.find):
        with pytest.raises(Unusable, match="no such file"):
            ask({"name": name, "at": "0", "text": "x"})
        with pytest.raises(Unusable, match="no such recording"):
            ask({"name": "../x", "at": "0", "text": "x"})


def test_the_screen_is_the_one_that_commands_are_followed_on(tmp_path: Path) -> None:
    """The rows are those of VisibleScreen."""
    name = made(tmp_path, [1, "o", "a\x1b[3;5Hb\x1b[1A\x1b[2Dc"])
    screen = VisibleScreen(20, 4)
    for _ in screen.feed(b"a\x1b[3;5Hb\x1b[1A\x1b[2Dc"):
        pass
    part = replays(tmp_path).part({"name": name, "at": "1"})
    assert part["rows"] == screen.display()
    assert tuple(part["cursor"]) == (screen.row - screen.rows.top, screen.column)


def test_colours(tmp_path: Path) -> None:
    """Are numbers beside visible texts; what only changes its colour is a frame too."""
    name = made(tmp_path, [1, "o", "a\x1b[1;34mb\x1b[0m\u202e"], [2, "o", "\r\x1b[38;2;1;2;3ma"])
    part = replays(tmp_path).part({"name": name, "at": "1"})
    assert part["rows"][0] == [("a", None, None, 0), ("b\\u202e", 4, None, 1)]
    assert part["rows"][1] == ""
    ((seconds, changed, _, _),) = part["frames"]
    assert (seconds, list(changed)) == (2.0, [0])
    assert changed[0][0] == ("a", 256 + 0x010203, None, 0)
    json.dumps(part)
