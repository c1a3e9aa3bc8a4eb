"""Uploads: kept until confirmed, tried again, and found again after a restart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditproxy.recordings import upload
from auditproxy.recordings.objectstore import S3ObjectStore, S3Settings, UploadError
from auditproxy.recordings.upload import RecordingUploads
from tests.fakes.s3 import BROKEN, HANG, LOST, REFUSED, S3, SILENT, WRONG
from tests.fakes.waiting import until

pytest.importorskip("obstore")


class Uploading:
    """Uploads of one folder to one fake, with what they counted and reported."""

    def __init__(self, folder: Path, fake: S3) -> None:
        self.folder = folder
        self.fake = fake
        self.sizes: list[int] = []
        self.failures = 0
        self.lines: list[str] = []
        self.running: list[RecordingUploads] = []

    def uploaded(self, size: int) -> None:
        """A recording was confirmed."""
        self.sizes.append(size)

    def upload_failed(self) -> None:
        """An attempt failed."""
        self.failures += 1

    def start(self, **changes: Any) -> RecordingUploads:
        """A proxy starts."""
        store = S3ObjectStore(
            S3Settings(bucket="b", endpoint=self.fake.url, region="r", timeout=0.3)
        )
        uploads = RecordingUploads(
            self.folder,
            changes.pop("store", store),
            observer=self,
            report=self.lines.append,
            random=lambda: 0.0,
            first_pause=0.001,
            **changes,
        )
        uploads.start()
        self.running.append(uploads)
        return uploads

    def names(self) -> list[str]:
        """What is in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def uploading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Uploading]]:
    """Makes uploads to a fake with a script; all of it ends with the test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made: list[Uploading] = []

    def make(*script: str) -> Uploading:
        fake = S3(*script)
        fake.__enter__()
        made.append(Uploading(tmp_path, fake))
        return made[-1]

    yield make
    for one in made:
        one.fake.ending.set()
        for uploads in one.running:
            uploads.close(10)
        one.fake.__exit__()


async def test_what_is_left_and_what_comes(uploading: Callable[..., Uploading]) -> None:
    """Files of earlier runs first, then each that is finished; parts and marks never."""
    run = uploading()
    (run.folder / "1.cast").write_bytes(b"one")
    (run.folder / "2.cast.age.tar").write_bytes(b"two!")
    (run.folder / "3.cast.part").write_bytes(b"part")
    (run.folder / "4.cast").write_bytes(b"known")
    (run.folder / "4.cast.uploaded").write_bytes(b"")
    uploads = run.start()
    await until(lambda: len(run.sizes) == 2, "both are confirmed")
    (run.folder / "5.cast").write_bytes(b"five")
    uploads.offer(run.folder / "5.cast")
    await until(lambda: len(run.sizes) == 3, "the third is confirmed")
    assert run.fake.objects == {
        "/b/1.cast": b"one",
        "/b/2.cast.age.tar": b"two!",
        "/b/5.cast": b"five",
    }
    assert {"1.cast", "1.cast.uploaded", "5.cast.uploaded"} <= set(run.names())
    assert (run.failures, run.lines, uploads.fault) == (0, [], "")


@pytest.mark.parametrize("step", [BROKEN, REFUSED, WRONG, SILENT, LOST, HANG])
async def test_tried_again(uploading: Callable[..., Uploading], step: str) -> None:
    """Whatever it was that did not confirm it; the reason is reported once."""
    run = uploading(step, step)
    (run.folder / "1.cast").write_bytes(b"one")
    uploads = run.start()
    await until(lambda: run.sizes, "it is confirmed")
    await until(lambda: len(run.lines) == 2, "both lines are reported")
    assert (run.failures, run.sizes) == (2, [3])
    assert run.lines[0].startswith("the recording 1.cast is not uploaded and will be tried again: ")
    assert run.lines[1] == "recordings are uploaded again"
    assert uploads.fault == ""
    assert "1.cast.uploaded" in run.names()


async def test_one_that_fails_does_not_hold_up_others(
    uploading: Callable[..., Uploading],
) -> None:
    """It is tried again after them."""
    run = uploading(BROKEN)
    for name in ("1.cast", "2.cast"):
        (run.folder / name).write_bytes(b"x")
    run.start()
    await until(lambda: len(run.sizes) == 2, "both are confirmed")
    assert run.fake.puts == ["/b/1.cast", "/b/2.cast", "/b/1.cast"]


async def test_restart(uploading: Callable[..., Uploading]) -> None:
    """What was not confirmed before is uploaded after."""
    run = uploading(*[BROKEN] * 3)
    (run.folder / "1.cast").write_bytes(b"one")
    first = run.start()
    await until(lambda: run.failures, "an attempt fails")
    first.close(10)
    run.fake.script.clear()
    assert "1.cast.uploaded" not in run.names() or run.sizes
    run.start()
    await until(lambda: run.sizes, "it is confirmed")
    assert run.fake.objects == {"/b/1.cast": b"one"}


async def test_removed_when_confirmed(uploading: Callable[..., Uploading]) -> None:
    """Only then, where that is wanted."""
    run = uploading(BROKEN)
    (run.folder / "1.cast").write_bytes(b"one")
    run.start(remove_uploaded=True)
    await until(lambda: run.sizes, "it is confirmed")
    assert run.names() == []
    assert run.fake.objects == {"/b/1.cast": b"one"}


async def test_bounded(
    uploading: Callable[..., Uploading], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than is remembered is found in the folder again."""
    monkeypatch.setattr(upload, "MOST_QUEUED", 2)
    run = uploading()
    for number in range(7):
        (run.folder / f"{number}.cast").write_bytes(b"x")
    uploads = run.start()
    for number in range(7):
        uploads.offer(run.folder / f"{number}.cast")
    await until(lambda: len(run.sizes) == 7, "all are confirmed")
    assert len(run.fake.objects) == 7


async def test_removed_by_hand(uploading: Callable[..., Uploading]) -> None:
    """Nothing is left to upload, and that is no failure."""
    run = uploading()
    uploads = run.start()
    uploads.offer(run.folder / "gone.cast")
    (run.folder / "1.cast").write_bytes(b"one")
    uploads.offer(run.folder / "1.cast")
    await until(lambda: run.sizes, "the next one is confirmed")
    assert (run.failures, run.lines) == (0, [])


async def test_a_fault_of_the_library(uploading: Callable[..., Uploading]) -> None:
    """It costs an attempt, not all uploads."""

    class Faulty:
        def __init__(self) -> None:
            self.faults: list[Exception] = [ZeroDivisionError("a secret"), UploadError("away")]

        def put(self, key: str, path: Path) -> str:
            if self.faults:
                raise self.faults.pop(0)
            return "0" * 64

    run = uploading()
    (run.folder / "1.cast").write_bytes(b"one")
    run.start(store=Faulty())
    await until(lambda: run.sizes, "it is confirmed")
    assert run.failures == 2
    assert "secret" not in "".join(run.lines)
