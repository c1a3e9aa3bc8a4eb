"""Policies of tests, written as their rules' selectors, and command lines about them."""

from auditproxy.apis.audit import Policy
from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.commands.policy.command import FLAGS, run_policy
from auditproxy.flags.pflag import parse

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def resources(*texts: str, group: str = "") -> str:
    """The selector of resources of a group."""
    return f"resources: [{{group: '{group}', resources: [{', '.join(map(repr, texts))}]}}]"


def policy_text(*rules: str, head: str = "") -> bytes:
    """A policy of rules; one without a level has the level Metadata."""
    lines = [rule if "level:" in rule else f"level: Metadata, {rule}" for rule in rules]
    body = "".join(f"- {{{line.rstrip(', ')}}}\n" for line in lines)
    return f"{HEAD}{head}rules:\n{body}".encode()


def policy_of(*rules: str, head: str = "") -> Policy:
    """The same, loaded."""
    return load_policy(policy_text(*rules, head=head))[0]


class Text:
    """What is written; ``is_terminal`` is what it says of itself."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        self.text = ""
        self._is_terminal = is_terminal

    def write(self, text: str) -> None:
        """Keep it."""
        self.text += text

    def isatty(self) -> bool:
        """Whether somebody watches."""
        return self._is_terminal


def run(*words: str, is_terminal: bool = False) -> tuple[int, str, str]:
    """Exit code, standard output, standard error; raises Unusable."""
    out, err = Text(), Text(is_terminal=is_terminal)
    code = run_policy(parse(words, FLAGS), out, err)
    return code, out.text, err.text
