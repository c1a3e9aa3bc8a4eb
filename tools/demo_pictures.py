"""Draw the pictures of the demo in docs/: its real output in a terminal, while kubectl talks to it.

    pip install pyte pillow
    python tools/demo_pictures.py --kubectl kubectl --out docs

A pseudo-terminal runs ``auditproxy demo``, pyte is the terminal, Pillow draws its screen with the
DejaVu Sans Mono that fontconfig finds. One picture each for 80 and 120 columns.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
from PIL import Image, ImageDraw, ImageFont

ROWS = {80: 26, 120: 25}
SIZE = 15
BACKGROUND, FOREGROUND = "#1c1f26", "#d7dae0"
COLOURS = {
    "default": FOREGROUND,
    "red": "#e8707a",
    "green": "#8fc97a",
    "brown": "#e5c07b",
    "blue": "#6fb1f0",
    "magenta": "#c792ea",
    "cyan": "#5ec4cf",
    "white": FOREGROUND,
    "black": "#848b98",
}
DEADLINE = 30.0
COMMANDS = (
    ("get", "pods"),
    ("exec", "hello", "--", "env"),
    ("logs", "hello"),
    ("create", "configmap", "colours", "--from-literal=sky=blue"),
    ("label", "pod", "hello", "team=blue"),
    ("--context", "viewer", "get", "secrets"),
    ("get", "deployments", "--all-namespaces", "--as", "viewer"),
    ("delete", "configmap", "colours"),
)


class DimScreen(pyte.Screen):
    """pyte knows no dim text (SGR 2); here it is black, which nothing of the demo uses."""

    def select_graphic_rendition(self, *attributes: int, **kwargs: object) -> None:
        """Take dim as a colour."""
        super().select_graphic_rendition(*(30 if each == 2 else each for each in attributes))


class Demo:
    """``auditproxy demo`` in a terminal of some width."""

    def __init__(self, width: int) -> None:
        self.screen = DimScreen(width, ROWS[width])
        self._stream = pyte.ByteStream(self.screen)
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        environment |= {"TERM": "xterm-256color"}
        environment.pop("COLUMNS", None)
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            command = [sys.executable, "-m", "auditproxy", "demo"]
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(
            self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS[width], width, 0, 0)
        )

    def read(self, seconds: float) -> None:
        """Let the terminal show what comes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                self._stream.feed(os.read(self.terminal, 65536))

    def kubeconfig(self) -> str:
        """The path that the demo shows, once it is there."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            self.read(0.2)
            found = re.search(r"KUBECONFIG=(\S+)", "\n".join(self.screen.display))
            if found:
                return found[1]
        raise SystemExit("the demo did not start: " + "\n".join(self.screen.display))

    def end(self) -> None:
        """Ctrl-C."""
        os.kill(self.process, signal.SIGINT)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


def picture(screen: pyte.Screen) -> Image.Image:
    """The screen as a terminal shows it."""
    fonts = {bold: ImageFont.truetype(_font(bold), SIZE * 2) for bold in (False, True)}
    width = round(fonts[False].getlength("M"))
    height = round(SIZE * 2 * 1.35)
    margin = SIZE * 2
    image = Image.new(
        "RGB",
        (width * screen.columns + 2 * margin, height * screen.lines + 2 * margin),
        BACKGROUND,
    )
    drawing = ImageDraw.Draw(image)
    for y in range(screen.lines):
        for x in range(screen.columns):
            char = screen.buffer[y][x]
            if char.data.strip():
                drawing.text(
                    (margin + x * width, margin + y * height),
                    char.data,
                    font=fonts[char.bold],
                    fill=COLOURS.get(char.fg, f"#{char.fg}"),
                )
    return image.quantize(colors=64)


def _font(bold: bool) -> str:
    pattern = "DejaVu Sans Mono" + (":bold" if bold else "")
    found = subprocess.run(
        ["fc-match", "-f", "%{file}", pattern], capture_output=True, text=True, check=True
    )
    return found.stdout


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    settings = parser.parse_args()
    for width in ROWS:
        demo = Demo(width)
        try:
            environment = {**os.environ, "KUBECONFIG": demo.kubeconfig()}
            with tempfile.TemporaryDirectory() as home:
                environment["HOME"] = home
                for command in COMMANDS:
                    subprocess.run(
                        [settings.kubectl, *command],
                        env=environment,
                        capture_output=True,
                        timeout=DEADLINE,
                        check=False,
                    )
                    demo.read(0.3)
                watching = subprocess.Popen(
                    [settings.kubectl, "get", "pods", "--watch"],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                demo.read(3)
                picture(demo.screen).save(settings.out / f"demo-{width}.png", optimize=True)
                watching.terminate()
                watching.wait()
        finally:
            demo.end()


if __name__ == "__main__":
    main()
