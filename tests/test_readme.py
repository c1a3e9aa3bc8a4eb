"""The README says what is so: figures, Python version, pictures (faults from outside, D)."""

import re
import struct
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_version() -> None:
    """D: the oldest Python is said, and is pyproject.toml's and make's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["requires-python"].removeprefix(">=")
    assert f"needs Python {version} or newer" in README
    major, minor = version.split(".")
    script = (ROOT / "tools" / "python.sh").read_text(encoding="utf-8")
    assert f"sys.version_info < ({major}, {minor})" in script


def test_what_to_order() -> None:
    """D: the figures for a replica are those of the manifests."""
    text = (ROOT / "manifests" / "base" / "deployment.yaml").read_text(encoding="utf-8")
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    (row,) = (line for line in README.splitlines() if line.startswith("| resources of a replica"))
    cpu, memory = re.findall(r"(\d+m) CPU|(\d+Mi)", row)
    assert cpu[0] == container["resources"]["requests"]["cpu"]
    assert memory[1] == container["resources"]["limits"]["memory"]
    assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize("figure", ["61 MiB", "200 MiB"])
def test_memory(figure: str) -> None:
    """D: the figures of memory are those of docs/behaviour.md."""
    assert figure in README
    assert figure in (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [80, 120])
def test_pictures(columns: int) -> None:
    """D: pictures of the demo at 80 and 120 columns, the wider one wider in that proportion."""
    assert f"docs/demo-{columns}.png" in README
    head = (ROOT / "docs" / f"demo-{columns}.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, _ = struct.unpack(">II", head[16:24])
    assert width > columns * 15


def test_it_begins_in_five_lines() -> None:
    """D: what it is, before anything else."""
    _, _, rest = README.partition("# auditproxy\n\n")
    first = rest.partition("\n## ")[0].strip().splitlines()
    assert len(first) <= 7
    assert README.index("make demo") < README.index("auditproxy serve")
