"""Where a chain continues at the start: behind the last line, or as a new one that says why."""

from dataclasses import dataclass

from auditproxy.audit.chain.checkpoints import Checkpoint, Reason
from auditproxy.audit.chain.links import (
    NOTHING,
    ChainEnd,
    Link,
    digest_of_line,
    is_sound,
    read_link,
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a log's chain begins or continues, and what its first checkpoint says."""

    end: ChainEnd
    reason: Reason
    message: str = ""
    """Why the chain of the log was not continued; "" where it was, or there was none."""
    after: str = ""
    """The end of that chain, CHAIN/NUMBER."""
    is_broken: bool = False
    """Whether a chain was there that should have been continued."""


def beginning(line: bytes, last: Checkpoint | None, new_chain: str) -> Beginning:
    """Return how the chain continues behind the log's last line, b"" where there is none.

    ``last`` is the last checkpoint of the log, None without any; ``new_chain`` is the name of a
    chain that begins, 16 hexadecimal digits.
    """
    link = read_link(line)
    message = _fault(line, link, last)
    if link is not None and not message:
        return Beginning(ChainEnd(link.chain, link.number, link.digest), "Resumed")
    before = digest_of_line(line) if line else NOTHING
    after = "" if link is None else f"{link.chain}/{link.number}"
    is_broken = bool(message) and (link is not None or last is not None)
    return Beginning(ChainEnd(new_chain, 0, before), "ChainBegan", message, after, is_broken)


def _fault(line: bytes, link: Link | None, last: Checkpoint | None) -> str:
    """Why there is no chain that can be continued."""
    signed = f"line {last.number} of chain {last.chain} was signed" if last else ""
    if not line:
        return f"the log was empty, and {signed}" if last and last.number else ""
    if link is None:
        return "the last line of the log before it had no place in a chain"
    if not is_sound(line, link):
        return "the last line of the log was changed"
    if last is None:
        return ""
    if last.chain != link.chain:
        return f"the last line of the log was of chain {link.chain}, and {signed}"
    if last.number > link.number:
        return f"the last line of the log was line {link.number}, and {signed}"
    if last.number == link.number and last.digest != link.digest:
        return f"the last line of the log was not the line {link.number} that was signed"
    return ""
