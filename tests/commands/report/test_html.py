"""Reports as HTML: whole, with charts, and nothing in them runs or loads anything."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from auditproxy.commands.report.command import WORDS
from tests.commands.report.running import run
from tests.fakes.trails import event, line_of
from tests.reading.week import write_week

_ALONE = ("meta", "rect", "br")


class Checked(HTMLParser):
    """Follows the elements of a page, which must be closed as they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in _ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One without contents."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        """It is the last one that was opened."""
        assert self.open.pop() == tag


def page(word: str, log: Path, *flags: str) -> str:
    """The HTML of a report."""
    code, text, _ = run(word, str(log), "--output=html", *flags)
    assert code == 0
    checked = Checked()
    checked.feed(text)
    assert checked.open == []
    # Nothing is loaded, run, or styled beside the sheet.
    assert not checked.names & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    assert not checked.attributes & {"style", "src", "href", "action"}
    assert not any(name.startswith("on") for name in checked.attributes)
    return text


@pytest.mark.parametrize("word", WORDS)
def test_pages(word: str, tmp_path: Path) -> None:
    """Well formed, and the style sheet is the one whose digest is allowed."""
    text = page(word, write_week(tmp_path / "audit.log"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#x27;none&#x27;; style-src")
    assert f"sha256-{digest}" in policy[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_charts_and_rules(tmp_path: Path) -> None:
    """Bars with their numbers, tables with their rows, and the rules as YAML."""
    log = write_week(tmp_path / "audit.log")
    text = page("noise", log, "--limit=2")
    assert text.count("<rect ") == 12
    assert text.count("<tbody>\n<tr>") == 1
    assert "more; --limit shows more" in text
    assert "- level: None" in text
    assert "<svg" in page("activity", log)


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    """Markup of clients is text, in tables, charts and rules."""
    bad = 'x"><script>alert(1)</script>\u202e\x1b&amp;'
    lines = [
        line_of(
            event("get", "secrets", bad, user=f"{bad}{number}", code=code, at=f"10:00:{number:02d}")
        )
        for number, code in enumerate((200, 200, 403))
    ]
    path = tmp_path / "audit.log"
    path.write_bytes(b"\n".join(one.replace(b"\x1b", b"\\u001b") for one in lines))
    for word in WORDS:
        text = page(word, path)
        assert not set(text) & set("\u202e\x1b")
        if word != "deprecated":
            assert "&lt;script&gt;" in text
            assert "&amp;amp;" in text
