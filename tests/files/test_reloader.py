"""The reloader: what it notices, what it waits for, and that it never puts half a file in use."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.apis.faults import Unusable
from auditproxy.files.reloader import Reloader, Source, fingerprint
from auditproxy.metrics.reloads import ReloadMetrics
from tests.fakes.waiting import until


class Harness:
    """A reloader of files whose content must begin with ``good``."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.applied: list[dict[str, Any]] = []
        self.reported: list[str] = []
        self.informed: list[str] = []
        self.slept: list[float] = []
        self.refuse = False
        self.time = 1_000_000_000.0
        self.while_settling: Callable[[], object] = lambda: None
        self.while_loading: Callable[[], object] = lambda: None
        self.registry = CollectorRegistry()
        for name in names:
            self.write(name, "good 1")
        self.reloader = Reloader(
            tuple(self.source(name) for name in names),
            self.apply,
            metrics=ReloadMetrics(self.registry),
            report=self.reported.append,
            inform=self.informed.append,
            clock=lambda: self.time,
            sleep=self.sleep,
        )

    def source(self, name: str) -> Source:
        """A source of one file."""
        path = str(self.folder / name)
        return Source(name, lambda: (path,), lambda: self.load(name))

    def load(self, name: str) -> str:
        """Read and validate."""
        self.while_loading()
        try:
            text = (self.folder / name).read_text()
        except OSError:
            raise Unusable(f"--{name} cannot be read") from None
        if text == "crash":
            raise ZeroDivisionError
        if not text.startswith("good"):
            raise Unusable(f"--{name} is not good")
        return text

    def apply(self, values: Mapping[str, Any]) -> None:
        """Put in use, or refuse all."""
        if self.refuse:
            raise Unusable("they do not fit together")
        self.applied.append(dict(values))

    async def sleep(self, seconds: float) -> None:
        """Time passes, and somebody writes."""
        self.slept.append(seconds)
        self.while_settling()

    def write(self, name: str, text: str) -> None:
        """Change a file."""
        (self.folder / name).write_text(text)

    def count(self, name: str, result: str) -> float | None:
        """A counter."""
        labels = {"file": name, "result": result}
        return self.registry.get_sample_value("auditproxy_config_reloads_total", labels)


async def test_nothing_changed(tmp_path: Path) -> None:
    """Files written anew with the same content are nothing new; nobody waits."""
    harness = Harness(tmp_path, "a", "b")
    harness.write("a", "good 1")
    await harness.reloader.poll()
    assert harness.applied == []
    assert harness.slept == []


async def test_changes_are_applied_together(tmp_path: Path) -> None:
    """T278: what changed comes in one call, the rest is left alone, and the version counts."""
    harness = Harness(tmp_path, "a", "b", "c")
    harness.write("a", "good 2")
    harness.write("c", "good 3")
    harness.time += 60
    await harness.reloader.poll()
    assert harness.applied == [{"a": "good 2", "c": "good 3"}]
    assert harness.slept == [1.0]
    assert harness.reloader.describe() == (
        "--a: version 2, in use since 2001-09-09T01:47:40Z",
        "--b: version 1, in use since 2001-09-09T01:46:40Z",
        "--c: version 2, in use since 2001-09-09T01:47:40Z",
    )
    assert len(harness.informed) == 2
    await harness.reloader.poll()
    assert len(harness.applied) == 1
    assert (harness.count("a", "success"), harness.count("b", "success")) == (1, 0)


@pytest.mark.parametrize("text", ["bad", "crash", None])
async def test_a_bad_file_is_kept_out(tmp_path: Path, text: str | None) -> None:
    """T279: the old one stays, each attempt is counted and told, others are still read."""
    harness = Harness(tmp_path, "a", "b")
    if text is None:
        (tmp_path / "a").unlink()
    else:
        harness.write("a", text)
    harness.write("b", "good 2")
    await harness.reloader.poll()
    await harness.reloader.poll()
    assert harness.applied == [{"b": "good 2"}]
    assert harness.count("a", "error") == 2
    assert len(harness.reported) == 2
    assert all("--a" in line and "keeping the current version" in line for line in harness.reported)
    assert harness.reloader.describe()[0].endswith("; the file has changed and cannot be used")
    harness.write("a", "good 2")
    await harness.reloader.poll()
    assert harness.applied[-1] == {"a": "good 2"}
    assert "cannot be used" not in "".join(harness.reloader.describe())


async def test_the_old_file_comes_back(tmp_path: Path) -> None:
    """A mistake that is taken back is no mistake any more, and nothing is read anew."""
    harness = Harness(tmp_path, "a")
    harness.write("a", "bad")
    await harness.reloader.poll()
    harness.write("a", "good 1")
    await harness.reloader.poll()
    assert harness.applied == []
    assert "cannot be used" not in harness.reloader.describe()[0]
    assert harness.informed == ["--a: the file is again the version in use"]
    await harness.reloader.poll()
    assert len(harness.informed) == 1


