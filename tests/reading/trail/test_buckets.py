"""Logs in a bucket, on a real socket: which objects are read, and what is said where that fails."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.reading.trail import buckets
from auditproxy.reading.trail.sources import TrailFile, files_of
from tests.fakes.s3 import S3
from tests.fakes.trails import event, line_of

pytest.importorskip("obstore")
SECRET = "very-secret-key"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A bucket that the environment names, as for AWS's own tools."""
    with S3() as fake:
        fake.may_list = True
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "r"),
            ("AWS_ENDPOINT_URL_S3", fake.url),
        ):
            monkeypatch.setenv(name, value)
        for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        for key in (
            "logs/audit-2026-11-23T09-00-00.000.log.gz",
            "logs/audit.log",
            "logs/audit.log.checkpoints",
            "logs/audit-2026-11-23T10-00-00.000.log",
            "logs/.hidden",
            "logs/below/other.log",
            "logs2/audit.log",
        ):
            fake.objects[f"/b/{key}"] = f"content of {key}\n".encode()
        fake.objects["/b/logs/"] = b""
        yield fake


def read(folder: Path, *urls: str) -> list[str]:
    """What the files of these URLs have, in order."""
    files = files_of(urls, str(folder))
    return [Path(file.path).read_text().removeprefix("content of ").strip() for file in files]


def test_a_prefix(store: S3, tmp_path: Path) -> None:
    """All below it, in the order in which they were written, whatever the pages of the list are."""
    store.page = 2
    expected = [
        "logs/audit-2026-11-23T09-00-00.000.log.gz",
        "logs/audit-2026-11-23T10-00-00.000.log",
        "logs/audit.log",
        "logs/below/other.log",
    ]
    assert read(tmp_path, "s3://b/logs/") == expected
    assert read(tmp_path, "s3a://b/logs") == expected
    assert len(read(tmp_path, "s3://b")) == len(read(tmp_path, "s3://b/")) == 5
    assert all("Credential=AKIDEXAMPLE/" in one for one in store.readers)


def test_rotated_objects_have_the_origin_of_their_log(store: S3, tmp_path: Path) -> None:
    """As files of a folder have."""
    files = files_of(["s3://b/logs/audit*"], str(tmp_path))
    assert {file.origin for file in files} == {"s3://b/logs/audit.log"}
    assert [file.is_rotated for file in files] == [True, True, False]
    assert isinstance(files[0], TrailFile)


def test_objects_and_patterns(store: S3, tmp_path: Path) -> None:
    """One that is named is read, whatever it is; signs of a pattern match no slash."""
    assert read(tmp_path, "s3://b/logs/audit.log.checkpoints") == ["logs/audit.log.checkpoints"]
    assert read(tmp_path, "s3://b/logs/audit-*T10*") == ["logs/audit-2026-11-23T10-00-00.000.log"]
    assert read(tmp_path, "s3://b/*/audit.log") == ["logs/audit.log", "logs2/audit.log"]
    store.objects["/b/logs/a[1].log"] = b"x\n"
    assert len(read(tmp_path, "s3://b/logs/audit.lo[g]")) == 1


def test_large_objects_come_in_parts(
    store: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are what they were."""
    monkeypatch.setattr(buckets, "MOST_AT_ONCE", 7)
    assert read(tmp_path, "s3://b/logs/audit.log") == ["logs/audit.log"]
    asked = [span for path, span in store.gets if span]
    assert asked == ["bytes=0-6", "bytes=7-13", "bytes=14-20", "bytes=21-25"]
    store.changing = True
    with pytest.raises(Unusable, match=r"^s3://b/logs/audit.log: an object was changed while"):
        read(tmp_path, "s3://b/logs/audit.log")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("s3://b/none", "s3://b/none: there is no such object, and none below it"),
        ("s3://b/log", "s3://b/log: there is no such object, and none below it"),
        ("s3://b/none/*", "s3://b/none/*: there is no such object, and none below it"),
        ("s3://other/x/", "s3://other/x/: there is no such bucket, or an object was removed"),
        ("s3://", "s3:// names no bucket; write s3://BUCKET/KEY, or s3://BUCKET/PREFIX/"),
        ("s3://a?b/c", "s3://a?b/c names no bucket"),
    ],
)
def test_what_is_not_there(store: S3, tmp_path: Path, url: str, fault: str) -> None:
    """One line that says what to do."""
    store.objects.pop("/b/logs/.hidden")
    with pytest.raises(Unusable) as caught:
        read(tmp_path, url)
    (said,) = caught.value.faults
    assert said.startswith(fault)


def test_no_secret_is_said(store: S3, tmp_path: Path) -> None:
    """Neither that of the environment, nor one of the URL, nor what the store answers."""
    faults: list[str] = []
    store.may_list = False
    for url in ("s3://b/logs/", "s3://b/logs/x", f"s3://key:{SECRET}@b/logs/"):
        with pytest.raises(Unusable) as caught:
            read(tmp_path, url)
        faults += caught.value.faults
    assert faults[0] == "s3://b/logs/: the store answered 403"
    assert faults[2].endswith("give credentials in the environment")
    assert "secret" not in "".join(faults)
    assert all(fault.isprintable() for fault in faults)


def test_bounds(store: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of objects, of bytes and of what is listed; nothing is read then."""
    for name, value in (("MOST_BYTES", 30), ("MOST_LISTED", 3)):
        with monkeypatch.context() as changed:
            changed.setattr(buckets, name, value)
            with pytest.raises(Unusable, match=r"s3://b/logs/: more than .*name "):
                read(tmp_path, "s3://b/logs/")
    with pytest.raises(Unusable, match="more than 3 objects"):
        list(buckets.objects_of("s3://b/logs/", str(tmp_path), 3, lambda key: False))
    assert store.gets == []


def test_no_store(tmp_path: Path, store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at the address, and authorities that cannot be read."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none"))
    with pytest.raises(Unusable, match="AWS_CA_BUNDLE /.* cannot be read: No such file"):
        read(tmp_path, "s3://b/logs/")
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setattr(buckets, "_ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(Unusable, match="s3://b/logs/: no connection to the store"):
        read(tmp_path, "s3://b/logs/")


def test_the_command(store: S3) -> None:
    """It lists what is packed in a bucket, and leaves nothing behind."""
    store.objects.clear()
    store.objects["/b/cluster/1.gz"] = gzip.compress(line_of(event(name="one", at="10:00:00")))
    store.objects["/b/cluster/2.gz"] = gzip.compress(line_of(event(name="two", at="10:00:01")))
    done = subprocess.run(
        [sys.executable, "-m", "auditproxy", "events", "list", "-o", "name", "s3://b/cluster/"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=os.environ,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_without_the_extra(store: S3) -> None:
    """One line that names it."""
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from auditproxy.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "events", "list", "s3://b/logs/"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2
    assert "logs in a bucket need the extra s3, " in done.stderr
    assert done.stderr.count("\n") == 1
