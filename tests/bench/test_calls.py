"""The guard of what a request costs: Python and C calls of the proxy, counted exactly.

A failure here is a change of the code, on any machine. Where a request needs fewer calls than its
bound by far, write the bounds anew, so that the gain stays: ``python -m tests.bench.calls
--write-bounds``, once with each version of Python that has them. ``--profile`` shows whose calls
they are.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.calls import BOUNDS, CASES, Calls, chosen, lowest, shown, version, with_bounds

ROOT = Path(__file__).parent.parent.parent
STALE = 0.85
"""A bound is too high when what is counted is below this share of it."""
WRITE = "python -m tests.bench.calls --write-bounds"
ALLOWED = json.loads(BOUNDS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def counted() -> dict[str, list[float]]:
    """What a process of its own counts, where no other test has left anything behind."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.calls", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(version() not in ALLOWED, reason=f"bounds.json has none for {version()}")
@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_calls(name: str, counted: dict[str, list[float]]) -> None:
    """A request costs no more calls than its bound allows, and the bound is close."""
    for kind, calls, bound in zip(
        ("Python", "C"), counted[name], ALLOWED[version()][name], strict=True
    ):
        assert calls <= bound, (
            f"{name}: {calls} {kind} calls a request, {bound} are allowed; see whose they are: "
            f"python -m tests.bench.calls --only {name} --profile"
        )
        assert calls >= bound * STALE, f"{name}: {calls} {kind} calls, bound {bound}; run {WRITE}"


ROWS = {
    "get": "GET of one target again and again",
    "new": "target and head of the answer never seen before",
    "traced": "the same, and each with a trace",
    "sized": "PUT of bodies of many lengths",
    "strange": "target and both heads never seen before",
    "put": "PUT of a lease",
    "body": "GET at RequestResponse, 1 KB of JSON",
}
"""The cases that docs/performance.md has, and its words for them."""


@pytest.mark.skipif(version() != "3.11", reason="the page has the calls of Python 3.11")
@pytest.mark.parametrize("name", ROWS)
def test_the_page_has_what_is_counted(name: str, counted: dict[str, list[float]]) -> None:
    """To one call: a patch of Python may have one more."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| {ROWS[name]} | "))
    said = [int(calls) for calls in row.split(" | ")[1].split(" + ")]
    assert said == pytest.approx(counted[name], abs=1), row


def test_every_version_bounds_every_case() -> None:
    """A case without a bound would not be guarded."""
    assert all(list(cases) == [case.name for case in CASES] for cases in ALLOWED.values())


def test_lowest() -> None:
    """What one run alone has, such as a clock's next second, is left out."""
    first, second = [(10, 5), (13, 8), (10, 5)], [(12, 5), (11, 5), (11, 5)]
    assert lowest([first, second]) == Calls(10.33, 5.0)


def test_with_bounds() -> None:
    """Only this version's cases that were counted change."""
    before = {"3.1": {"get": [1, 1]}, version(): {"get": [9, 9], "put": [8, 8]}}
    text = with_bounds(json.dumps(before), {"get": Calls(700.0, 99.5)})
    assert json.loads(text) == {
        "3.1": {"get": [1, 1]},
        version(): {"get": [703, 103], "put": [8, 8]},
    }


def test_chosen() -> None:
    """Cases by name; a wrong one is an error that names those that exist."""
    assert [case.name for case in chosen("put,get")] == ["put", "get"]
    assert chosen("") == list(CASES)
    with pytest.raises(SystemExit, match=r"--only x: the cases are get, targets"):
        chosen("x")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/venv/lib/python3.11/site-packages/aiohttp/web.py", "aiohttp/web.py"),
        ("/work/auditproxy/server/handler.py", "auditproxy/server/handler.py"),
        ("/usr/lib/python3.11/asyncio/events.py", "python3.11/asyncio/events.py"),
        ("<string>", "<string>"),
    ],
)
def test_shown(path: str, expected: str) -> None:
    """A file is shown by its package."""
    assert shown(path) == expected
