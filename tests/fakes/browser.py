"""A real browser for tests of pages: Debian's Chromium, without a network beyond the loopback.

Playwright drives it; the browsers that it would fetch are not needed.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

CHROMIUM = shutil.which("chromium")
MISSING = "no chromium: apt-get install chromium"
TIMEOUT = 30_000
"""Milliseconds for what a page has to become; a busy machine takes seconds."""
REBOUND = "rebound.test"
"""A name of somebody else's that leads to this machine, as DNS rebinding has it."""
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextlib.contextmanager
def browser(profile: Path, *, dark: bool = False) -> Iterator["BrowserContext"]:
    """A browser with a new profile in a folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=CHROMIUM,
            args=list(_ARGUMENTS),
            color_scheme="dark" if dark else "light",
            viewport={"width": 1280, "height": 860},
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(TIMEOUT)
        try:
            yield context
        finally:
            context.close()
