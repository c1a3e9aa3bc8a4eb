"""``python -m auditproxy``: the same as the command ``auditproxy``."""

import sys

from auditproxy.cli import main

if __name__ == "__main__":
    sys.exit(main())
