"""What is asked of both trails."""

from pathlib import Path

import msgspec
import pytest

from auditproxy.commands.reconcile import statements
from auditproxy.commands.reconcile.pairing import SideRecord
from auditproxy.reading.sql.asking import ask
from auditproxy.reading.sql.store import StoredFile, is_one_select
from tests.fakes.trails import event, write


@pytest.mark.parametrize("key", [statements.BY_AUDIT_ID, statements.BY_CONTENT])
def test_records(tmp_path: Path, key: str) -> None:
    """As SideRecord has them, by key and time."""
    ours = write(
        tmp_path / "a", [event(name="p", at="11:00:00"), event("create", "pods", code=201)]
    )
    theirs = write(
        tmp_path / "b", [event(name="p", at="11:00:00"), event("create", "pods", "made", code=201)]
    )
    files = [StoredFile(str(ours), statements.OURS), StoredFile(str(theirs), statements.THEIRS)]
    answer = ask(files, str(tmp_path), statements.records(key))
    found = [msgspec.convert(row, SideRecord) for row in answer.rows]
    assert [one.key for one in found] == sorted(one.key for one in found)
    assert [one.is_ours for one in found].count(True) == 2
    by_key = {one.key for one in found if one.is_ours} == {
        one.key for one in found if not one.is_ours
    }
    assert by_key is (key == statements.BY_CONTENT)


@pytest.mark.parametrize(
    "statement", [statements.BOUNDS, statements.PEERS, statements.ACCOUNT, statements.KINDS]
)
def test_statements(statement: str) -> None:
    """Each is one."""
    assert is_one_select(statement)
