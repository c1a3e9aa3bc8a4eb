"""--audit-redact and its key, read from files."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.audit.redaction.decoding import builtin_redactor
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.files.redaction import REDACTION, read_redactor
from auditproxy.files.trustedfile import Remarks
from auditproxy.options import AuditOptions, Options

FILE = "apiVersion: auditproxy.io/v1alpha1\nkind: RedactionConfiguration\nqueryParameters: [password]\n"


def read(**fields: str) -> tuple[Redactor | None, list[str], list[str]]:
    """The redactor, the faults and the notes."""
    remarks = Remarks()
    try:
        redactor = read_redactor(AuditOptions(**fields), remarks, lambda size: b"k" * size)  # type: ignore[arg-type]
    except Unusable as error:
        return None, list(error.faults), remarks.notes
    return redactor, [], remarks.notes


def test_default() -> None:
    """The built-in rules with a random key of 32 bytes."""
    assert read() == (builtin_redactor(b"k" * 32), [], [])


def test_none() -> None:
    """``none`` turns it off and says so at the start."""
    redactor, faults, notes = read(redact="none")
    assert redactor is None
    assert faults == []
    assert notes == ["--audit-redact=none: secrets and tokens in bodies are recorded unchanged"]


def test_files(tmp_path: Path) -> None:
    """A file of rules and a key, whose last newline does not count."""
    (tmp_path / "rules.yaml").write_text(FILE)
    (tmp_path / "key").write_text("0123456789abcdef\n")
    redactor, faults, _ = read(
        redact=str(tmp_path / "rules.yaml"), redact_key_file=str(tmp_path / "key")
    )
    assert faults == []
    assert redactor is not None
    assert "password" in redactor.query_parameters
    assert redactor.key == b"0123456789abcdef"


@pytest.mark.parametrize(
    ("rules", "key", "fault"),
    [
        (None, None, "--audit-redact {rules} cannot be read: No such file or directory"),
        ("kind: X\n", None, "--audit-redact {rules}: kind: must be RedactionConfiguration"),
        (FILE, "short", "--audit-redact-key-file {key} holds fewer than 16 bytes"),
    ],
)
def test_faults(tmp_path: Path, rules: str | None, key: str | None, fault: str) -> None:
    """Each names the flag, the file and what is wrong."""
    paths = {"rules": str(tmp_path / "rules.yaml"), "key": str(tmp_path / "key")}
    if rules is not None:
        (tmp_path / "rules.yaml").write_text(rules)
    if key is not None:
        (tmp_path / "key").write_text(key)
    redactor, faults, _ = read(
        redact=paths["rules"], redact_key_file=paths["key"] if key is not None else ""
    )
    assert redactor is None
    assert any(found.startswith(fault.format(**paths)) for found in faults)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    """A missing key is a fault: with a random one replicas could not be compared."""
    redactor, faults, _ = read(redact_key_file=str(tmp_path / "key"))
    assert redactor is None
    assert faults == [
        f"--audit-redact-key-file {tmp_path / 'key'} cannot be read: No such file or directory; "
        "correct the path"
    ]


def test_a_random_key_stays(tmp_path: Path) -> None:
    """Rules that change keep the key, or digests could not be compared; a key of a file changes."""
    (tmp_path / "rules.yaml").write_text(FILE)
    rules = Options(audit=AuditOptions(redact=str(tmp_path / "rules.yaml")))
    first = REDACTION.read(rules, Remarks())
    assert REDACTION.read_again(rules, Remarks(), first).key == first.key
    assert REDACTION.read(rules, Remarks()).key != first.key
    (tmp_path / "key").write_text("0123456789abcdef")
    keyed = Options(audit=AuditOptions(redact_key_file=str(tmp_path / "key")))
    assert REDACTION.read_again(keyed, Remarks(), first).key == b"0123456789abcdef"


def test_what_is_looked_at() -> None:
    """Rules and key where they are files; nothing where redaction is off."""
    assert REDACTION.paths is not None
    redactor = builtin_redactor(b"k" * 32)
    both = Options(audit=AuditOptions(redact="rules", redact_key_file="key"))
    assert REDACTION.paths(both, redactor) == ("rules", "key")
    assert REDACTION.paths(Options(), redactor) == ()
    assert REDACTION.paths(Options(audit=AuditOptions(redact="none")), None) == ()
