"""What a client types so that its commands are not reported: rows like those of the table.

Each enters a command that answers ``m42``, in a way that was, or might be taken for, something else
than a line: an answer of a terminal, a paste, an interrupt, another key than Enter.
"""

from tests.sessions.terminal.scenarios import (
    BASH,
    BUSYBOX,
    DASH,
    LEFT,
    RIGHT,
    UP,
    Resize,
    Scenario,
    Step,
    key,
    typed,
)

COMMAND = b"echo m4''2"
SHOWN = COMMAND.decode()
ECHO = rb"'2"
RAN = rb"m42\r\n.*ready\$ (?:\x1b\[6n)?\Z"
OPEN = b"\x1b[200~"
ANY = b""
ZSH = ("zsh", "-f", "-i")
ZSH_READY = rb"ready\$ .*\x1b\[\?2004h\Z"
UNMARKED = {"TERM": "dumb"}
"""As bash was before 5.1, without marks around its lines."""


def enter(before: bytes = ANY) -> tuple[Step, ...]:
    """The command, key by key as people type, and Enter."""
    return ((before + COMMAND, ECHO), (b"\r", RAN))


HOSTILE = (
    Scenario(
        "hostile-dash-paste",
        "Nobody asked for pastes: ESC [ 200 ~ is text, and ^U takes it away.",
        DASH,
        ((OPEN, b"200~"), (b"\x15", b"."), *enter(), *typed("true"), *typed("pwd")),
        (SHOWN, "true", "pwd"),
    ),
    Scenario(
        "hostile-dash-paste-at-once",
        "The same around a line, in one write.",
        DASH,
        ((OPEN + b";" + COMMAND + b"\r\x1b[201~", RAN),),
        (f"^[[200~;{SHOWN}",),
    ),
    Scenario(
        "hostile-dash-paste-on",
        "A mark that was printed by hand: lines end the paste that nobody reads.",
        DASH,
        (
            *typed("printf '\\033[?2004h'"),
            (OPEN, b"200~"),
            (b"\x15", b"."),
            *enter(),
            *typed("true"),
        ),
        ("printf '\\033[?2004h'", (SHOWN, "unfinished"), "true"),
    ),
    Scenario(
        "hostile-bash-paste-quoted",
        "^V makes the beginning of a paste text.",
        BASH,
        ((b"\x16" + OPEN + b";", b"200~;"), *enter(), *typed("true")),
        ((f"^[[200~;{SHOWN}", "unfinished"), "true"),
    ),
    Scenario(
        "hostile-bash-string",
        "ESC ] begins a search in bash, not an answer of a terminal.",
        BASH,
        ((b"\x1b] ", ANY), *enter(), *typed("true")),
        (f" {SHOWN}", "true"),
    ),
    Scenario(
        "hostile-bash-string-ended",
        "The same with the end of an answer, which only rings.",
        BASH,
        ((b"\x1b]:;" + COMMAND + b"\x07", ECHO), (b"\r", RAN), *typed("true")),
        (f":;{SHOWN}", "true"),
    ),
    Scenario(
        "hostile-dash-string",
        "ESC P and ^U: the kernel has no strings.",
        DASH,
        ((b"\x1bP", b"P"), (b"\x15", b"."), *enter(), *typed("true")),
        (SHOWN, "true"),
    ),
    Scenario(
        "hostile-dash-string-ended",
        "The answer of a terminal, with a command in it.",
        DASH,
        ((b"\x1b];" + COMMAND + b";\x07", ECHO), (b"\r", RAN), *typed("true")),
        (f"^[];{SHOWN};^G", "true"),
    ),
    Scenario(
        "hostile-dash-mouse",
        "A report of a mouse has any three characters.",
        DASH,
        (
            *typed(f"m() {{ {SHOWN}; }}"),
            (b"\x1b[M;m ", b"M;m"),
            (b"\r", RAN),
            *typed("true"),
        ),
        (f"m() {{ {SHOWN}; }}", "^[[M;m", "true"),
    ),
    Scenario(
        "hostile-dash-attributes",
        "An answer that is a command's name.",
        DASH,
        (*typed(f"c() {{ {SHOWN}; }}"), (b"\x1b[;c\r", RAN), *typed("true")),
        (f"c() {{ {SHOWN}; }}", "^[[;c", "true"),
    ),
    Scenario(
        "hostile-bash-suspend",
        "bash does not mind ^Z and ^\\ at its prompt; the line goes on.",
        BASH,
        ((COMMAND, ECHO), (b"\x1a\x1c", ANY), (b"\r", RAN), *typed("true")),
        (SHOWN, "true"),
    ),
    Scenario(
        "hostile-bash-suspend-wrapped",
        "The same where the line has two rows.",
        BASH,
        ((b": " + b"y" * 60 + b";", b"y;"), (COMMAND, ECHO), (b"\x1a", ANY), (b"\r", RAN)),
        (": " + "y" * 60 + ";" + SHOWN,),
        columns=40,
    ),
    Scenario(
        "hostile-dash-interrupt-text",
        "A line that ends as if it was interrupted, and an interrupt after it.",
        DASH,
        ((COMMAND + b" # ^C", rb"# \^C"), (b"\r", RAN), (b"\x03", rb"ready\$ \Z"), *typed("true")),
        (f"{SHOWN} # ^C", "true"),
    ),
    Scenario(
        "hostile-dash-kill",
        "A ^U that the kernel was told not to mind.",
        DASH,
        (*typed("stty kill undef"), (COMMAND + b" #\x15", rb"#\^U"), (b"\r", RAN), *typed("true")),
        ("stty kill undef", f"{SHOWN} #^U", "true"),
    ),
    Scenario(
        "hostile-bash-other-enter",
        "^O enters a line in an editor without marks too.",
        BASH,
        ((COMMAND, ECHO), (b"\x0f", RAN), *typed("true")),
        (SHOWN, "true"),
        environment=UNMARKED,
    ),
    Scenario(
        "hostile-bash-other-enter-twice",
        "Two lines in one write.",
        BASH,
        ((b"true\x0f" + COMMAND + b"\x0f", RAN), *typed("pwd")),
        ("true", SHOWN, "pwd"),
        environment=UNMARKED,
    ),
    Scenario(
        "hostile-busybox-suspend",
        "An editor without marks does not mind ^Z either.",
        BUSYBOX,
        ((COMMAND, ECHO), (b"\x1a\x1c", ANY), (b"\r", RAN), *typed("true")),
        (SHOWN, "true"),
    ),
    Scenario(
        "hostile-bash-recalled-interrupt",
        "A recalled line that ends in ^C, and ^Z.",
        BASH,
        (
            *typed(f"{SHOWN} # ^C", RAN),
            (UP, rb"\^C"),
            (b"\x1a", ANY),
            (b"\x0f", rb"m42\r\n.*ready\$ .*\^C"),
            *key(b"\x15true\r"),
        ),
        (f"{SHOWN} # ^C", f"{SHOWN} # ^C", "true"),
    ),
    Scenario(
        "hostile-bash-comment",
        "ESC # enters a line too, so that the next one has none of the keys.",
        BASH,
        (*typed("true"), (b"\x1b#" + COMMAND + b"\r", RAN), *typed("pwd")),
        ("true", "#", (SHOWN, "prompt?"), "pwd"),
    ),
    Scenario(
        "hostile-bash-recalled-ahead",
        "A line that is recalled before its prompt, so that Enter is the only key behind it.",
        BASH,
        (
            *typed(SHOWN, RAN),
            (b"sleep 0.2\x0f" + UP + UP, rb"echo m4''2\Z"),
            (b"\r", RAN),
            *typed("pwd"),
        ),
        (SHOWN, "sleep 0.2", (SHOWN, "prompt?"), "pwd"),
    ),
    Scenario(
        "hostile-bash-two-at-once",
        "^O and Enter in one write, in an editor with marks.",
        BASH,
        ((b"true\x0f" + COMMAND + b"\r", RAN), *typed("pwd")),
        ("true", SHOWN, "pwd"),
    ),
    Scenario(
        "hostile-bash-ahead-wrapped",
        "A line that was typed before the prompt, and wraps when it is shown again.",
        BASH,
        ((b"true\r" + COMMAND, ECHO), (b" ", ANY), (b"\r", RAN), *typed("pwd")),
        ("true", SHOWN, "pwd"),
        columns=15,
    ),
    Scenario(
        "hostile-bash-alternate",
        "The screen that is not read: that lines are entered there is said.",
        BASH,
        (*typed("printf '\\033[?1049h'"), *enter(), *typed("printf '\\033[?1049l'"), *typed("pwd")),
        ("printf '\\033[?1049h'", (None, "hidden", "alternate"), "pwd"),
    ),
    Scenario(
        "hostile-bash-scrolled",
        "readline without cursor keys shows a part of a long line.",
        BASH,
        ((b": " + b"y" * 90 + b";", b"y;"), (COMMAND, b"2"), (b"\r", RAN), *typed("pwd")),
        ((None, "hidden", "no-echo", "prompt?"), "pwd"),
        environment=UNMARKED,
    ),
    Scenario(
        "hostile-busybox-place",
        "A forged place of the cursor makes busybox wrap its line, and ^Z is ignored.",
        BUSYBOX,
        ((b"\x1b[24;80R" + COMMAND, ECHO), (b"\x1a\r", RAN), *typed("pwd")),
        ((None, "hidden", "prompt?"), "pwd"),
    ),
    Scenario(
        "hostile-busybox-place-at-once",
        "The same with Enter in one write: only a part is on the row that ends.",
        BUSYBOX,
        ((b"\x1b[24;80R" + COMMAND + b"\r", RAN), *typed("pwd")),
        (("e", "cut"), "pwd"),
    ),
    Scenario(
        "hostile-busybox-earlier-interrupt",
        "An interrupt on the screen is none of the line behind it.",
        BUSYBOX,
        ((b"x", b"x"), (b"\x03" + COMMAND, ECHO), (b"\x1c\r", RAN), *typed("pwd")),
        ((None, "hidden", "prompt?"), "pwd"),
    ),
    Scenario(
        "hostile-dash-narrower",
        "A terminal that gets too narrow for its line while it is typed.",
        DASH,
        (
            (COMMAND[:6], b"m"),
            (Resize(9, 5), ANY),
            (COMMAND[6:], ECHO),
            (b"\r", rb"m42\r\n.*ready\$ \Z"),
            *typed("pwd"),
        ),
        ((None, "hidden", "no-echo"), "pwd"),
    ),
    Scenario(
        "hostile-dash-main-screen",
        "A job leaves the alternate screen, on which it is not, while a line is typed.",
        DASH,
        (
            *typed("(sleep 0.3; printf '\\033[?1049l')&"),
            (COMMAND, rb"'2\x1b\[\?1049l"),
            (b"\r", RAN),
            *typed("pwd"),
        ),
        ("(sleep 0.3; printf '\\033[?1049l')&", SHOWN, "pwd"),
    ),
    Scenario(
        "hostile-bash-main-screen",
        "The prompt does it, each time that it is shown again.",
        BASH,
        (
            *typed("PS1='\\[\\e[?1049l\\]ready$ '"),
            (COMMAND, ECHO),
            (b"\x0c", rb"ready\$ echo.*'2"),
            (b"\r", RAN),
            *typed("pwd"),
        ),
        ("PS1='\\[\\e[?1049l\\]ready$ '", SHOWN, "pwd"),
    ),
    Scenario(
        "hostile-dash-reset",
        "A job resets the terminal into a line: nothing shows what it was.",
        DASH,
        (
            *typed("(sleep 0.3; printf '\\033c')&"),
            (COMMAND, rb"'2\x1bc"),
            (b"\r", RAN),
            *typed("pwd"),
        ),
        ("(sleep 0.3; printf '\\033c')&", (None, "hidden", "cut"), "pwd"),
    ),
    Scenario(
        "hostile-bash-alternate-prompt",
        "A prompt on the alternate screen, which is left before the line runs.",
        BASH,
        (
            *typed("PS0=$'\\e[?1049l' PS1=$'\\[\\e[?1049h\\]ready$ '"),
            *enter(),
            *typed("true"),
        ),
        (
            "PS0=$'\\e[?1049l' PS1=$'\\[\\e[?1049h\\]ready$ '",
            (None, "hidden", "alternate"),
            (None, "hidden", "alternate"),
        ),
    ),
    Scenario(
        "hostile-zsh-alternate",
        "Another key than Enter enters a line on the alternate screen.",
        ZSH,
        (
            *typed("printf '\\033[?1049h'", ZSH_READY),
            (COMMAND, ECHO),
            (b"\x1ba", rb"m42\r\n.*ready\$ .*\x1b\[\?2004h"),
        ),
        ("printf '\\033[?1049h'", (None, "hidden", "alternate")),
        first=ZSH_READY,
    ),
    Scenario(
        "hostile-bash-folder",
        "^O puts the next line of the history behind a prompt that has another folder.",
        BASH,
        (
            *typed("PS1='\\w ready$ '"),
            *typed("cd /"),
            *typed(SHOWN, RAN),
            *typed("cd /tmp"),
            (UP + UP + UP, rb"cd /"),
            (b"\x0f", rb"/ ready\$ .*'2"),
            (b"\r", RAN),
            *typed("pwd"),
        ),
        (
            "PS1='\\w ready$ '",
            "cd /",
            SHOWN,
            "cd /tmp",
            "cd /",
            (None, "hidden", "prompt?"),
            "pwd",
        ),
    ),
    Scenario(
        "hostile-zsh-push-line",
        "ESC q keeps a line for the prompt after the next, which has another folder.",
        ZSH,
        (
            *typed("PROMPT='%~ ready$ '", ZSH_READY),
            *typed("true", ZSH_READY),
            (COMMAND, ECHO),
            (b"\x1bq", b"."),
            (b"cd /\r", rb"/ ready\$ (?=.*\x1b\[\?2004h).*'2"),
            (b"\r", rb"m42\r\n.*ready\$ .*\x1b\[\?2004h"),
        ),
        ("PROMPT='%~ ready$ '", "true", "cd /", (None, "hidden", "prompt?")),
        first=ZSH_READY,
    ),
    Scenario(
        "hostile-dash-no-echo",
        "Without echo, ^V and ^U behind a # take nothing away.",
        DASH,
        (*typed("stty -echo"), (b"echo;" + COMMAND + b" #\x16\x15\r", RAN)),
        ("stty -echo", (None, "hidden")),
    ),
    Scenario(
        "hostile-bash-bound-interrupt",
        "^C enters a line that ends as if it was interrupted.",
        BASH,
        (
            *typed("stty intr undef; bind '\"\\C-c\": accept-line'"),
            (COMMAND + b" #^C", rb"#\^C"),
            (b"\x03", RAN),
            *typed("pwd"),
        ),
        ("stty intr undef; bind '\"\\C-c\": accept-line'", f"{SHOWN} #^C", "pwd"),
    ),
    Scenario(
        "hostile-bash-bound-interrupt-alone",
        "^C is a whole line that ends so.",
        BASH,
        (
            *typed("stty intr undef"),
            *typed("m() { echo m42; }"),
            *typed('bind \'"\\C-c": "m #^C\\n"\''),
            (b"\x03", RAN),
            *typed("pwd"),
        ),
        (
            "stty intr undef",
            "m() { echo m42; }",
            'bind \'"\\C-c": "m #^C\\n"\'',
            ("m #^C", "prompt?"),
            "pwd",
        ),
    ),
    Scenario(
        "hostile-zsh-rows",
        "zsh takes a line of two rows where the cursor is in the first.",
        ZSH,
        (
            (b"true", b"e"),
            (b"\x1b\r", rb"\n"),
            (COMMAND, ECHO),
            (UP, rb"\x1b\[A"),
            (b"\r", rb"m42\r\n.*ready\$ .*\x1b\[\?2004h"),
        ),
        (("true", "continued"), (f"true\n{SHOWN}", "prompt?")),
        first=ZSH_READY,
    ),
    Scenario(
        "hostile-zsh-few-rows",
        "zsh shows the end of a long line where the screen is too small for it.",
        ZSH,
        (
            (COMMAND + b"; : " + b"y" * 200, b"y"),
            (LEFT + RIGHT, b"."),
            (b"\r", rb"m42\r\n.*ready\$ .*\x1b\[\?2004h"),
        ),
        ((">...." + " " * 28 + "y" * 101, "cut"),),
        first=ZSH_READY,
        columns=40,
        rows=4,
    ),
)
