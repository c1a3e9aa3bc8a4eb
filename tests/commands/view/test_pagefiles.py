"""The files of the page: complete, without a build, and without anything from elsewhere."""

import re

import pytest

from auditproxy.commands.view.pagefiles import page_files

FILES = page_files()
SCRIPTS = sorted(path for path in FILES if path.endswith(".js"))


def text(path: str) -> str:
    """What a file has."""
    return FILES[path].body.decode()


def test_what_the_page_needs_is_there() -> None:
    """Each file that another one names."""
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', text("/")))
    for script in SCRIPTS:
        named |= set(re.findall(r'from "\./([^"]+)"', text(script)))
    assert {f"/{name}" for name in named} == set(FILES) - {"/"}


@pytest.mark.parametrize("path", sorted(FILES))
def test_nothing_from_elsewhere(path: str) -> None:
    """No address but the namespace of SVG."""
    assert set(re.findall(r"(?:https?|wss?|data):[^\"' ]+", text(path))) <= {
        "http://www.w3.org/2000/svg"
    }
    assert FILES[path].kind.split(";")[0] in (
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    )


@pytest.mark.parametrize("path", SCRIPTS)
def test_nothing_is_parsed_as_html_or_run(path: str) -> None:
    """What a client wrote cannot become an element or a script."""
    words = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc|"
        r"createContextualFragment|DOMParser|setTimeout\(['\"]|javascript:"
    )
    assert not re.findall(words, text(path))


def test_nothing_inline() -> None:
    """No script, no style and no handler within the page."""
    page = text("/")
    assert not re.findall(r"\son[a-z]+=|\sstyle=|<style", page)
    assert re.findall(r"<script[^>]*>[^<]", page) == []