async def test_a_file_that_is_being_written(tmp_path: Path) -> None:
    """T279: half of a file may be valid; what changes within the settling time waits."""
    harness = Harness(tmp_path, "a")
    harness.write("a", "good but half")
    harness.while_settling = lambda: harness.write("a", "good and whole")
    await harness.reloader.poll()
    assert harness.applied == []
    assert harness.count("a", "error") == 0
    await harness.reloader.poll()
    assert harness.applied == [{"a": "good and whole"}]


async def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """What was read must be what was seen."""
    harness = Harness(tmp_path, "a")
    harness.write("a", "good 2")
    harness.while_loading = lambda: harness.write("a", "good 3")
    await harness.reloader.poll()
    assert harness.applied == []
    assert "changed while it was read" in harness.reported[0]
    await harness.reloader.poll()
    assert harness.applied == [{"a": "good 3"}]


async def test_apply_refuses(tmp_path: Path) -> None:
    """What does not fit together is not activated, and is tried again."""
    harness = Harness(tmp_path, "a", "b")
    harness.write("a", "good 2")
    harness.write("b", "good 2")
    harness.refuse = True
    await harness.reloader.poll()
    assert (harness.count("a", "error"), harness.count("b", "error")) == (1, 1)
    harness.refuse = False
    await harness.reloader.poll()
    assert harness.applied == [{"a": "good 2", "b": "good 2"}]


async def test_other_files_after_a_reload(tmp_path: Path) -> None:
    """A source may read other files from now on; those are watched then."""
    harness = Harness(tmp_path, "a")
    harness.write("first", "1")
    harness.write("second", "1")
    paths = [str(tmp_path / "first")]
    applied = []

    def apply(values: Mapping[str, Any]) -> None:
        applied.append(values)
        paths[:] = [str(tmp_path / "second")]

    reloader = Reloader(
        (Source("a", lambda: tuple(paths), lambda: "value"),),
        apply,
        metrics=ReloadMetrics(CollectorRegistry()),
        report=harness.reported.append,
        inform=harness.informed.append,
        clock=lambda: 0.0,
    )
    harness.write("first", "2")
    await reloader.poll(settle=False)
    await reloader.poll(settle=False)
    assert len(applied) == 1
    harness.write("first", "3")
    await reloader.poll(settle=False)
    assert len(applied) == 1
    harness.write("second", "2")
    await reloader.poll(settle=False)
    assert len(applied) == 2


async def test_wake(tmp_path: Path) -> None:
    """T282: a signal is acted on at once, without settling; many are as one."""
    harness = Harness(tmp_path, "a")
    done = asyncio.Event()
    original = harness.apply

    def apply(values: Mapping[str, Any]) -> None:
        original(values)
        done.set()

    harness.reloader._apply = apply
    task = asyncio.create_task(harness.reloader.run())
    try:
        harness.write("a", "good 2")
        for _ in range(100):
            harness.reloader.wake()
        async with asyncio.timeout(10):
            await done.wait()
        assert harness.slept == []
        assert harness.applied == [{"a": "good 2"}]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_polls_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T281: without a signal the files are looked at every minute."""
    monkeypatch.setattr("auditproxy.files.reloader.PERIOD", 0.01)
    harness = Harness(tmp_path, "a")
    done = asyncio.Event()
    harness.while_settling = done.set
    task = asyncio.create_task(harness.reloader.run())
    try:
        harness.write("a", "good 2")
        async with asyncio.timeout(10):
            await done.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert harness.slept[0] == 1.0


async def test_goes_on_whatever_happens(tmp_path: Path) -> None:
    """A fault of our own is told, and the next look comes."""
    harness = Harness(tmp_path, "a")
    original = harness.apply
    seen = asyncio.Event()

    def crash(values: Mapping[str, Any]) -> None:
        seen.set()
        raise ZeroDivisionError

    harness.reloader._apply = crash
    task = asyncio.create_task(harness.reloader.run())
    try:
        harness.write("a", "good 2")
        async with asyncio.timeout(10):
            harness.reloader.wake()
            await seen.wait()
        await until(lambda: harness.reported, "the crash is reported")
        harness.reloader._apply = original
        harness.reloader.wake()
        await until(lambda: harness.applied, "the next round is applied")
        assert harness.reported == ["files could not be checked: ZeroDivisionError"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_fingerprint(tmp_path: Path) -> None:
    """It tells contents, and files that are not there; it holds no content."""
    (tmp_path / "a").write_text("secret")
    before = fingerprint((str(tmp_path / "a"), str(tmp_path / "b")))
    assert "secret" not in "".join(before)
    (tmp_path / "b").write_text("")
    after = fingerprint((str(tmp_path / "a"), str(tmp_path / "b")))
    assert before[0] == after[0]
    assert before[1] != after[1]
