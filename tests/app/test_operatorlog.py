"""Lines for operators."""

import json
import logging
import subprocess
import sys

import pytest

from auditproxy.app.operatorlog import LONGEST, LibraryWarnings, first_line, limited


@pytest.mark.parametrize(("verbosity", "expected"), [(-1, ["w"]), (0, ["i", "w"]), (2, ["i", "w"])])
def test_json_lines(verbosity: int, expected: list[str]) -> None:
    """One JSON object a line, on standard error, by verbosity."""
    code = (
        "from auditproxy.app import operatorlog as o;"
        f"o.configure(verbosity={verbosity}, json_lines=True); o.info('i'); o.warn('w')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == expected
    assert all(line["timestamp"].endswith("Z") for line in lines)


@pytest.mark.parametrize("json_lines", [True, False])
def test_fields(json_lines: bool) -> None:
    """What a line names is a member of its own as JSON; as text it is the sentence and no more."""
    code = (
        "from auditproxy.apis.operatorline import OperatorLine as L;"
        "from auditproxy.app import operatorlog as o;"
        f"o.configure(verbosity=0, json_lines={json_lines});"
        "r = o.limited(o.warn, lambda: now[0], 60); now = [0.0];"
        "[r(L('from 10.0.0.1', peer='10.0.0.1')) for _ in 'ab']; now[0] = 60;"
        "r(L('from 10.0.0.1', peer='10.0.0.1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    first, second = done.stderr.splitlines()
    if json_lines:
        assert json.loads(first)["peer"] == "10.0.0.1"
        assert json.loads(second)["peer"] == "10.0.0.1"
        assert json.loads(second)["event"] == "from 10.0.0.1 (1 more like this)"
    else:
        assert "peer" not in done.stderr
        assert second.endswith("from 10.0.0.1 (1 more like this)")


def test_text_lines() -> None:
    """Text for people, one line a fact."""
    code = (
        "from auditproxy.app import operatorlog as o;"
        "o.configure(verbosity=0, json_lines=False); o.info('serving'); o.warn('careful')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    first, second = done.stderr.splitlines()
    assert "serving" in first
    assert "careful" in second
    assert "warning" in second


def test_limited() -> None:
    """Each text at most once a minute; what was left out is counted in the next line."""
    told: list[str] = []
    now = 0.0
    report = limited(told.append, lambda: now)
    for _ in range(3):
        report("full disk")
    report("other")
    now = 59.9
    report("full disk")
    now = 60.0
    report("full disk")
    assert told == ["full disk", "other", "full disk (3 more like this)"]


def test_limited_is_bounded() -> None:
    """Texts that never repeat do not fill the memory."""
    told: list[str] = []
    report = limited(told.append, lambda: 0.0)
    for number in range(5000):
        report(str(number))
    assert len(told) == 5000


def test_limited_forgets_no_count() -> None:
    """What was left out of a text is told when the text has to make room."""
    told: list[str] = []
    report = limited(told.append, lambda: 0.0)
    for _ in range(3):
        report("full disk")
    for number in range(1024):
        report(str(number))
    assert told[-2:] == ["full disk (2 more like this)", "1023"]
    assert len(told) == 1026


def test_warnings_of_libraries() -> None:
    """B3: a library's warning is one line, without what it was filled with and no traceback."""
    told: list[str] = []
    logger = logging.Logger("aiohttp.server")
    logger.addHandler(LibraryWarnings(told.append))
    try:
        raise ValueError("a secret")
    except ValueError:
        logger.exception("Error handling %s\nand more", "a secret")
    logger.info("not told")
    logger.warning("")
    assert told == ["aiohttp.server: Error handling %s", "aiohttp.server: "]


def test_first_line() -> None:
    """A text that is not ours is one line with a bound."""
    assert first_line("") == ""
    assert first_line("one\ntwo") == "one"
    assert first_line("x" * 1000) == "x" * LONGEST
