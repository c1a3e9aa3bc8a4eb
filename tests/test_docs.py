"""Documents that cannot rot: metrics, links, commands and files that they name exist."""

import re
from pathlib import Path

import pytest

from auditproxy.metrics.registry import Metrics

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"))
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"\bmake ([a-z0-9]+)")


def metric_names() -> set[str]:
    """Every metric of the registry, as it is exposed."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }


def test_every_metric_is_documented() -> None:
    """Each metric has a row, and each row a metric."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_]+)`", text, re.MULTILINE)) == metric_names()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Links to files of the project lead to files."""
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(path: Path) -> None:
    """Every ``make x`` that a document names is a target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9]+):", makefile, re.MULTILINE))
    for code in re.findall(r"`([^`]*)`|^\$ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        for target in MAKE.findall("".join(code)):
            assert target in targets, target


def test_annotations_are_documented() -> None:
    """Every annotation of ours is in docs/behaviour.md."""
    text = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
    for source in (ROOT / "auditproxy").rglob("*.py"):
        for name in re.findall(r'"auditproxy\.io/([a-z-]+)"', source.read_text(encoding="utf-8")):
            assert f"`{name}`" in text, name
