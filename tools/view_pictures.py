"""Take the pictures of docs/view.md: docs/view-*.png, of the trail of the documents in Chromium.

PYTHONPATH=. python tools/view_pictures.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.commands.view.viewing import viewed, write_recording
from tests.fakes.browser import browser
from tests.reading.shop import write_shop

ROOT = Path(__file__).parents[1]
COLORS = 128
"""Of a picture: text and few areas need no more, and the file is a third."""


def main() -> int:
    """Write the pictures; the exit code."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(folder / "logs")
        (folder / "recordings").mkdir()
        write_recording(folder / "recordings")
        arguments = (str(folder / "logs"), f"--recordings={folder / 'recordings'}")
        with viewed(*arguments) as address:
            for is_dark, kind in ((False, "light"), (True, "dark")):
                with browser(folder / kind, dark=is_dark) as context:
                    page = context.new_page()
                    page.goto(address)
                    page.get_by_text("patched deployment/web -n shop (image").click()
                    page.wait_for_selector("#detail:not([hidden])")
                    page.evaluate("scrollTo(0, 0)")
                    _save(page.screenshot(), target / f"view-request-{kind}.png")
                    page.keyboard.press("s")
                    page.locator("#session-rows tbody tr").first.click()
                    page.get_by_role("button", name="0:00:42").click()
                    page.locator(".screen", has_text="shop:x").wait_for()
                    _save(page.screenshot(), target / f"view-session-{kind}.png")
    return 0


def _save(picture: bytes, path: Path) -> None:
    path.write_bytes(picture)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
