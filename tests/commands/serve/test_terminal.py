"""``auditproxy serve`` on a terminal: lines for people, and JSON for whoever asks for it."""

import http.client
import json
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditproxy.commands.serve.terminal import NOTE, wants_lines
from auditproxy.flags.serve import options_from
from tests.e2e.cluster import free_ports
from tests.fakes.processes import serve_arguments
from tests.fakes.pseudoterminal import PseudoTerminal

WRITES = """
import os, sys
from auditproxy.commands.serve.terminal import requests_shown
with requests_shown(tuple(sys.argv[2:])) as note:
    sys.stdout.write(f"{os.isatty(1)} {sys.stdout.isatty()}\\n")
    sys.stdout.flush()
    for number in range(int(sys.argv[1])):
        os.write(1, b"%d\\n" % number)
sys.stdout.write(f"{note}\\n")
"""


def written(count: int, *words: str) -> tuple[list[str], str]:
    """What reaches the terminal of so many lines, here a pipe, and what is said of it."""
    done = subprocess.run(
        [sys.executable, "-c", WRITES, str(count), *words],
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )
    first, *lines, note = done.stdout.splitlines()
    assert first == "False False"
    assert note in (NOTE, "requests cannot be shown as lines: no such file or directory; "
                    "events follow as JSON")  # fmt: skip
    return lines, note + done.stderr


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, True),
        ({"audit-log-path": ""}, True),
        ({"audit-log-mode": "batch"}, True),
        ({"audit-log-path": "-"}, False),
        ({"audit-log-path": "audit.log"}, False),
        ({"audit-log-format": "json"}, False),
        ({"audit-log-format": "legacy"}, False),
        ({"audit-webhook-config-file": "webhook.kubeconfig"}, False),
        ({"session-log-path": "-"}, False),
        ({"session-log-path": "sessions.log"}, True),
    ],
)
def test_who_wants_lines(values: dict[str, Any], wanted: bool) -> None:
    """Who has said nothing of the log."""
    assert wants_lines(values, options_from(values)) is wanted


def test_the_last_lines() -> None:
    """The end waits for them."""
    lines, said = written(1000, "cat")
    assert lines == [str(number) for number in range(1000)]
    assert said == NOTE


def test_no_such_process() -> None:
    """The proxy runs without it."""
    lines, said = written(3, "/does/not/exist")
    assert lines == ["0", "1", "2"]
    assert "no such file" in said


def test_a_process_that_ends() -> None:
    """What it has not read, more than a pipe holds, comes as it is; each line once."""
    lines, said = written(50_000, "sh", "-c", "read line; echo shown $line; exit 3")
    assert lines[0] == "shown 0"
    assert sorted(lines[1:], key=int) == [str(number) for number in range(1, 50_000)]
    assert "exit code 3" in said


CLOSED = """
import sys
from auditproxy.app.standardstreams import write_all
from auditproxy.commands.serve.terminal import requests_shown
with requests_shown(("sh", "-c", "read line; exit 3")):
    try:
        write_all(1, b"\\n" + bytes(500_000))
    except BrokenPipeError:
        sys.stderr.write("counted")
"""


def test_a_terminal_that_is_gone() -> None:
    """A write fails, which the log backend counts, and does not wait for good."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", CLOSED]
    done = subprocess.run(words, timeout=60, check=True, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"exit code 3" in done.stderr
    assert done.stderr.endswith(b"counted")


def test_plugins_see_the_terminal() -> None:
    """Standard output is a pipe then, and what asks Python is still told of the terminal."""
    words = [sys.executable, "-c", WRITES, "0", "cat"]
    with PseudoTerminal(words, dict(os.environ), folder=str(Path.cwd())) as terminal:
        terminal.wait(rb"False True\r\n.*" + re.escape(NOTE[:40].encode()))


class Served:
    """A proxy without an upstream, and what starts it with nothing said of its log."""

    def __init__(self, folder: Path) -> None:
        nobody, self._port, health = free_ports(3)
        words = serve_arguments(nobody, folder, self._port, health)
        self._folder = folder
        self.words = [
            *(sys.executable, "-m", "auditproxy"),
            *(word for word in words if not word.startswith("--audit-log-path")),
        ]

    def on_terminal(self, *more: str) -> PseudoTerminal:
        """Start it on a terminal of 120 columns."""
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        environment.pop("NO_COLOR", None)
        words, here = [*self.words, *more], str(Path.cwd())
        return PseudoTerminal(words, environment, folder=here, columns=120)

    def ask(self, token: str, target: str) -> int:
        """The code of a request's answer."""
        context = ssl.create_default_context(cafile=str(self._folder / "certs" / "auditproxy.crt"))
        client = http.client.HTTPSConnection("localhost", self._port, timeout=10, context=context)
        try:
            client.request("GET", target, headers={"Authorization": f"Bearer {token}"})
            return client.getresponse().status
        finally:
            client.close()


def output(terminal: PseudoTerminal) -> bytes:
    """All that was shown."""
    return b"".join(data for kind, data in terminal.events if kind == "o")


def test_a_line_for_each_request(tmp_path: Path) -> None:
    """In colour, beside lines for operators; Ctrl-C ends it, and nothing of JSON is seen."""
    served = Served(tmp_path)
    with served.on_terminal() as shown:
        shown.wait(re.escape(NOTE.encode()) + rb".*serving on ")
        assert served.ask("admin-token", "/api/v1/namespaces/shop/pods/web-1") >= 500
        shown.wait(
            rb"TIME +USER +REQUEST +RESULT +FROM.*"
            rb"\x1b\[31m[-0-9:TZ]+ +admin +tried to read pod/web-1 -n shop +5[0-9][0-9]"
        )
        assert served.ask("nobody", "/api/v1/namespaces/shop/secrets") == 401
        shown.wait(rb"tried to list secrets -n shop +401")
        shown.send(b"\x03")
        shown.wait(rb"every audit event was delivered")
        shown.ended()
    assert b"auditID" not in output(shown)


def test_json_for_who_asks(tmp_path: Path) -> None:
    """A dash is standard output as it is."""
    served = Served(tmp_path)
    with served.on_terminal("--audit-log-path=-") as shown:
        shown.wait(rb"serving on ")
        assert served.ask("nobody", "/api/v1/namespaces/shop/secrets") == 401
        shown.wait(rb'"kind":"Event"[^\n]*\n')
    text = output(shown)
    assert NOTE.encode() not in text
    line = next(line for line in text.splitlines() if line.startswith(b'{"kind":"Event"'))
    assert json.loads(line)["stage"] == "ResponseStarted"


def test_json_for_a_pipe(tmp_path: Path) -> None:
    """Nothing else is written to it."""
    served = Served(tmp_path)
    with subprocess.Popen(
        served.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if "serving on" in line:
                    break
            assert served.ask("nobody", "/api/v1/namespaces/shop/secrets") == 401
        finally:
            process.terminate()
        events = [json.loads(line) for line in process.stdout]
    assert [event["stage"] for event in events] == ["ResponseStarted"]
    assert not any(NOTE in line for line in said)


def test_what_the_proxy_pays() -> None:
    """The proxy's process reads no trail; what does is a process of its own."""
    asked = (
        "import sys, auditproxy.cli, auditproxy.commands.serve.terminal; "
        "print([name for name in sys.modules if name.startswith('auditproxy.reading')])"
    )
    words = [sys.executable, "-c", asked]
    done = subprocess.run(words, timeout=60, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
