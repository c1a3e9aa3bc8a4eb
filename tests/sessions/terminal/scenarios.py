"""The table: what is typed into which program, and the lines that must come of it, with the reason.

Each row runs in a real pseudo-terminal where its program is installed, and is there as a recorded
transcript (``data/``, made by ``python -m tests.sessions.terminal.record``), which is replayed
everywhere.
"""

import shutil
import sys
from dataclasses import dataclass, field

READY = rb"ready\$ (?:\x1b\[6n|\x1b\]\d+;B\x07)?\Z"
"""The prompt of the shells below."""
MORE = rb"> \Z"
PROMPT = "ready$ "
SECRET = "tr0ub4dor"
"""What is typed without echo; it must be nowhere."""

Expected = str | None | tuple[str | None, ...]
"""A line without flags; None, a line that is not shown; or a line and its flags."""

BASH = ("bash", "--norc", "--noprofile", "-i")
DASH = ("dash", "-i")
BUSYBOX = ("busybox", "sh", "-i")
UP, DOWN, RIGHT, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D"


@dataclass(frozen=True)
class Resize:
    """The terminal gets another size."""

    columns: int
    rows: int


Step = tuple[bytes | Resize, bytes]
"""Keys, or a size, and a pattern for what the program shows next."""


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    why: str
    argv: tuple[str, ...]
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]
    first: bytes = READY
    columns: int = 80
    rows: int = 24
    environment: dict[str, str] = field(default_factory=dict)
    live: bool = True
    """Whether it can run wherever its programs are. Others need a server, another user, a version."""

    needs: tuple[str, ...] = ()
    """Other programs that it runs."""

    @property
    def runs_here(self) -> bool:
        """Whether its programs are installed."""
        return self.live and all(shutil.which(name) for name in (self.argv[0], *self.needs))


def typed(text: str, then: bytes = READY) -> tuple[Step, ...]:
    """A line as it is typed: shown first, then entered."""
    shown = b"".join(rb"[\x00-\x1f]*" + _escaped(c) for c in text.encode()[-8:].split(b" ")[-1])
    return ((text.encode(), shown), (b"\r", then))


def _escaped(byte: int) -> bytes:
    return b"\\x%02x" % byte


def key(keys: bytes, then: bytes = READY) -> tuple[Step, ...]:
    """Keys that are sent at once."""
    return ((keys, then),)


