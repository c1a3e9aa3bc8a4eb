"""A row of the flag tables and its place in Options and in the configuration file."""

import pytest

from auditproxy.flags.pflag import STRING
from auditproxy.flags.settings import AUDITING, camel_case, setting


@pytest.mark.parametrize(
    ("name", "key"), [("v", "v"), ("audit-log-path", "auditLogPath"), ("cert-dir", "certDir")]
)
def test_camel_case(name: str, key: str) -> None:
    """A key in the file is the flag's name."""
    assert camel_case(name) == key


def test_setting() -> None:
    """The default is that of Options; both backends stand in the file's group ``audit``."""
    row = setting("audit_log.path", "audit-log-path", STRING, "Where.", is_path=True)
    assert (row.flag.default, row.flag.section, row.is_path) == ("", AUDITING, True)
    assert (row.group, row.field, row.section, row.key) == (
        "audit_log",
        "path",
        "audit",
        "auditLogPath",
    )


def test_unknown_place() -> None:
    """A row for a field that is not there fails when the table is made."""
    with pytest.raises(AttributeError):
        setting("audit_log.nothing", "nothing", STRING, "Nothing.")
