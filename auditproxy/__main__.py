"""``python -m auditproxy``: the same as the command ``auditproxy``; and what kubectl runs."""

import sys

from auditproxy.cli import commands, main
from auditproxy.flags.program import PLUGIN, completed


def kubectl_audit() -> int:
    """``kubectl audit ...``, installed as ``kubectl-audit``; the exit code."""
    return main(program=PLUGIN)


def kubectl_complete_audit() -> int:
    """What kubectl asks to complete ``kubectl audit ...``; the exit code."""
    for line in completed(sys.argv[1:], commands()):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
