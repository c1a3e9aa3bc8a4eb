"""Writes the tables of docs/flags.md: ``make docs``.

    python -m tests.flags_page

A table stands below the heading of its flags. The rest of the page is prose, written by hand. Type,
default, meaning and key of a row come from the declaration of the flag.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from auditproxy.commands.alerts.command import FLAGS as ALERTS_FLAGS
from auditproxy.commands.certs import FLAGS as CERTS_FLAGS
from auditproxy.commands.demo.flags import FLAGS as DEMO_FLAGS
from auditproxy.commands.events.command import EVENTS
from auditproxy.commands.kubeconfig.command import FLAGS as KUBECONFIG_FLAGS
from auditproxy.commands.policy.command import FLAGS as POLICY_FLAGS
from auditproxy.commands.rbac.command import RBAC
from auditproxy.commands.reconcile.command import RECONCILE
from auditproxy.commands.report.command import REPORT
from auditproxy.commands.sessions.command import SESSIONS
from auditproxy.commands.verify.command import VERIFY
from auditproxy.commands.view.command import VIEW
from auditproxy.flags.pflag import Flag
from auditproxy.flags.serve import FLAGS
from auditproxy.flags.settings import SETTINGS

PAGE = Path(__file__).parents[1] / "docs" / "flags.md"

_COLUMNS = ("flag", "type", "default", "meaning")
_KEY_COLUMN = "key in the file"
_KEYS = {setting.flag.name: f"`{setting.section}.{setting.key}`" for setting in SETTINGS}
_HEADING = re.compile(r"^(?=## )", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def tables() -> Mapping[str, str]:
    """The table of each section, by its heading."""
    titles = dict.fromkeys(flag.section for flag in FLAGS)
    found = {
        title: table([flag for flag in FLAGS if flag.section == title], has_keys=True)
        for title in titles
    }
    for command, flags in (
        ("kubeconfig", KUBECONFIG_FLAGS),
        ("demo", DEMO_FLAGS),
        ("certs", CERTS_FLAGS),
        ("sessions", SESSIONS.flags),
        ("alerts", ALERTS_FLAGS),
        ("policy", POLICY_FLAGS),
        ("reconcile", RECONCILE.flags),
        ("verify", VERIFY.flags),
        ("events", EVENTS.flags),
        ("report", REPORT.flags),
        ("view", VIEW.flags),
        ("rbac", RBAC.flags),
    ):
        # --help is the same everywhere.
        rows = [flag for flag in flags if flag.name != "help"]
        found[f"auditproxy {command}"] = table(rows, has_keys=False)
    return found


def table(flags: Sequence[Flag], *, has_keys: bool) -> str:
    """The rows of flags in Markdown, with or without their keys in the configuration file."""
    columns = (*_COLUMNS, _KEY_COLUMN) if has_keys else _COLUMNS
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [_row(flag, has_keys=has_keys) for flag in flags]
    return "".join(f"{line}\n" for line in lines)


def _row(flag: Flag, *, has_keys: bool) -> str:
    names = f"`-{flag.shorthand}`, `--{flag.name}`" if flag.shorthand else f"`--{flag.name}`"
    cells = [
        names,
        flag.kind.name or "bool",
        f"`{flag.shown_default}`",
        flag.usage.replace("|", "\\|").replace("*", "\\*"),
    ]
    if has_keys:
        cells.append(_KEYS.get(flag.name, ""))
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def with_tables(page: str, by_title: Mapping[str, str]) -> str:
    """The page with these tables in place of those that stand below their headings.

    Raises ValueError unless each heading is on the page once, with one table in its section:
    otherwise a table would be missing, or stay as it was.
    """
    sections = _HEADING.split(page)
    titles = [section.partition("\n")[0].removeprefix("## ") for section in sections]
    for title, text in by_title.items():
        if titles.count(title) != 1:
            raise ValueError(f"the page needs one heading {title!r}, and has {titles.count(title)}")
        position = titles.index(title)
        replaced, count = _TABLE.subn(lambda _, text=text: text, sections[position])
        if count != 1:
            raise ValueError(f"the section {title!r} needs one table, and has {count}")
        sections[position] = replaced
    return "".join(sections)


def main() -> int:
    """Write the page."""
    try:
        page = with_tables(PAGE.read_text(encoding="utf-8"), tables())
    except ValueError as error:
        print(f"{PAGE}: {error}; correct the page, then run this again", file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
