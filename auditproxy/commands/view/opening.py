"""Opening the page in a browser, without its address on a command line.

A browser is a command, and every user of the machine sees what commands were given. The address has
the token, so the browser gets that of a file that leads there, which its user alone can read.
"""

import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={0}">
<title>auditproxy view</title>
<p><a href="{0}">The page of auditproxy view</a></p>
"""


def open_page(address: str, folder: str, browse: Callable[[str], Any]) -> None:
    """Have ``browse`` open a new file of the folder that leads to the address. Raises OSError.

    The file stays: a browser that is started may read it late.
    """
    path = Path(folder, "open.html").absolute()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(escape(address)))
    browse(path.as_uri())
