"""Audit ids: UUIDs of version 4 that no two requests and no two processes share."""

import subprocess
import sys
import uuid
from collections import Counter

from auditproxy.app.auditids import MADE_AT_ONCE, new_audit_id


def test_uuids_of_version_4() -> None:
    """Each is spelled as the uuid module spells it, of the variant and version that it should be."""
    ids = [new_audit_id() for _ in range(MADE_AT_ONCE * 3)]
    for text in ids:
        read = uuid.UUID(text)
        assert str(read) == text
        assert read.version == 4
        assert read.variant == uuid.RFC_4122
    assert len(set(ids)) == len(ids)


def test_every_free_digit_is_random() -> None:
    """All digits occur at every place that is not fixed, about as often as each other."""
    ids = [new_audit_id() for _ in range(MADE_AT_ONCE * 16)]
    for place, letter in enumerate("xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx"):
        found = Counter(text[place] for text in ids)
        if letter in "-4":
            assert set(found) == {letter}
        else:
            # Each count is 256 or 1024 on average; twelve deviations from it do not happen.
            digits = "89ab" if letter == "N" else "0123456789abcdef"
            mean = len(ids) / len(digits)
            assert set(found) == set(digits)
            assert max(abs(count - mean) for count in found.values()) < 12 * mean**0.5


FORKING = """
import os, sys
from auditproxy.app.auditids import MADE_AT_ONCE, new_audit_id
new_audit_id()
child = os.fork()
if child:
    os.waitpid(child, 0)
print(" ".join(new_audit_id() for _ in range(MADE_AT_ONCE)), "", flush=True)
os._exit(0)
"""


def test_a_fork_gives_out_others() -> None:
    """What was made before a fork is given out by the parent alone."""
    # A process of its own: in this one other tests may have left threads.
    done = subprocess.run(
        (sys.executable, "-c", FORKING), capture_output=True, text=True, timeout=30, check=True
    )
    ids = done.stdout.split()
    assert len(ids) == len(set(ids)) == 2 * MADE_AT_ONCE
