"""The picture and the order are made of what the bench has measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench import picture, sizes


def row(median: float, ratio: float | None = None) -> dict[str, Any]:
    """One figure of one subject."""
    return {"median": median, "ratio": ratio, "spread": 0.0}


def result() -> dict[str, Any]:
    """What the bench writes, as far as it is read."""
    return {
        "summary": {
            "get": {"cpu": {"haproxy": row(25.0, 1.0), "uvloop": row(50.0, 2.0)}},
            "put": {"cpu": {"haproxy": row(20.0, 1.0), "uvloop": row(60.0, 3.0)}},
            "watch": {"memory": {"uvloop": row(80.0)}},
            "start": {"resident": {"uvloop": row(60.0)}},
        }
    }


def test_what_is_drawn(tmp_path: Path) -> None:
    """Cells with a ratio; the picture is a PNG."""
    assert picture.ratios(result()) == {
        "get": {"haproxy": 1.0, "uvloop": 2.0},
        "put": {"haproxy": 1.0, "uvloop": 3.0},
    }
    source, target = tmp_path / "result.json", tmp_path / "picture.png"
    source.write_text(json.dumps(result()))
    assert picture.main([str(source), str(target)]) == 0
    assert target.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_nothing_to_draw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A result without HAProxy is said to be one."""
    source = tmp_path / "result.json"
    source.write_text('{"summary": {"get": {"cpu": {"uvloop": {"median": 1, "ratio": null}}}}}')
    with pytest.raises(SystemExit) as ended:
        picture.main([str(source), str(tmp_path / "picture.png")])
    assert ended.value.code == 2
    assert "HAProxy" in capsys.readouterr().err


def test_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """220 requests/s of 50 us are 0.011 of a core; 1,800 watches of 80 KiB are 141 MiB."""
    found = sizes.order(sizes.cluster(100), request=50.0, watch=80.0, start=60.0)
    assert found.cores == pytest.approx(0.022)
    assert found.memory == pytest.approx(60 + 1800 * 80 / 1024)
    assert found.limit == pytest.approx(found.memory + 64 + 9 * 8)
    assert found.log == pytest.approx(220 * 1024 * 86400 / 1e9)
    source = tmp_path / "result.json"
    source.write_text(json.dumps(result()))
    assert sizes.main([str(source)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[3] == "| 100 | 220 | 1,800 | 2,100 | 0.02 | 201 | 337 | 19 |"


def test_order_without_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing has its name."""
    source = tmp_path / "result.json"
    source.write_text('{"summary": {"get": {"cpu": {"uvloop": {"median": 1, "ratio": null}}}}}')
    with pytest.raises(SystemExit) as ended:
        sizes.main([str(source)])
    assert ended.value.code == 2
    assert "'watch'" in capsys.readouterr().err
