"""The files of the page: read once from the package, and served from memory."""

from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FIRST = "index.html"


class PageFile(NamedTuple):
    """The bytes of one file, and its Content-Type."""

    body: bytes
    kind: str


def page_files() -> Mapping[str, PageFile]:
    """Every file of the page by its path; ``/`` is the page itself."""
    found: dict[str, PageFile] = {}
    for file in resources.files("auditproxy.commands.view").joinpath("page").iterdir():
        kind = _TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            path = "/" if file.name == _FIRST else f"/{file.name}"
            found[path] = PageFile(file.read_bytes(), kind)
    return found
