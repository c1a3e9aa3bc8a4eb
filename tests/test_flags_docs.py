"""docs/flags.md and the flags of every command say the same."""

import re
from pathlib import Path

import pytest
import yaml

from auditproxy.cli import DEMO_FLAGS
from auditproxy.commands.certs import FLAGS as CERTS_FLAGS
from auditproxy.commands.kubeconfig import FLAGS as KUBECONFIG_FLAGS
from auditproxy.flags.configfile import parse_configuration
from auditproxy.flags.pflag import Flag, parse
from auditproxy.flags.serve import FLAGS, SETTINGS, options_from
from auditproxy.options import validate
from tests.documents import DOCUMENTS, ROOT

PAGE = (Path(__file__).parents[1] / "docs" / "flags.md").read_text(encoding="utf-8")

KEYS = {setting.flag.name: f"`{setting.section}.{setting.key}`" for setting in SETTINGS}


def row(flag: Flag, *, with_key: bool) -> str:
    """The table's row of one flag."""
    names = f"`-{flag.shorthand}`, `--{flag.name}`" if flag.shorthand else f"`--{flag.name}`"
    cells = [
        names,
        flag.kind.name or "bool",
        f"`{flag.shown_default}`",
        flag.usage.replace("|", "\\|").replace("*", "\\*"),
    ]
    if with_key:
        cells.append(KEYS.get(flag.name, ""))
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def section(title: str) -> list[str]:
    """The rows of flags below a heading, up to the next one."""
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"docs/flags.md has no heading {title}"
    text = re.split(r"\n## ", rest)[0]
    return [line for line in text.splitlines() if line.startswith("| `-")]


@pytest.mark.parametrize("title", list(dict.fromkeys(flag.section for flag in FLAGS)))
def test_serve(title: str) -> None:
    """Every flag of serve has its row: type, default, meaning and key, in the order of help."""
    rows = [row(flag, with_key=True) for flag in FLAGS if flag.section == title]
    assert section(title) == rows


@pytest.mark.parametrize(
    ("title", "flags"),
    [
        ("auditproxy kubeconfig", KUBECONFIG_FLAGS),
        ("auditproxy demo", DEMO_FLAGS),
        ("auditproxy certs", CERTS_FLAGS),
    ],
)
def test_other_commands(title: str, flags: tuple[Flag, ...]) -> None:
    """Their flags have rows without a key; ``--help`` is the same everywhere."""
    rows = [row(flag, with_key=False) for flag in flags if flag.name != "help"]
    assert section(title) == rows


def test_no_other_flag_is_named() -> None:
    """Flags in the prose exist, here or in the list of what is not there yet."""
    known = {flag.name for flag in (*FLAGS, *KUBECONFIG_FLAGS, *DEMO_FLAGS, *CERTS_FLAGS)}
    known |= {flag.alias for flag in FLAGS}
    named = set(re.findall(r"--([a-z][a-z-]*[a-z])", PAGE))
    assert named <= known


def test_the_example_is_a_sound_configuration() -> None:
    """The configuration file on the page can be used as it stands."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    read = parse_configuration(example, "/etc/auditproxy/proxy.yaml")
    assert read.faults == ()
    assert validate(options_from(read.values)) == ()
    assert set(yaml.safe_load(example)) >= {"serving", "upstream", "authentication", "audit"}


_NAMES = (
    # kubectl
    "all as cert context current duration flatten from-file key minify output raw selector since"
    " token type user"
    # kube-apiserver
    " enable-bootstrap-token-auth"
    # aws
    " addon-name cluster-name query resources-vpc-config"
    # az
    " admin api-server-authorized-ip-ranges disable-local-accounts disable-run-command"
    " enable-private-cluster resource-group"
    # gcloud
    " enable-master-authorized-networks enable-private-endpoint internal-ip"
    " issue-client-certificate location no-enable-dns-access"
    # docker
    " platform ulimit"
    # tools and tests of the project
    " api apimachinery count level module no-cbor release seconds seed write"
)
OTHER_PROGRAMS = frozenset(_NAMES.split())
"""Flags of other programs that documents name."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_flags_in_prose(path: Path) -> None:
    """A document names flags that exist, and gives the proxy's own values that they take."""
    flags = {flag.name: flag for flag in FLAGS}
    known = {flag.name for flag in (*FLAGS, *KUBECONFIG_FLAGS, *DEMO_FLAGS, *CERTS_FLAGS)}
    known |= {flag.alias for flag in FLAGS} | OTHER_PROGRAMS
    text = path.read_text(encoding="utf-8")
    # Neither a drawn arrow nor the family of flags that a star or a placeholder stands for.
    for name, value in re.findall(
        r"(?<![\w-])--(?!https\b)([a-z][a-z0-9-]*[a-z0-9])(?![a-z0-9-]*[*<])(?:=([^\s`)|,;\"]*))?",
        text,
    ):
        assert name in known, f"--{name}"
        if value and name in flags and name not in {"name", "kubeconfig"} and not value.isupper():
            assert parse([f"--{name}={value}"], FLAGS).faults == (), f"--{name}={value}"
