"""docs/flags.md and the flags of every command say the same."""

import re
from pathlib import Path

import pytest
import yaml

from auditproxy.commands.alerts.command import FLAGS as ALERTS_FLAGS
from auditproxy.commands.certs import FLAGS as CERTS_FLAGS
from auditproxy.commands.demo.flags import FLAGS as DEMO_FLAGS
from auditproxy.commands.events.command import EVENTS
from auditproxy.commands.kubeconfig.command import FLAGS as KUBECONFIG_FLAGS
from auditproxy.commands.policy.command import POLICY
from auditproxy.commands.rbac.command import RBAC
from auditproxy.commands.reconcile.command import RECONCILE
from auditproxy.commands.sessions.command import SESSIONS
from auditproxy.commands.verify.command import VERIFY
from auditproxy.commands.view.command import VIEW
from auditproxy.flags.configfile import parse_configuration
from auditproxy.flags.pflag import BYTES, Flag, parse
from auditproxy.flags.serve import FLAGS, options_from
from auditproxy.options import validate
from tests.documents import DOCUMENTS, ROOT
from tests.flags_page import PAGE as PAGE_PATH
from tests.flags_page import table, tables, with_tables

PAGE = PAGE_PATH.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_declarations() -> None:
    """Type, default, meaning and key of every flag, in the order of help, as ``make docs`` writes them."""
    assert with_tables(PAGE, tables()) == PAGE, "docs/flags.md is not up to date; run make docs"


def test_a_table_is_replaced_below_its_prose() -> None:
    """The prose and the other sections stay as they are."""
    flag = Flag("size", BYTES, 1024, "Size of a|b, * is all.", shorthand="s")
    page = "# Flags\n\n## One\n\nProse.\n\n| old |\n|---|\n| row |\n\nMore.\n\n## Two\n\n| kept |\n"
    written = table([flag], has_keys=False)
    assert written == (
        "| flag | type | default | meaning |\n|---|---|---|---|\n"
        "| `-s`, `--size` | bytes | `1KiB` | Size of a\\|b, \\* is all. |\n"
    )
    assert with_tables(page, {"One": written}) == page.replace("| old |\n|---|\n| row |\n", written)


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("# Flags\n", "the page needs one heading 'One', and has 0"),
        ("## One\n| a |\n## One\n| b |\n", "the page needs one heading 'One', and has 2"),
        ("## One\nProse.\n", "the section 'One' needs one table, and has 0"),
        ("## One\n| a |\n\n| b |\n", "the section 'One' needs one table, and has 2"),
    ],
)
def test_no_table_is_lost(page: str, fault: str) -> None:
    """A section without its heading or its table is an error, not a page without the table."""
    with pytest.raises(ValueError) as raised:
        with_tables(page, {"One": "| new |\n"})
    assert str(raised.value) == fault


def test_no_other_flag_is_named() -> None:
    """Flags in the prose exist, here or in the list of what is not there yet."""
    known = {
        flag.name for flag in (*FLAGS, *KUBECONFIG_FLAGS, *DEMO_FLAGS, *CERTS_FLAGS, *ALERTS_FLAGS)
    }
    known |= {flag.alias for flag in FLAGS}
    commands = (SESSIONS, EVENTS, POLICY, RBAC, RECONCILE, VERIFY, VIEW)
    known |= {flag.name for command in commands for flag in command.flags}
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
    "all as cert context copy-to current dry-run duration flatten from-file key minify output raw selector since"
    " token type user"
    # kube-apiserver
    " enable-bootstrap-token-auth"
    # jq
    " arg"
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
    # kubectl cp, a secret in a command line, and bash
    " noediting password retries"
    # tools and tests of the project
    " api apimachinery count level lines list loops module no-cbor only profile release rounds seconds seed times"
    " write"
)
OTHER_PROGRAMS = frozenset(_NAMES.split())
"""Flags of other programs that documents name."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_flags_in_prose(path: Path) -> None:
    """A document names flags that exist, and gives the proxy's own values that they take."""
    flags = {flag.name: flag for flag in FLAGS}
    known = {
        flag.name for flag in (*FLAGS, *KUBECONFIG_FLAGS, *DEMO_FLAGS, *CERTS_FLAGS, *ALERTS_FLAGS)
    }
    known |= {flag.alias for flag in FLAGS} | OTHER_PROGRAMS
    commands = (SESSIONS, EVENTS, POLICY, RBAC, RECONCILE, VERIFY, VIEW)
    known |= {flag.name for command in commands for flag in command.flags}
    text = path.read_text(encoding="utf-8")
    # Neither a drawn arrow nor the family of flags that a star or a placeholder stands for.
    for name, value in re.findall(
        r"(?<![\w-])--(?!https\b)([a-z][a-z0-9-]*[a-z0-9])(?![a-z0-9-]*[*<])(?:=([^\s`)|,;\"]*))?",
        text,
    ):
        assert name in known, f"--{name}"
        if value and name in flags and name not in {"name", "kubeconfig"} and not value.isupper():
            assert parse([f"--{name}={value}"], FLAGS).faults == (), f"--{name}={value}"
