"""``auditproxy demo``: its flags and examples, which help and completion need."""

from auditproxy.flags.pflag import BOOL, HELP, STRING, Flag

FLAGS = (
    Flag("once", BOOL, False, "Send a fixed set of requests, show their events and exit."),
    Flag(
        "raw-json",
        BOOL,
        False,
        "Print events as written, one JSON object per line, and nothing else.",
    ),
    Flag(
        "dir",
        STRING,
        "",
        "Folder for certificates, kubeconfig, events and recordings, which is kept: a new or empty "
        "one, or that of an earlier demo, which is emptied first. Empty means a temporary one, "
        "which is removed.",
    ),
    HELP,
)
"""Every flag of ``auditproxy demo``."""

EXAMPLES = (
    ("Run until Ctrl-C; it shows what to type in another terminal.", "auditproxy demo"),
    (
        "The events and the lines of the session log themselves.",
        "auditproxy demo --raw-json | jq .",
    ),
    ("A self-test that exits.", "auditproxy demo --once"),
)
"""What help shows first: a comment and a command line."""
