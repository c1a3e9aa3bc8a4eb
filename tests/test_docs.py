"""Documents that cannot rot: metrics, links, commands and files that they name exist."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.alerts.ruletests import run_tests
from auditproxy.files.alerts import read_rules
from auditproxy.flags.serve import FLAGS
from auditproxy.metrics.registry import Metrics
from auditproxy.metrics.workers import WorkerMetrics

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"))
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"\bmake ([a-z0-9]+)")
SOURCE = ROOT / "auditproxy"
PROSE = sorted(
    {
        path
        for pattern in ("*.md", "docs/*.md", "certs/*.md", "manifests/**/*.md")
        for path in ROOT.glob(pattern)
    }
)

PHRASES = (
    (r"(?<!\bthere )\bis no (?!longer\b|more\b)[a-z]", "is not a (valid) ..."),
    (r"(?<!\bthere )\bare no (?!longer\b|more\b)[a-z]", "are not ..."),
    (r"\b(?:that|which|it) (?:is|are) none\b", "is not valid"),
    (r"\bis none of\b", "is not one of"),
    (r"\b(?:no|some|any|every)body\b", "no client, another user, all users ..."),
    (r"\bwho(?:m|ever)\b", "the client, the user, the caller ..."),
    (r"\b(?:told|tells?|telling)\b(?! the difference)", "log, report, return, show"),
    (r"\bput in(?:to)? use\b", "activate"),
    (r"\bmade anew\b", "rebuild"),
    (r"\blook(?:ed|s|ing)? at\b", "read, check, poll, inspect"),
    (r"\b(?:hangs?|leans?) on\b", "depend on"),
    (r"\bhowever (?:the|its|it|many|a)\b", "no matter how"),
    (r"\bcounts for\b|\b(?:does|do) not count\b|\b(?:last|first) counts\b", "apply, be used"),
    (r"\b(?:win|wins) over\b", "take precedence over"),
    (r"\bbeliev(?:e|es|ed)\b", "accept, trust"),
    (r"\bmend(?:s|ed|ing)?\b", "fix"),
    (r"\bdoes nothing\b", "has no effect"),
    (r"\bas ever\b|\ball the same\b", "as usual, anyway"),
    (r"\bspoken\b", "supported"),
    (r"\bstands? (?:in|before|there|here|behind)\b", "be in, precede"),
    (r"\b(?:goes|go|going|went) (?:on|around)\b", "continue, keep, bypass"),
    (r"\bof (?:our|its|his) own choice\b|\bunasked\b", "plain words"),
    (r"\b(?:his|himself)\b", "their, or name the user again"),
)
"""Phrases of a foreign idiom, and what to write instead; runs of white space are one blank."""
ALLOWED: dict[str, tuple[str, ...]] = {"downstream": ("``told``",)}
"""Quotations and terms that contain a phrase, by document or package."""


def faults_of(text: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """Each phrase to avoid in ``text``, with its surroundings and what to write instead."""
    text = re.sub(r"\s+", " ", text)
    for quotation in allowed:
        text = text.replace(quotation, "")
    return [
        f"...{text[max(0, match.start() - 40) : match.end() + 40]}... ({better})"
        for phrase, better in PHRASES
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]


def without_code(text: str) -> str:
    """A document without its blocks of code and without code in a line."""
    return re.sub(r"```.*?```|`[^`]*`", "``", text, flags=re.DOTALL)


def words_of(source: str) -> Iterator[str]:
    """The comments and the strings of a module, docstrings among them; adjacent ones in one text."""
    block: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, FSTRING):
            block.append(token.string.strip("# \"'"))
        elif block and token.type not in (
            tokenize.NL,
            tokenize.NEWLINE,
            FSTRING_START,
            FSTRING_END,
        ):
            yield " ".join(block)
            block = []
    yield " ".join(block)


# Python 3.12 splits an f-string into tokens of its own.
FSTRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
FSTRING_START = getattr(tokenize, "FSTRING_START", tokenize.NL)
FSTRING_END = getattr(tokenize, "FSTRING_END", tokenize.NL)

PACKAGES = sorted(
    {
        "" if path.parent == SOURCE else path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
    }
)


def metric_names() -> set[str]:
    """Every metric of the registry, as it is exposed."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for registry in (Metrics().registry, WorkerMetrics().registry)
        for family in registry.collect()
    }


def test_every_metric_is_documented() -> None:
    """Each metric has a row, and each row a metric."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_]+)`", text, re.MULTILINE)) == metric_names()


def test_the_shipped_rules_are_counted() -> None:
    """The table has each, and texts have their number."""
    shipped = read_rules("builtin")
    page = (ROOT / "docs/alerts.md").read_text("utf-8")
    table = page.partition("## The shipped rules")[2].partition("\n## ")[0]
    names = [rule.name for rule in shipped.rules]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == names
    tests = len(shipped.tests)
    passed = tests - len(run_tests(shipped))
    assert f"rules.yaml: {len(names)} rules, {passed} of {tests} tests pass\n" in page
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"execs, and {len(names) - 1} other rules" in readme


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


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_plain_english(path: Path) -> None:
    """No document has a phrase of the list."""
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), ())
    assert not faults_of(without_code(path.read_text(encoding="utf-8")), allowed)


def test_help_is_plain_english() -> None:
    """No help text has a phrase of the list."""
    assert not [fault for flag in FLAGS for fault in faults_of(flag.usage)]


@pytest.mark.parametrize("package", PACKAGES)
def test_source_is_plain_english(package: str) -> None:
    """No docstring, comment or message of a package has a phrase of the list."""
    paths = (SOURCE / package).rglob("*.py") if package else SOURCE.glob("*.py")
    allowed = ALLOWED.get(package, ())
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in sorted(paths)
        for words in words_of(path.read_text(encoding="utf-8"))
        for fault in faults_of(words, allowed)
    ]
    assert not found, "\n".join(found)


def test_faults_are_found() -> None:
    """Phrases are found across lines, and legitimate uses are not."""
    assert faults_of("the value is\n    no address")
    assert faults_of("nobody is told")
    assert not faults_of("there is no file; it is no longer read; this fits none of them")
    assert "nobody" in " ".join(words_of('x = f"a {1}" "nobody"  # b\n'))
    assert "with nobody" in " ".join(words_of('x = (\n    "with "\n    "nobody"\n)\n'))
    assert "b" in " ".join(words_of("x = 1  # b\n"))