SCENARIOS = (
    Scenario(
        "bash-plain", "What is typed is what is entered.", BASH, typed("echo hi"), ("echo hi",)
    ),
    Scenario(
        "dash-plain", "The kernel echoes; there are no marks.", DASH, typed("echo hi"), ("echo hi",)
    ),
    Scenario(
        "busybox-plain",
        "An editor of its own without marks.",
        BUSYBOX,
        (*typed("echo hi"), *typed("pwd")),
        ("echo hi", "pwd"),
    ),
    Scenario(
        "bash-at-once",
        "A script types whole lines: keys and Enter come together.",
        BASH,
        (*key(b"echo one\r"), *key(b"echo two\r")),
        ("echo one", "echo two"),
    ),
    Scenario(
        "dash-at-once",
        "The same without an editor.",
        DASH,
        (*key(b"echo one\r"), *key(b"echo two\r")),
        ("echo one", "echo two"),
    ),
    Scenario(
        "dash-paste-that-nobody-asked-for",
        "A client opens a bracketed paste in a program that has none, and takes it back with ^U.",
        DASH,
        (
            (b"\x1b[200~", rb"\^\[\[200~"),
            (b"\x15", rb"(?:\x08 \x08){7}"),
            *typed("echo one"),
            *typed("echo two"),
        ),
        ("echo one", "echo two"),
    ),
    Scenario(
        "dash-answer-that-nobody-asked-for",
        "The same with an answer of a terminal that does not end.",
        DASH,
        (
            (b"\x1b]", rb"\^\[\]"),
            (b"\x15", rb"(?:\x08 \x08){3}"),
            *typed("echo one"),
            *typed("echo two"),
        ),
        ("echo one", "echo two"),
    ),
    Scenario(
        "bash-answer-that-nobody-asked-for",
        "In an editor it is a key, and a command follows.",
        BASH,
        (
            (b"\x1b]\x15", rb""),
            *key(b"echo one\r", rb"one\r\n.*ready\$ \Z"),
            *typed("echo two"),
        ),
        ("echo one", "echo two"),
    ),
    Scenario(
        "bash-answer-for-a-command",
        "A program asks, and the client answers with a command.",
        BASH,
        (
            *typed("printf '\\033]11;?\\007'"),
            *key(b"\x1b]x;echo one\x07\r", rb"one\r\n.*ready\$ \Z"),
            *typed("echo two"),
        ),
        ("printf '\\033]11;?\\007'", "x;echo one", "echo two"),
    ),
    Scenario(
        "bash-coloured-prompt",
        "A prompt is not text, whatever its colours, and when it changes.",
        BASH,
        (
            *typed("PS1='\\[\\e[1;32m\\]me@box\\[\\e[0m\\]:\\w> '", rb"> \Z"),
            *typed("echo one", rb"> \Z"),
            *typed("cd /", rb"> \Z"),
            *typed("echo two", rb"> \Z"),
        ),
        ("PS1='\\[\\e[1;32m\\]me@box\\[\\e[0m\\]:\\w> '", "echo one", "cd /", "echo two"),
    ),
    Scenario(
        "bash-up",
        "The recalled line is what runs; it was never typed.",
        BASH,
        (*typed("echo hi"), (UP, b"echo hi"), (b"\r", READY)),
        ("echo hi", "echo hi"),
    ),
    Scenario(
        "busybox-up",
        "The same in an editor without marks.",
        BUSYBOX,
        (*typed("echo hi"), (UP, b"echo hi"), (b"\r", READY)),
        ("echo hi", "echo hi"),
    ),
    Scenario(
        "bash-up-edit",
        "Editing in the middle of a recalled line.",
        BASH,
        (*typed("echo one"), (UP, b"echo one"), (LEFT + LEFT + b"X", b"X"), (b"\r", READY)),
        ("echo one", "echo oXne"),
    ),
    Scenario(
        "bash-edit-keys",
        "^W, ^A, ^K, ^Y and cursor keys: the final text.",
        BASH,
        (
            (b"hi there", b"there"),
            (b"\x17", b".*"),
            (b"\x01echo ", b"echo "),
            (b"\x0b", b".*"),
            (b"\x19\x1b[D\x1b[D\x1b[C", b".*"),
            (b"\x05!", b"!"),
            (b"\r", READY),
        ),
        ("echo hi !",),
    ),
    Scenario(
        "busybox-edit-keys",
        "^W, ^A and ^K in busybox.",
        BUSYBOX,
        ((b"hi there", b"there"), (b"\x17", b"."), (b"\x01echo ", b"ohi .* hi"), (b"\r", READY)),
        ("echo hi",),
    ),
    Scenario(
        "bash-killed",
        "Of a line that was killed to nothing nothing was entered.",
        BASH,
        ((b"rm -rf", b"rf"), (b"\x15", b"."), (b"\r", READY), *typed("true")),
        ("true",),
    ),
    Scenario(
        "dash-killed",
        "The kernel's ^U.",
        DASH,
        ((b"rm -rf", b"rf"), (b"\x15", b"."), (b"\r", READY), *typed("true")),
        ("true",),
    ),
    Scenario(
        "bash-search",
        "^R: the line that was found, not the prompt of the search.",
        BASH,
        (*typed("echo needle"), *typed("true"), (b"\x12need", b"d': echo"), (b"\r", READY)),
        ("echo needle", "true", "echo needle"),
    ),
    Scenario(
        "bash-tab",
        "A completed name is text.",
        BASH,
        (*typed("touch unmistakable"), (b"ls unm\t", b"unmistakable"), (b"\r", READY)),
        ("touch unmistakable", "ls unmistakable"),
    ),
    Scenario(
        "busybox-tab",
        "The same in busybox.",
        BUSYBOX,
        (*typed("touch unmistakable"), (b"ls unm\t", b"unmistakable"), (b"\r", READY)),
        ("touch unmistakable", "ls unmistakable"),
    ),
    Scenario(
        "bash-tab-listing",
        "Choices are listed and the prompt is shown again: the line begins there.",
        BASH,
        (
            *typed("touch file1 file2"),
            (b"ls fi\t", b"ls fi.*le"),
            (b"\t\t", rb"file1.*file2.*ready\$ ls file"),
            (b"2", b"2"),
            (b"\r", READY),
        ),
        ("touch file1 file2", "ls file2"),
    ),
    Scenario(
        "bash-without-marks",
        "An editor without marks, as bash was before 5.1: keys one by one, and all at once.",
        BASH,
        (
            (b"ec", b"ec"),
            (b"\t", b"."),
            (b"ho one", b"one"),
            (b"\r", READY),
            *key(b"ec\tho two\r"),
            (UP, b"two"),
            (b"\x01\x1b[C\x1b[C", b"."),
            (b"\r", READY),
            (b"rm -rf", b"rf"),
            (b"\x01\x0b", b"."),
            (b"\r", READY),
        ),
        ("echo ho one", "echo ho two", "echo ho two"),
        environment={"TERM": "dumb"},
    ),
    Scenario(
        "bash-bang",
        "!! is what was entered; bash prints what it stands for as output.",
        BASH,
        (*typed("echo hi"), *typed("!!")),
        ("echo hi", "!!"),
    ),
    Scenario(
        "bash-cancel",
        "^C on half a line: nothing was entered.",
        BASH,
        (
            *typed("true"),
            (b"rm -rf /", b"rf /"),
            (b"\x03", rb"\^C.*(?:2004h|ready)"),
            *typed("echo hi"),
        ),
        ("true", "echo hi"),
    ),
    Scenario(
        "dash-cancel",
        "The same with the kernel's echo of ^C.",
        DASH,
        (
            *typed("true"),
            (b"rm -rf /", b"rf /"),
            (b"\x03", rb"\^C.*(?:2004h|ready)"),
            *typed("echo hi"),
        ),
        ("true", "echo hi"),
    ),
    Scenario(
        "bash-end",
        "^D at an empty prompt ends the shell; exit is bash's own word.",
        BASH,
        (*typed("bash --norc"), (b"\x04", READY), *typed("echo hi")),
        ("bash --norc", "echo hi"),
    ),
    Scenario(
        "bash-backspace",
        "Backspaces.",
        BASH,
        ((b"echo hx", b"hx"), (b"\x7fi", b"i"), (b"\r", READY)),
        ("echo hi",),
    ),
    Scenario(
        "dash-backspace",
        "The kernel's erase, also of a character of two bytes.",
        DASH,
        (("echo hé".encode(), "é".encode()), (b"\x7fi", b"i"), (b"\r", READY)),
        ("echo hi",),
    ),
    Scenario(
        "bash-read-silent",
        "read -s: entered without echo, so nothing of it is shown.",
        BASH,
        (
            *typed("read -sp 'pw: ' x", rb"pw: \Z"),
            *key(SECRET.encode(), b""),
            *key(b"\r", READY),
            *typed("echo hi"),
        ),
        ("read -sp 'pw: ' x", (None, "hidden"), "echo hi"),
    ),
    Scenario(
        "bash-read-silent-at-once",
        "The same with Enter in one piece with the secret, and an answer in the same row.",
        BASH,
        (
            *typed("read -sp 'pw: ' x; echo got ${#x}", rb"pw: \Z"),
            *key(SECRET.encode() + b"\r", READY),
            *typed("echo hi"),
        ),
        ("read -sp 'pw: ' x; echo got ${#x}", (None, "hidden", "no-echo"), "echo hi"),
    ),
    Scenario(
        "bash-read-silent-shown",
        "The program shows the secret in the same row afterwards: that is output, not a line.",
        BASH,
        (
            *typed("read -sp 'pw: ' x; echo \"got $x\"", rb"pw: \Z"),
            *key(b"tr0ux\x7f", b""),
            *key(b"b4dor", b""),
            *key(b"\r", READY),
            *typed("echo hi"),
        ),
        ("read -sp 'pw: ' x; echo \"got $x\"", (None, "hidden", "no-echo"), "echo hi"),
    ),
    Scenario(
        "dash-read-silent",
        "stty -echo around read, as scripts do in sh; no newline comes for Enter.",
        DASH,
        (
            *typed("stty -echo; printf 'pw: '; read x; stty echo", rb"pw: \Z"),
            *key(SECRET.encode(), b""),
            *key(b"\r", READY),
            *typed("echo hi"),
        ),
        ("stty -echo; printf 'pw: '; read x; stty echo", (None, "hidden"), "echo hi"),
    ),
    Scenario(
        "sudo-password",
        "sudo asks, refuses, asks again.",
        ("bash", "--norc", "--noprofile", "-i"),
        (
            *typed("exec setpriv --reuid=65534 --regid=65534 --clear-groups bash --norc"),
            *typed("sudo -k -S -p 'Password: ' true </dev/tty", rb"Password: \Z"),
            *key(SECRET.encode(), b""),
            *key(b"\r", rb"Password: \Z"),
            *key(SECRET.encode() + b"\r", rb"Password: \Z"),
            *key(b"\x03", READY),
            *typed("echo hi"),
        ),
        (
            "exec setpriv --reuid=65534 --regid=65534 --clear-groups bash --norc",
            "sudo -k -S -p 'Password: ' true </dev/tty",
            (None, "hidden"),
            (None, "hidden"),
            "echo hi",
        ),
        live=False,
    ),
    Scenario(
        "python-getpass",
        "getpass turns the echo off.",
        (sys.executable, "-q"),
        (
            *typed("import getpass", rb">>> \Z"),
            *typed("x = getpass.getpass()", rb"Password: \Z"),
            *key(SECRET.encode(), b""),
            *key(b"\r", rb">>> \Z"),
            *typed("1 + 1", rb"2\r\n.*>>> \Z"),
        ),
        ("import getpass", "x = getpass.getpass()", (None, "hidden"), "1 + 1"),
        first=rb">>> \Z",
        environment={"PYTHON_BASIC_REPL": "1"},
    ),
    Scenario(
        "bash-echo-off",
        "stty -echo: the command is not shown, and its output is not taken for it.",
        BASH,
        (
            *typed("stty -echo"),
            *key(b"echo out", b""),
            *key(b"\r", READY),
            *key(b"stty echo\r", READY),
            *typed("echo hi"),
        ),
        ("stty -echo", None, None, "echo hi"),
    ),
    Scenario(
        "dash-echo-off",
        "The same without an editor: the output comes where the echo would be.",
        DASH,
        (
            *typed("stty -echo"),
            *key(b"echo out", b""),
            *key(b"\r", READY),
            *key(b"stty echo\r", READY),
            *typed("echo hi"),
        ),
        ("stty -echo", (None, "hidden", "no-echo"), None, "echo hi"),
    ),
    Scenario(
        "bash-here-document",
        "A here-document that is typed ahead: each of its lines.",
        BASH,
        key(b"cat <<EOF\rl1\rl2\rEOF\r", rb"l1\r\nl2\r\n.*ready\$ \Z"),
        ("cat <<EOF", "l1", "l2", "EOF"),
    ),
    Scenario(
        "dash-here-document",
        "The same without an editor.",
        DASH,
        key(b"cat <<EOF\rl1\rl2\rEOF\r", rb"l1\r\nl2\r\n.*ready\$ \Z"),
        ("cat <<EOF", "l1", "l2", "EOF"),
    ),
    Scenario(
        "bash-loop",
        "A loop over several lines, and a backslash: an entry for each line.",
        BASH,
        (
            *typed("for i in 1 2; do", MORE),
            *typed("echo $i", MORE),
            *typed("done"),
            *typed("echo a \\", MORE),
            *typed("b"),
        ),
        ("for i in 1 2; do", "echo $i", "done", "echo a \\", "b"),
    ),
    Scenario(
        "bash-paste",
        "A bracketed paste of two lines is one command with a newline.",
        BASH,
        ((b"\x1b[200~echo a\recho b\x1b[201~", b"echo b"), (b"\r", READY)),
        ("echo a\necho b",),
    ),
    Scenario(
        "dash-paste",
        "A paste without brackets: one line each.",
        DASH,
        key(b"echo a\recho b\rpwd\r", rb"a\r\n.*b\r\n.*ready\$ \Z"),
        ("echo a", "echo b", "pwd"),
    ),
    Scenario(
        "busybox-paste",
        "The same where the editor shows each line only when it reads it.",
        BUSYBOX,
        key(b"echo a\recho b\rtrue\r", rb"true\r\n.*ready\$ \x1b\[6n\Z"),
        ("echo a", "echo b", "true"),
    ),
    Scenario(
        "bash-long",
        "A line longer than the width: whole, without the breaks of the terminal.",
        BASH,
        (*typed("echo " + "0123456789" * 12), *typed("true")),
        ("echo " + "0123456789" * 12, "true"),
        columns=40,
    ),
    Scenario(
        "dash-long",
        "The same with the kernel's echo.",
        DASH,
        (*typed("echo " + "0123456789" * 12), *typed("true")),
        ("echo " + "0123456789" * 12, "true"),
        columns=40,
    ),
    Scenario(
        "busybox-long",
        "busybox begins new rows itself.",
        BUSYBOX,
        (
            *typed("echo " + "0123456789" * 12),
            *key(b"echo " + b"abcdefghij" * 12 + b"\r"),
            *typed("true"),
        ),
        ("echo " + "0123456789" * 12, "echo " + "abcdefghij" * 12, "true"),
        columns=40,
    ),
    Scenario(
        "bash-long-up",
        "A long line that is recalled and edited in its first row.",
        BASH,
        (
            *typed("echo " + "0123456789" * 12),
            (UP, b"6789"),
            (b"\x01", b"."),
            (b"\x1b[C\x1b[C\x1b[C\x1b[CX", b"X"),
            (b"\r", READY),
            (UP + UP, b"."),
            (b"\r", READY),
        ),
        ("echo " + "0123456789" * 12, "echoX " + "0123456789" * 12, "echo " + "0123456789" * 12),
        columns=40,
    ),
    Scenario(
        "bash-longer-than-the-screen",
        "More rows than the screen has: those that scrolled off are part of the line.",
        BASH,
        (*typed("echo " + "0123456789" * 40), *typed("true")),
        ("echo " + "0123456789" * 40, "true"),
        columns=40,
        rows=5,
    ),
    Scenario(
        "bash-exact-width",
        "A line that ends at the last column.",
        BASH,
        (*typed("echo " + "x" * 28), *typed("true")),
        ("echo " + "x" * 28, "true"),
        columns=40,
    ),
    Scenario(
        "dash-exact-width",
        "The same with the kernel's echo.",
        DASH,
        (*typed("echo " + "x" * 28), *typed("true")),
        ("echo " + "x" * 28, "true"),
        columns=40,
    ),
    Scenario(
        "bash-bottom",
        "At the bottom row the screen scrolls under the line.",
        BASH,
        (*typed("seq 30"), *typed("echo " + "y" * 60), *typed("echo hi")),
        ("seq 30", "echo " + "y" * 60, "echo hi"),
        columns=40,
        rows=10,
    ),
    Scenario(
        "dash-bottom",
        "The same without an editor.",
        DASH,
        (*typed("seq 30"), *typed("echo " + "y" * 60), *typed("echo hi")),
        ("seq 30", "echo " + "y" * 60, "echo hi"),
        columns=40,
        rows=10,
    ),
    Scenario(
        "bash-vim",
        "vim is opened, used and left: the command, and nothing from inside.",
        BASH,
        (
            *typed("vim -u NONE -N note", rb"\x1b\[\?1049h.*(?:note|~)"),
            (b"isecret text\x1b", b"text"),
            (b":wq\r", READY),
            *typed("cat note", rb"secret text\r\n.*ready\$ \Z"),
        ),
        ("vim -u NONE -N note", "cat note"),
        needs=("vim",),
    ),
    Scenario(
        "dash-vim",
        "The same from a shell without marks.",
        DASH,
        (
            *typed("vim -u NONE -N note", rb"\x1b\[\?1049h.*(?:note|~)"),
            (b"isecret text\x1b", b"text"),
            (b":q!\r", READY),
            *typed("echo hi"),
        ),
        ("vim -u NONE -N note", "echo hi"),
        needs=("vim",),
    ),
    Scenario(
        "busybox-vi",
        "vi of busybox uses the alternate screen as well.",
        BUSYBOX,
        (
            *typed("vi note", rb"note"),
            (b"isecret text\x1b", b"text"),
            (b":wq\r", READY),
            *typed("echo hi"),
        ),
        ("vi note", "echo hi"),
    ),
    Scenario(
        "bash-less",
        "less, a search, a command from inside it, and out.",
        BASH,
        (
            *typed("seq 200 >numbers"),
            *typed("less numbers", rb"numbers|:"),
            (b"/150\r", b"150"),
            (b"!echo inside\r", rb"RETURN"),
            (b"\r", rb"\x1b\[\?1049h"),
            (b"q", READY),
            *typed("echo hi"),
        ),
        ("seq 200 >numbers", "less numbers", "echo hi"),
        needs=("less",),
    ),
    Scenario(
        "busybox-less",
        "A pager without the alternate screen: keys without Enter, then the shell again.",
        BUSYBOX,
        (
            *typed("seq 200 >numbers"),
            *typed("less numbers", rb"numbers"),
            (b"  ", b"."),
            (b"q", READY),
            *typed("echo hi"),
        ),
        ("seq 200 >numbers", "less numbers", "echo hi"),
        rows=10,
    ),
    Scenario(
        "bash-top",
        "top without the alternate screen: its keys are not part of the next line.",
        BASH,
        (*typed("busybox top", rb"PID"), (b"q", READY), *typed("echo hi")),
        ("busybox top", "echo hi"),
        live=False,
    ),
    Scenario(
        "bash-python",
        "Statements at python's prompt are lines too.",
        BASH,
        (
            *typed("python3 -q", rb">>> \Z"),
            *typed("print(6 * 7)", rb"42.*>>> \Z"),
            *typed("def f():", rb"\.\.\. \Z"),
            *typed("    return 1", rb"\.\.\. \Z"),
            *key(b"\r", rb">>> \Z"),
            *typed("exit()"),
        ),
        ("python3 -q", "print(6 * 7)", "def f():", "    return 1", "exit()"),
        live=False,
    ),
    Scenario(
        "psql",
        "Statements, the pager and ^C of psql.",
        ("psql", "-X", "-v", "PROMPT1=db=> ", "-v", "PROMPT2=db-> ", "-U", "postgres"),
        (
            *typed("select 6 * 7;", rb"42.*db=> \Z"),
            *typed("select", rb"db-> \Z"),
            *typed("'secret';", rb"row\).*db=> \Z"),
            (UP, b"secret"),
            (b"\x15", b"."),
            *typed("\\q", rb"."),
        ),
        ("select 6 * 7;", "select", "'secret';", "\\q"),
        first=rb"db=> \Z",
        live=False,
    ),
    Scenario(
        "bash-clear",
        "clear, and ^L in the middle of a line.",
        BASH,
        (
            *typed("clear"),
            (b"echo hi", b"hi"),
            (b"\x0c", rb"ready\$ echo hi"),
            (b" there", b"there"),
            (b"\r", READY),
            *typed("true"),
        ),
        ("clear", "echo hi there", "true"),
    ),
    Scenario(
        "bash-resize",
        "The terminal gets another size while a line is typed.",
        BASH,
        (
            (b"echo one", b"one"),
            (Resize(50, 20), rb"echo one"),
            (b" two", b"two"),
            (b"\r", READY),
            *typed("echo hi"),
        ),
        ("echo one two", "echo hi"),
    ),
    Scenario(
        "dash-background",
        "A job in the background prints into the line: what was typed, marked as uncertain.",
        DASH,
        (
            *typed("(read x <gate; echo; echo noise) &"[:0] + "mkfifo gate"),
            *typed("(read x <gate; echo noise) &"),
            (b"echo", b"echo"),
            (b" x >ga", b"ga"),
            (b"te\r", rb"noise"),
            *key(b"\r"),
            *typed("echo hi"),
        ),
        ("mkfifo gate", "(read x <gate; echo noise) &", "echo x >gate", "echo hi"),
    ),
    Scenario(
        "bash-no-newline",
        "Output without a newline before the prompt, and bytes that are not UTF-8.",
        BASH,
        (
            *typed("printf 'no newline'", rb"newlineready\$ \Z|newline.*h.*ready\$ \Z"),
            *typed("printf '\\377\\376\\200'"),
            *typed("echo hi"),
        ),
        ("printf 'no newline'", "printf '\\377\\376\\200'", "echo hi"),
    ),
    Scenario(
        "bash-wide",
        "Wide characters, combining marks, emoji, edited in the middle.",
        BASH,
        (
            *typed("echo 日本語 😀 é"),
            *typed("echo e\u0301x"),
            ("echo 日本".encode(), "本".encode()),
            (LEFT, b"."),
            ("語".encode(), "語".encode()),
            (b"\r", READY),
            *typed("echo hi"),
        ),
        ("echo 日本語 😀 é", "echo e\u0301x", "echo 日語本", "echo hi"),
    ),
    Scenario(
        "bash-wide-wrapped",
        "Wide characters that do not fit in the last column.",
        BASH,
        (*typed("echo x" + "語" * 40), *typed("echo hi")),
        ("echo x" + "語" * 40, "echo hi"),
        columns=40,
    ),
    Scenario(
        "bash-titles",
        "Titles, folders, links and device strings in the prompt and in output.",
        BASH,
        (
            *typed("PS1='\\[\\e]0;title\\a\\e]7;file://h/\\e\\\\\\]ready$ '"),
            *typed(
                "printf '\\033]8;;http://x\\033\\\\link\\033]8;;\\033\\\\ \\033P+q\\033\\\\done\\n'"
            ),
            *typed("echo hi"),
        ),
        (
            "PS1='\\[\\e]0;title\\a\\e]7;file://h/\\e\\\\\\]ready$ '",
            "printf '\\033]8;;http://x\\033\\\\link\\033]8;;\\033\\\\ \\033P+q\\033\\\\done\\n'",
            "echo hi",
        ),
    ),
    Scenario(
        "bash-unterminated",
        "A title that never ends swallows what a terminal would show, not the next line.",
        BASH,
        (*typed("printf '\\033]0;endless'"), *typed("echo hi")),
        ("printf '\\033]0;endless'", "echo hi"),
    ),
    Scenario(
        "bash-marks",
        "OSC 133 of a shell with integration: text and exit code, as the shell claims them.",
        BASH,
        (
            *typed(
                "PS0='\\e]133;C\\a'; PROMPT_COMMAND='printf \"\\033]133;D;%s\\007\" $?';"
                " PS1='\\[\\e]133;A\\a\\]ready$ \\[\\e]133;B\\a\\]'"
            ),
            *typed("false"),
            *typed("echo hi"),
        ),
        (
            "PS0='\\e]133;C\\a'; PROMPT_COMMAND='printf \"\\033]133;D;%s\\007\" $?';"
            " PS1='\\[\\e]133;A\\a\\]ready$ \\[\\e]133;B\\a\\]'",
            ("false", "client-claimed"),
            ("false", "client-claimed", "exited"),
            ("echo hi", "client-claimed"),
            ("echo hi", "client-claimed", "exited"),
        ),
    ),
    Scenario(
        "bash-claims",
        "OSC 633: the line is what the shell says, marked as its claim.",
        BASH,
        (
            *typed(
                "PS0='\\e]633;E;echo one\\\\x3b echo two\\a\\e]633;C\\a'; PS1='\\[\\e]633;A\\a\\]ready$ \\[\\e]633;B\\a\\]'"
            ),
            *typed("true"),
            *typed("true"),
        ),
        (
            "PS0='\\e]633;E;echo one\\\\x3b echo two\\a\\e]633;C\\a'; PS1='\\[\\e]633;A\\a\\]ready$ \\[\\e]633;B\\a\\]'",
            ("echo one; echo two", "client-claimed"),
            ("echo one; echo two", "client-claimed"),
        ),
    ),
    Scenario(
        "bash-nested",
        "A shell in a shell: its lines, without its prompt.",
        BASH,
        (
            *typed("PS1='inner# ' dash -i", rb"inner# \Z"),
            *typed("echo in", rb"inner# \Z"),
            *typed("exit"),
            *typed("echo out"),
        ),
        ("PS1='inner# ' dash -i", "echo in", "exit", "echo out"),
        needs=("dash",),
    ),
    Scenario(
        "bash-pipe-to-shell",
        "An encoded command: the line; what it runs is not known.",
        BASH,
        typed("echo ZWNobyBoaQo= | base64 -d | sh"),
        ("echo ZWNobyBoaQo= | base64 -d | sh",),
    ),
    Scenario(
        "cat-without-shell",
        "A program that only shows things: nothing is entered.",
        ("sh", "-c", "printf 'ready$ '; exec sleep 5"),
        (),
        (),
    ),
    Scenario(
        "bash-flood",
        "A flood of output: the next command is right again.",
        BASH,
        (
            *typed("yes | head -c 20000; echo end", rb"end\r\n.*ready\$ \Z"),
            *typed("echo hi"),
        ),
        ("yes | head -c 20000; echo end", "echo hi"),
    ),
    Scenario(
        "bash-flood-interrupted",
        "The same with a flood that is ended by ^C.",
        BASH,
        (*typed("yes", rb"(?:y\r\n){500}"), (b"\x03", READY), *typed("echo hi")),
        ("yes", "echo hi"),
    ),
    Scenario(
        "bash-type-ahead",
        "Typed while a command runs: echoed by the kernel at once, and later by the editor.",
        BASH,
        (
            *typed("echo now; read x; true", rb"now\r\n\Z"),
            (b"value\rpwd\r", rb"ready\$ pwd.*ready\$ \Z"),
            *typed("echo hi"),
        ),
        ("echo now; read x; true", "value", "pwd", "echo hi"),
    ),
    Scenario(
        "bash-other-folders",
        "Behind a prompt that changes, Enter alone, ^C and keys that were taken back enter nothing.",
        BASH,
        (
            *typed("PS1='\\w \\! ready$ '"),
            *typed("mkdir -p 'a b'"),
            *typed("cd 'a b'"),
            *key(b"\r"),
            (UP, b"a b"),
            (b"\x03", READY),
            *key(b"\r"),
            (b"rm -rf", b"rf"),
            (b"\x03", READY),
            *typed("cd /"),
            (b"rm -rf", b"rf"),
            (b"\x15", b"."),
            *key(b"\r"),
            *key(b"\x03"),
            *key(b"\x0c"),
            *key(b"\r"),
            (b"sleep 0.3\rcd /tmp\r", rb"/tmp \d+ ready\$ \Z"),
            *key(b"\r"),
            *typed("true"),
        ),
        (
            "PS1='\\w \\! ready$ '",
            "mkdir -p 'a b'",
            "cd 'a b'",
            "cd /",
            "sleep 0.3",
            "cd /tmp",
            "true",
        ),
    ),
    Scenario(
        "zsh-choices",
        "The choices that zsh lists below a line are none of it.",
        ("zsh", "-f", "-i"),
        (
            *typed("touch file1 file2", rb"ready\$ \x1b\[K.*\Z"),
            (b"ls fi\t", b"."),
            (b"\t", b"file2"),
            (b"\t", b"."),
            (b"\r", rb"file[12]\r\n.*ready\$ \x1b\[K.*\Z"),
            *typed("true", rb"ready\$ \x1b\[K.*\Z"),
        ),
        ("touch file1 file2", "ls file1", "true"),
        first=rb"ready\$ \x1b\[K.*\Z",
    ),
    Scenario(
        "zsh-plain",
        "zsh marks ends of lines without a newline, and redraws.",
        ("zsh", "-f", "-i"),
        (
            *typed("echo hi", rb"ready\$ \x1b\[K.*\Z"),
            *typed("printf nothing", rb"nothing.*ready\$ \x1b\[K.*\Z"),
            (UP + UP, b"hi"),
            (b"\r", rb"ready\$ \x1b\[K.*\Z"),
            *typed("true", rb"ready\$ \x1b\[K.*\Z"),
        ),
        ("echo hi", "printf nothing", "echo hi", "true"),
        first=rb"ready\$ \x1b\[K.*\Z",
    ),
    Scenario(
        "fish-read-silent",
        "fish reads a secret with its editor, and shows a dot for each key.",
        ("fish", "-i"),
        (
            (b"read -s x", b"x"),
            (b"\r", rb"read.*> .*\Z"),
            *key(SECRET.encode(), b"\xe2\x97\x8f|."),
            *key(b"\r", rb"# \x1b\[K\r\x1b\[\d+C\Z"),
        ),
        ("read -s x", None),
        first=rb"# \x1b\[K\r\x1b\[\d+C\Z",
        live=False,
    ),
    Scenario(
        "fish-loop",
        "Enter within a loop only begins a row: reported at once, then the whole as it stands there.",
        ("fish", "-i"),
        (
            (b"for i in 1 2", b"2"),
            (b"\r", rb"\r\n.*\Z"),
            (b"echo $i", b"i"),
            (b"\r", rb"\r\n.*\Z"),
            (b"end", b"d"),
            (b"\r", rb"2\r\n.*# \x1b\[K\r\x1b\[\d+C\Z"),
        ),
        (
            ("for i in 1 2", "continued"),
            ("for i in 1 2\n               echo $i", "continued"),
            "for i in 1 2\n               echo $i\n           end",
        ),
        first=rb"# \x1b\[K\r\x1b\[\d+C\Z",
        live=False,  # When fish redraws depends on the machine.
    ),
    Scenario(
        "fish-plain",
        "fish suggests from history in grey: not part of the line unless it was accepted.",
        ("fish", "-i"),
        (
            (b"echo suggestion", b"suggestion"),
            (b"\r", rb"suggestion\r\n.*# \x1b\[K\r\x1b\[\d+C\Z"),
            (b"echo s", b"uggestion"),
            (b"x", b"."),
            (b"\r", rb"sx\r\n.*# \x1b\[K\r\x1b\[\d+C\Z"),
            (b"echo su", b"ggestion"),
            (b"\x1b[C", b"."),
            (b"\r", rb"suggestion\r\n.*# \x1b\[K\r\x1b\[\d+C\Z"),
        ),
        ("echo suggestion", "echo sx", "echo suggestion"),
        first=rb"# \x1b\[K\r\x1b\[\d+C\Z",
        live=False,
    ),
    Scenario(
        "dash-read-end",
        "read has what is typed before ^D twice, echoed or not.",
        DASH,
        (
            *typed("read -r x", rb"\n"),
            (b"hello", b"hello"),
            (b"\x04", b""),
            (b"\x04", READY),
            *typed("stty -echo"),
            (b"read -r y\r", b""),
            (SECRET.encode() + b"\x04\x04", READY),
            (b"stty echo\r", READY),
            *typed("true"),
        ),
        ("read -r x", "hello", "stty -echo", None, None, None, "true"),
    ),
    Scenario(
        "busybox-end",
        "busybox reads ^D as a key of its editor, which does nothing there.",
        BUSYBOX,
        ((b"echo hi", b"hi"), (b"\x04", b""), (b"\r", READY), *typed("true")),
        ("echo hi", "true"),
    ),
    Scenario(
        "busybox-end-twice",
        "Twice it would have entered the line elsewhere: both are said.",
        BUSYBOX,
        (
            (b"echo hi", b"hi"),
            (b"\x04\x04", b""),
            (b" you", b"you"),
            (b"\r", READY),
            *typed("true"),
        ),
        (("echo hi", "prompt?"), ("you", "prompt?"), ("echo hi you", "prompt?"), "true"),
    ),
    Scenario(
        "busybox-end-deletes",
        "In a line it takes a character away.",
        BUSYBOX,
        ((b"echo hii", b"hii"), (LEFT, b"."), (b"\x04", b"."), (b"\r", READY), *typed("true")),
        ("echo hi", "true"),
    ),
    Scenario(
        "python-end",
        "A program that reads lines without an editor runs what stands before ^D twice.",
        (sys.executable, "-c", "import sys\nwhile x := sys.stdin.readline(): print(x, 'ready$ ')"),
        (
            (b"one", b"one"),
            (b"\x04", b""),
            (b"\x04", rb"ready\$ \r\n"),
            (b"two\r", rb"two\r\n.*ready\$ \r\n"),
        ),
        ("one", "two"),
        first=b"",
    ),
)
